// Blue-green: a second set of replicas loads the new version; all traffic moves at once, and the
// old set stays loaded for a while.
#include <algorithm>

#include "operations/rollout/rollout_strategy.hpp"

namespace plimsoll {
namespace {

class BlueGreen final : public RolloutStrategy {
 public:
  explicit BlueGreen(const RolloutConfig& rollout) : bake_{rollout.bake} {}

  std::vector<RolloutBatch> forward(const RolloutSlots& slots) const override {
    std::vector<RolloutBatch> batches(3);
    for (std::size_t i = 0; i < std::min(slots.spare.size(), slots.serving.size()); ++i) {
      batches[0].changes.push_back({slots.spare[i], true, SlotUse::standby});
      batches[1].changes.push_back({slots.spare[i], true, SlotUse::serving});
    }
    for (const std::size_t slot : slots.serving) {
      batches[1].changes.push_back({slot, false, SlotUse::standby});
      batches[2].changes.push_back({slot, false, SlotUse::off});
    }
    batches[1].bake = bake_;
    return batches;
  }

  /// The old set serves again at once; only then the new one goes.
  std::vector<RolloutBatch> back(const RolloutSlots& slots,
                                 const std::vector<SlotChange>& made) const override {
    std::vector<RolloutBatch> batches(2);
    for (const std::size_t slot : slots.serving) {
      batches[0].changes.push_back({slot, false, SlotUse::serving});
    }
    for (const SlotChange& change : made) {
      if (change.to_new && change.use == SlotUse::standby) {
        batches[0].changes.push_back({change.slot, true, SlotUse::standby});
        batches[1].changes.push_back({change.slot, true, SlotUse::off});
      }
    }
    return batches;
  }

 private:
  Duration bake_;
};

}  // namespace

std::unique_ptr<RolloutStrategy> make_blue_green(const RolloutConfig& rollout) {
  return std::make_unique<BlueGreen>(rollout);
}

}  // namespace plimsoll
