// What least_requests and least_kv share: a winner tree over some measure of load.
#pragma once

#include "policies/router/winner_tree.hpp"

namespace plimsoll {

/// `Measure` is a stateless function object: double operator()(const ReplicaLoad&).
template <class Measure>
class LeastLoadedRouter final : public Router {
 public:
  explicit LeastLoadedRouter(const char* reason) : reason_{reason} {}

  void reset(std::uint32_t replicas) override { tree_.reset(replicas); }

  void update(std::uint32_t replica, const ReplicaLoad& load, Draws& draws) override {
    const double measure =
        load.accepting ? Measure{}(load) : std::numeric_limits<double>::infinity();
    tree_.update(replica, measure, draws());
  }

  RouteDecision pick(const RequestView&, Draws&) override { return {tree_.best(), reason_}; }

 private:
  const char* reason_;
  WinnerTree tree_;
};

}  // namespace plimsoll
