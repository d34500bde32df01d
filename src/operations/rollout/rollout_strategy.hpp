// In which order a new version comes to the replicas of a pool, and how it goes again.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "operations/rollout/rollout_target.hpp"
#include "plimsoll/rollout_config.hpp"

namespace plimsoll {

/// Slots of a pool when a rollout begins.
struct RolloutSlots {
  std::vector<std::size_t> serving;  // with the old version
  std::vector<std::size_t> spare;    // off
};

/// One slot is to have the new version, or the old one, for a use.
struct SlotChange {
  std::size_t slot = 0;
  bool to_new = true;
  SlotUse use = SlotUse::serving;
};

/// Changes that begin together; the next batch begins when all have been made and `bake` is over.
/// Until a batch says `for_added`, replicas that others add to the pool begin with the old version;
/// that batch takes them over, too, and those that come later begin with the new one. On the way
/// back they begin with the old version.
struct RolloutBatch {
  std::vector<SlotChange> changes;
  Duration bake{};
  bool for_added = true;
};

/// A strategy is a plan: it is asked once for the way there and, when the gate fires, for the way
/// back. It sees no request and no clock. One per file.
class RolloutStrategy {
 public:
  virtual ~RolloutStrategy() = default;
  virtual std::vector<RolloutBatch> forward(const RolloutSlots& slots) const = 0;
  /// `made`: the changes that have begun, in order.
  virtual std::vector<RolloutBatch> back(const RolloutSlots& slots,
                                         const std::vector<SlotChange>& made) const = 0;
};

std::unique_ptr<RolloutStrategy> make_rolling(const RolloutConfig& rollout);
std::unique_ptr<RolloutStrategy> make_blue_green(const RolloutConfig& rollout);
std::unique_ptr<RolloutStrategy> make_canary(const RolloutConfig& rollout);
std::unique_ptr<RolloutStrategy> make_all_at_once(const RolloutConfig& rollout);

/// The strategy that `rollout` names.
std::unique_ptr<RolloutStrategy> make_strategy(const RolloutConfig& rollout);

}  // namespace plimsoll
