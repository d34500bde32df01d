// Canary: a share of the replicas, and with them of the traffic, gets the new version and is
// watched before the next step.
#include <algorithm>
#include <cmath>

#include "operations/rollout/rollout_strategy.hpp"

namespace plimsoll {
namespace {

class Canary final : public RolloutStrategy {
 public:
  explicit Canary(const RolloutConfig& rollout) : steps_{rollout.steps} {}

  std::vector<RolloutBatch> forward(const RolloutSlots& slots) const override {
    std::vector<RolloutBatch> batches;
    std::size_t next = 0;
    const auto replace_up_to = [&](std::size_t count, Duration bake) {
      RolloutBatch batch;
      batch.bake = bake;
      for (; next < std::min(count, slots.serving.size()); ++next) {
        batch.changes.push_back({slots.serving[next], true, SlotUse::serving});
      }
      batches.push_back(batch);
    };
    for (const CanaryStep& step : steps_) {
      const double count = std::ceil(step.share * static_cast<double>(slots.serving.size()) - 1e-9);
      replace_up_to(static_cast<std::size_t>(count), step.bake);
    }
    if (next < slots.serving.size()) {
      replace_up_to(slots.serving.size(), Duration::zero());
    }
    for (std::size_t i = 0; i + 1 < batches.size(); ++i) {
      batches[i].for_added = false;
    }
    return batches;
  }

  /// All canaries at once: they are few, or bad.
  std::vector<RolloutBatch> back(const RolloutSlots&,
                                 const std::vector<SlotChange>& made) const override {
    RolloutBatch batch;
    for (const SlotChange& change : made) {
      batch.changes.push_back({change.slot, false, SlotUse::serving});
    }
    return {batch};
  }

 private:
  std::vector<CanaryStep> steps_;
};

}  // namespace

std::unique_ptr<RolloutStrategy> make_canary(const RolloutConfig& rollout) {
  return std::make_unique<Canary>(rollout);
}

}  // namespace plimsoll
