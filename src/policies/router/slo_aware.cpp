// Router `slo_aware`: the cheapest, fullest replica that is still expected to answer in time.
#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

/// The prediction: a request waits until the prompts before it are computed, and, where all slots
/// are taken, until as many requests as stand before it have ended; then its own prompt follows.
///   TTFT = (pending + prompt) / prefill_rate + max(0, outstanding + 1 - slots) / request_rate
/// All but the own prompt is the backlog, by which each pool's replicas are ordered; those of one
/// pool that cost unlike sums, bought from several offers, stand apart.
class SloAware final : public Router {
 public:
  SloAware(double headroom, Duration otherwise) : headroom_{headroom}, otherwise_{otherwise} {}

  void reset(std::uint32_t replicas) override {
    pools_.clear();
    by_cost_.clear();
    places_.assign(replicas, Place{});
  }

  void update(std::uint32_t replica, const ReplicaLoad& load, Draws& draws) override {
    const std::uint32_t tie = draws();
    Place& place = places_[replica];
    const Key key{backlog_of(load), load.outstanding, tie, replica};
    const std::size_t pool = pool_of(load);
    if (place.inside && load.accepting) {
      auto node = pools_[place.pool].open.extract(place.key);  // used again: nothing is allocated
      node.value() = key;
      pools_[pool].open.insert(std::move(node));
    } else if (place.inside) {
      pools_[place.pool].open.erase(place.key);
    } else if (load.accepting) {
      pools_[pool].open.insert(key);
    }
    place = {load.accepting, key, pool};
  }

  RouteDecision pick(const RequestView& request, Draws&) override {
    const Duration objective =
        (request.ttft_objective == Duration::max() ? otherwise_ : request.ttft_objective) -
        request.on_the_way;
    const double allowed = headroom_ * static_cast<double>(objective.count());
    const Pool* soonest = nullptr;
    double least = std::numeric_limits<double>::infinity();
    for (const std::size_t index : by_cost_) {
      const Pool& pool = pools_[index];
      if (pool.open.empty()) {
        continue;
      }
      const double own = static_cast<double>(request.prompt_tokens) / pool.prefill_rate * 1e9;
      const double best = static_cast<double>(pool.open.begin()->backlog) + own;
      if (best <= allowed) {
        return {fullest_within(pool, static_cast<std::int64_t>(allowed - own)),
                "cheapest and fullest that answers in time"};
      }
      if (best < least) {
        least = best;
        soonest = &pool;
      }
    }
    return {soonest == nullptr ? RouteDecision::none : soonest->open.begin()->replica,
            "none answers in time: the soonest"};
  }

  bool follows_prefill() const override { return true; }
  bool follows_clients() const override { return true; }

 private:
  /// Among equal backlogs the one with fewer outstanding requests counts as fuller, since it
  /// decodes faster; then by lot.
  struct Key {
    std::int64_t backlog = 0;  // ns
    std::int64_t outstanding = 0;
    std::uint32_t tie = 0;
    std::uint32_t replica = 0;
    bool operator<(const Key& other) const {
      if (backlog != other.backlog) {
        return backlog < other.backlog;
      }
      if (outstanding != other.outstanding) {
        return outstanding > other.outstanding;
      }
      return tie != other.tie ? tie < other.tie : replica < other.replica;
    }
  };
  struct Place {
    bool inside = false;
    Key key;
    std::size_t pool = 0;
  };
  struct Pool {
    std::uint32_t id = 0;
    double cost = 0;  // $/h per unit of capacity
    double prefill_rate = 1;
    std::set<Key> open;  // replicas that accept
  };

  static std::int64_t backlog_of(const ReplicaLoad& load) {
    const auto before = static_cast<double>(std::max<std::int64_t>(0, load.pending_prompt_tokens));
    const auto in_line =
        static_cast<double>(std::max<std::int64_t>(0, load.outstanding + 1 - load.slots));
    const double seconds = before / load.prefill_rate + in_line / load.request_rate;
    return static_cast<std::int64_t>(std::min(seconds, 1e9) * 1e9);
  }

  /// The largest backlog that is at most `most`; one is.
  static std::uint32_t fullest_within(const Pool& pool, std::int64_t most) {
    constexpr std::uint32_t last = std::numeric_limits<std::uint32_t>::max();
    const auto after = pool.open.upper_bound(Key{most, -1, last, last});
    return after == pool.open.begin() ? after->replica : std::prev(after)->replica;
  }

  std::size_t pool_of(const ReplicaLoad& load) {
    const double cost = load.dollars_per_hour / load.weight;
    for (std::size_t i = 0; i < pools_.size(); ++i) {
      if (pools_[i].id == load.pool && pools_[i].cost == cost) {
        return i;
      }
    }
    Pool& pool = pools_.emplace_back();
    pool.id = load.pool;
    pool.cost = cost;
    pool.prefill_rate = load.prefill_rate;
    by_cost_.push_back(pools_.size() - 1);
    std::stable_sort(by_cost_.begin(), by_cost_.end(), [this](std::size_t a, std::size_t b) {
      return pools_[a].cost < pools_[b].cost;
    });
    return pools_.size() - 1;
  }

  double headroom_;
  Duration otherwise_;
  std::vector<Pool> pools_;
  std::vector<std::size_t> by_cost_;
  std::vector<Place> places_;  // by replica
};

}  // namespace

PolicyEntry<Router> slo_aware_entry() {
  return {
      {"slo_aware",
       "The cheapest pool, and in it the fullest replica, whose predicted time to first token "
       "(pending prompts over prefill rate, and requests in line over request rate) keeps the "
       "tier's objective, of which the way to the service has used its part; when none does, the "
       "one predicted to answer first.",
       {{"headroom", ParamKind::ratio, "0.5",
         "Share of the objective that the prediction may use up.", 0, 10},
        {"otherwise", ParamKind::duration, "2s", "Objective of tiers without slo.ttft.", 1,
         3.6e12}}},
      [](const PolicyParams& params) {
        return std::make_unique<SloAware>(params.ratio("headroom"), params.duration("otherwise"));
      }};
}

}  // namespace plimsoll
