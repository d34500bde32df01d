// Routers choose the replica that gets a request.
#pragma once

#include <cstdint>
#include <memory>

#include "plimsoll/config.hpp"
#include "plimsoll/policies/registry.hpp"
#include "plimsoll/policies/replica_load.hpp"
#include "plimsoll/policies/request_view.hpp"
#include "plimsoll/rng.hpp"

namespace plimsoll {

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
  /// Whether update() is to tell of first tokens too (pending_prompt_tokens).
  virtual bool follows_prefill() const { return false; }
  /// Whether pick() is to be shown RequestView::session, for which memory is kept.
  virtual bool follows_sessions() const { return false; }
  /// Whether pick() is to be shown RequestView::on_the_way, for which memory is kept.
  virtual bool follows_clients() const { return false; }
};

void register_builtin_routers(Registry<Router>& routers);

}  // namespace plimsoll
