// All at once: every replica drains and loads the new version in its place; meanwhile none serves.
#include "operations/rollout/rollout_strategy.hpp"

namespace plimsoll {
namespace {

class AllAtOnce final : public RolloutStrategy {
 public:
  std::vector<RolloutBatch> forward(const RolloutSlots& slots) const override {
    return {everybody(slots, true)};
  }
  std::vector<RolloutBatch> back(const RolloutSlots& slots,
                                 const std::vector<SlotChange>&) const override {
    return {everybody(slots, false)};
  }

 private:
  static RolloutBatch everybody(const RolloutSlots& slots, bool to_new) {
    RolloutBatch batch;
    for (const std::size_t slot : slots.serving) {
      batch.changes.push_back({slot, to_new, SlotUse::serving});
    }
    return batch;
  }
};

}  // namespace

std::unique_ptr<RolloutStrategy> make_all_at_once(const RolloutConfig&) {
  return std::make_unique<AllAtOnce>();
}

}  // namespace plimsoll
