// Rolling: some replicas at a time are replaced in their place; added ones make up for some.
#include <algorithm>

#include "operations/rollout/rollout_strategy.hpp"

namespace plimsoll {
namespace {

/// `slots` in groups of `size`, each to the new or the old version.
void append_groups(std::vector<RolloutBatch>& batches, const std::vector<std::size_t>& slots,
                   std::size_t size, bool to_new) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (i % size == 0) {
      batches.emplace_back();
    }
    batches.back().changes.push_back({slots[i], to_new, SlotUse::serving});
  }
}

class Rolling final : public RolloutStrategy {
 public:
  explicit Rolling(const RolloutConfig& rollout)
      : surge_{static_cast<std::size_t>(rollout.max_surge)},
        group_{static_cast<std::size_t>(rollout.max_unavailable + rollout.max_surge)} {}

  std::vector<RolloutBatch> forward(const RolloutSlots& slots) const override {
    std::vector<RolloutBatch> batches;
    std::vector<std::size_t> added = slots.spare;
    added.resize(std::min(added.size(), surge_));
    if (!added.empty()) {
      append_groups(batches, added, added.size(), true);
    }
    append_groups(batches, slots.serving, group_, true);
    if (!added.empty()) {
      batches.emplace_back();
      for (const std::size_t slot : added) {
        batches.back().changes.push_back({slot, true, SlotUse::off});
      }
    }
    return batches;
  }

  /// In groups of the same size, those that were changed first come first; added ones go last.
  std::vector<RolloutBatch> back(const RolloutSlots& slots,
                                 const std::vector<SlotChange>& made) const override {
    std::vector<std::size_t> changed;
    RolloutBatch added;
    for (const SlotChange& change : made) {
      const bool own =
          std::find(slots.serving.begin(), slots.serving.end(), change.slot) != slots.serving.end();
      if (own) {
        changed.push_back(change.slot);
      } else {
        added.changes.push_back({change.slot, false, SlotUse::off});
      }
    }
    std::vector<RolloutBatch> batches;
    append_groups(batches, changed, group_, false);
    if (!added.changes.empty()) {
      batches.push_back(added);
    }
    return batches;
  }

 private:
  std::size_t surge_;
  std::size_t group_;
};

}  // namespace

std::unique_ptr<RolloutStrategy> make_rolling(const RolloutConfig& rollout) {
  return std::make_unique<Rolling>(rollout);
}

}  // namespace plimsoll
