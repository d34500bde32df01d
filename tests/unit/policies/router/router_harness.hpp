// A router by name with the draws that it needs, for tests of routers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll::testing {

inline ReplicaLoad with_requests(std::int64_t outstanding, double weight = 1.0) {
  ReplicaLoad load;
  load.outstanding = outstanding;
  load.weight = weight;
  return load;
}

inline ReplicaLoad closed() {
  ReplicaLoad load;
  load.accepting = false;
  return load;
}

class RouterHarness {
 public:
  RouterHarness(const std::string& name, std::uint32_t replicas, std::int64_t choices = 2) {
    PolicyConfig config;
    config.policy = name;
    config.params.set_number("choices", static_cast<double>(choices));
    config.params.set_number("bound", 1.25);
    config.params.set_number("points", 128);
    config.params.set_number("headroom", 0.5);
    config.params.set_number("otherwise", 2e9);
    config.params.set_number("fill", 0.8);
    router_ = builtin_policies().routers.make(config);
    router_->reset(replicas);
  }

  void tell(std::uint32_t replica, const ReplicaLoad& load) {
    router_->update(replica, load, draws_);
  }
  void tell_all(const std::vector<ReplicaLoad>& loads) {
    for (std::size_t i = 0; i < loads.size(); ++i) {
      tell(static_cast<std::uint32_t>(i), loads[i]);
    }
  }
  std::uint32_t pick() { return router_->pick(RequestView{}, draws_).replica; }
  Router& router() { return *router_; }
  Draws& draws() { return draws_; }

 private:
  std::unique_ptr<Router> router_;
  Draws draws_ = RandomStream{42, "router"}.of(0);
};

/// How often each of `replicas` is picked when the same loads are told and asked `times` times.
inline std::vector<int> picks_of(RouterHarness& harness, const std::vector<ReplicaLoad>& loads,
                                 int times) {
  std::vector<int> picks(loads.size(), 0);
  for (int i = 0; i < times; ++i) {
    harness.tell_all(loads);
    ++picks.at(harness.pick());
  }
  return picks;
}

}  // namespace plimsoll::testing
