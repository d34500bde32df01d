// Router `random`: any accepting replica, by lot.
#include "policies/builtin_entries.hpp"
#include "policies/router/accepting_set.hpp"

namespace plimsoll {
namespace {

class Random final : public Router {
 public:
  void reset(std::uint32_t replicas) override { accepting_.reset(replicas); }
  void update(std::uint32_t replica, const ReplicaLoad& load, Draws&) override {
    accepting_.set(replica, load.accepting);
  }
  RouteDecision pick(const RequestView&, Draws& draws) override {
    if (accepting_.size() == 0) {
      return {RouteDecision::none, "no replica accepts"};
    }
    return {accepting_[draws.below(accepting_.size())], "drawn by lot"};
  }

 private:
  AcceptingSet accepting_;
};

}  // namespace

PolicyEntry<Router> random_entry() {
  return {{"random", "Any accepting replica with equal probability, blind to load.", {}},
          [](const PolicyParams&) { return std::make_unique<Random>(); }};
}

}  // namespace plimsoll
