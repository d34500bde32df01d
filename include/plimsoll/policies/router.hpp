// Routers choose the replica that gets a request.
#pragma once

#include <cstdint>
#include <memory>

#include "plimsoll/config.hpp"
#include "plimsoll/policies/registry.hpp"
#include "plimsoll/policies/request_view.hpp"
#include "plimsoll/rng.hpp"

namespace plimsoll {

/// What a router may know of one replica, as last told. Fields change only when a request is
/// assigned or ends, or the replica comes, goes or fills up: never from step to step.
struct ReplicaLoad {
  std::int64_t outstanding = 0;          // requests assigned and not ended
  std::int64_t committed_kv_tokens = 0;  // prompt tokens of those requests
  std::int64_t kv_capacity_tokens = 1;   // of the replica, >= 1
  double weight = 1.0;                   // capacity relative to the fleet's mean replica, > 0
  bool accepting = true;                 // serving, and below the outstanding limit
};

/// The choice: a position among the replicas the router was told of, or none.
struct RouteDecision {
  static constexpr std::uint32_t none = 0xffffffffU;
  std::uint32_t replica = none;
  const char* reason = "";  // static text, for logs and tests
};

/// One instance routes one model's requests over all replicas that serve it, in every pool.
/// Contract: reset once, update on every change of a replica's load, pick O(log replicas) or
/// better, no clock and no randomness but `draws`. Ties are broken by draws, not by index.
class Router {
 public:
  virtual ~Router() = default;
  /// There are `replicas` of them, none accepting until update() says so.
  virtual void reset(std::uint32_t replicas) = 0;
  /// Replica `replica` now has this load. `draws` serves tie-breaking keys.
  virtual void update(std::uint32_t replica, const ReplicaLoad& load, Draws& draws) = 0;
  /// Chooses an accepting replica; RouteDecision::none when there is none.
  virtual RouteDecision pick(const RequestView& request, Draws& draws) = 0;
};

void register_builtin_routers(Registry<Router>& routers);

}  // namespace plimsoll
