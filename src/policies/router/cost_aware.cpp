// Router `cost_aware`: cheap replicas first, as long as they have room.
#include <algorithm>
#include <limits>
#include <vector>

#include "policies/builtin_entries.hpp"
#include "policies/router/winner_tree.hpp"

namespace plimsoll {
namespace {

/// Replicas of one cost per capacity form a group with a winner tree of its own; there are as many
/// groups as unlike prices.
class CostAware final : public Router {
 public:
  explicit CostAware(double fill) : fill_{fill} {}

  void reset(std::uint32_t replicas) override {
    groups_.clear();
    by_cost_.clear();
    members_.assign(replicas, Member{});
  }

  void update(std::uint32_t replica, const ReplicaLoad& load, Draws& draws) override {
    const double measure = load.accepting ? static_cast<double>(load.outstanding + 1) / load.weight
                                          : std::numeric_limits<double>::infinity();
    const std::size_t group = group_of(load);
    Member& member = members_[replica];
    if (member.group != group && member.group < groups_.size()) {
      groups_[member.group].tree.update(replica, std::numeric_limits<double>::infinity(), 0);
    }
    member = {measure,
              static_cast<double>(load.outstanding + 1) <= fill_ * static_cast<double>(load.slots),
              group};
    groups_[group].tree.update(replica, measure, draws());
  }

  RouteDecision pick(const RequestView&, Draws&) override {
    std::uint32_t least = RouteDecision::none;
    for (const std::size_t group : by_cost_) {
      const std::uint32_t best = groups_[group].tree.best();
      if (best == RouteDecision::none) {
        continue;
      }
      if (members_[best].has_room) {
        return {best, "cheapest that has room"};
      }
      if (least == RouteDecision::none || members_[best].measure < members_[least].measure) {
        least = best;
      }
    }
    return {least, "none has room: fewest outstanding requests per capacity"};
  }

 private:
  struct Group {
    double cost = 0;  // $/h per unit of capacity
    WinnerTree tree;
  };
  struct Member {
    double measure = 0;  // outstanding requests per capacity
    bool has_room = false;
    std::size_t group = std::numeric_limits<std::size_t>::max();  // none yet
  };

  std::size_t group_of(const ReplicaLoad& load) {
    const double cost = load.dollars_per_hour / load.weight;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (groups_[i].cost == cost) {
        return i;
      }
    }
    Group& group = groups_.emplace_back();
    group.cost = cost;
    group.tree.reset(static_cast<std::uint32_t>(members_.size()));
    by_cost_.push_back(groups_.size() - 1);
    std::sort(by_cost_.begin(), by_cost_.end(),
              [this](std::size_t a, std::size_t b) { return groups_[a].cost < groups_[b].cost; });
    return groups_.size() - 1;
  }

  double fill_;
  std::vector<Group> groups_;
  std::vector<std::size_t> by_cost_;
  std::vector<Member> members_;  // by replica
};

}  // namespace

PolicyEntry<Router> cost_aware_router_entry() {
  return {
      {"cost_aware",
       "The replicas that cost least per capacity first, and among equal ones the one with the "
       "fewest outstanding requests per capacity, as long as it has free slots; when no pool "
       "has any, the least loaded of all.",
       {{"fill", ParamKind::ratio, "0.8",
         "Share of the sequences that slots and KV memory let run in a replica that is filled "
         "before dearer ones are used.",
         0.001, 100}}},
      [](const PolicyParams& params) { return std::make_unique<CostAware>(params.ratio("fill")); }};
}

}  // namespace plimsoll
