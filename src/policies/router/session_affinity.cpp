// Router `session_affinity`: consistent hashing with bounded loads (Karger et al. 1997; Mirrokni,
// Thorup, Zadimoghaddam 2018).
#include <algorithm>
#include <vector>

#include "policies/builtin_entries.hpp"
#include "policies/router/winner_tree.hpp"

namespace plimsoll {
namespace {

/// SplitMix64's finalizer.
std::uint64_t scattered(std::uint64_t x) {
  x = (x + 0x9e3779b97f4a7c15ULL) ^ (x >> 30);
  x = (x ^ (x >> 27)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 31)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 32);
}

/// Replicas own points on a ring; a session belongs to the first point from its hash on whose
/// replica accepts and is below the bound. Who comes or goes moves its own sessions only.
class SessionAffinity final : public Router {
 public:
  SessionAffinity(double bound, std::int64_t points) : bound_{bound}, points_{points} {}

  void reset(std::uint32_t replicas) override {
    ring_.clear();
    for (std::uint32_t replica = 0; replica < replicas; ++replica) {
      for (std::int64_t i = 0; i < points_; ++i) {
        const std::uint64_t label = (std::uint64_t{replica} << 16) | static_cast<std::uint64_t>(i);
        ring_.push_back({scattered(scattered(label)), replica});
      }
    }
    std::sort(ring_.begin(), ring_.end(), [](const Point& a, const Point& b) {
      return a.at != b.at ? a.at < b.at : a.replica < b.replica;
    });
    least_.reset(replicas);
    members_.assign(replicas, Member{});
    outstanding_ = 0;
    weight_ = 0;
  }

  void update(std::uint32_t replica, const ReplicaLoad& load, Draws& draws) override {
    Member& member = members_[replica];
    if (member.accepting) {
      outstanding_ -= member.outstanding;
      weight_ -= member.weight;
    }
    member = {load.outstanding, load.weight, load.accepting};
    if (member.accepting) {
      outstanding_ += member.outstanding;
      weight_ += member.weight;
    }
    const double measure = load.accepting ? static_cast<double>(load.outstanding + 1) / load.weight
                                          : std::numeric_limits<double>::infinity();
    least_.update(replica, measure, draws());
  }

  bool follows_sessions() const override { return true; }

  RouteDecision pick(const RequestView& request, Draws& draws) override {
    const std::uint32_t least = least_.best();
    if (least == RouteDecision::none) {
      return {RouteDecision::none, "no replica accepts"};
    }
    const std::uint64_t hash = hash_of(request, draws);
    const double share = bound_ * static_cast<double>(outstanding_ + 1) / weight_;
    auto at = std::lower_bound(ring_.begin(), ring_.end(), hash,
                               [](const Point& p, std::uint64_t h) { return p.at < h; });
    for (int step = 0; step < most_steps; ++step, ++at) {
      at = at == ring_.end() ? ring_.begin() : at;
      const Member& member = members_[at->replica];
      const double room = std::max(1.0, share * member.weight);
      if (member.accepting && static_cast<double>(member.outstanding) < room) {
        return {at->replica, step == 0 ? "its session's replica" : "next to its session's replica"};
      }
    }
    return {least, "the least loaded: those of its session are full"};
  }

 private:
  struct Point {
    std::uint64_t at;
    std::uint32_t replica;
  };
  struct Member {
    std::int64_t outstanding = 0;
    double weight = 1;
    bool accepting = false;
  };
  /// Points looked at before the search is given up: keeps pick() O(log replicas).
  static constexpr int most_steps = 64;

  static std::uint64_t hash_of(const RequestView& request, Draws& draws) {
    if (request.session != 0) {
      return scattered(request.session);
    }
    const std::uint64_t high = draws();
    const std::uint64_t low = draws();
    return (high << 32) | low;
  }

  double bound_;
  std::int64_t points_;
  std::vector<Point> ring_;
  WinnerTree least_;
  std::vector<Member> members_;
  std::int64_t outstanding_ = 0;  // of those that accept
  double weight_ = 0;             // likewise
};

}  // namespace

PolicyEntry<Router> session_affinity_entry() {
  return {{"session_affinity",
           "Requests of one session go to one replica (consistent hashing), as long as it has no "
           "more than `bound` times its share of the outstanding requests; then to the next on the "
           "ring. Requests of no session are spread by lot.",
           {{"bound", ParamKind::ratio, "1.25",
             "Most outstanding requests of a replica, over its share by capacity.", 1, 1000},
            {"points", ParamKind::count, "128", "Points of a replica on the ring.", 1, 4096}}},
          [](const PolicyParams& params) {
            return std::make_unique<SessionAffinity>(params.ratio("bound"), params.count("points"));
          }};
}

}  // namespace plimsoll
