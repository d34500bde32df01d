// The decoding sequences of a continuous replica that speculates: several tokens a step each.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/rng.hpp"
#include "serving/kv_ledger.hpp"
#include "serving/micro_batch.hpp"
#include "serving/replica.hpp"
#include "serving/round_cost.hpp"
#include "serving/speculation.hpp"

namespace plimsoll {

/// A step is `k` passes of the draft model and one pass of the target over k + 1 tokens of each
/// sequence. How many of these stay is drawn, so no two steps are alike: each is an event and costs
/// O(sequences).
/// - KV holds room for k + 1 tokens more than a sequence has when a step begins (up to
///   max_context); what was rejected is written over.
/// - The draft reads its own KV of the same tokens; prompts pass through it too, in its first pass.
/// Interface: PlainDecoding.
class SpeculativeDecoding {
 public:
  explicit SpeculativeDecoding(const ReplicaShape& shape);

  KvLedger& kv() { return kv_; }
  const KvLedger& kv() const { return kv_; }
  std::int64_t count() const { return static_cast<std::int64_t>(sequences_.size()); }
  RequestSlot slot_at(std::size_t i) const { return sequences_[i].slot; }
  std::uint32_t joined() const { return joined_; }
  std::int64_t next_need() const;
  std::int64_t budget_of(const MicroBatch& batch) const { return batch.decoding * verified_; }

  void join(const Request& request, RequestSlot slot, std::int64_t tokens, std::int64_t rest,
            MicroBatch& batch);
  LeavingSequence remove(std::size_t i, const RequestTable& requests,
                         std::vector<MicroBatch>& batches);

  /// Logits are computed for every verified token, KV is read once for all of a sequence's.
  StepWork work_of(const MicroBatch& batch) const {
    const std::int64_t tokens = batch.decoding * verified_;
    return {tokens, tokens, batch.kv_tokens + tokens, 0};
  }
  static std::int64_t growth_of(const MicroBatch&) { return 0; }
  AffineCost cost(const StepCostTable& table, const std::vector<StepWork>& work,
                  const std::vector<std::int64_t>& growth, const std::vector<MicroBatch>& batches,
                  bool decode_runs) const;

  /// The draft's passes.
  Int128 more_energy(const ReplicaShape& shape, const std::vector<StepWork>& work,
                     const std::vector<MicroBatch>& batches, bool decode_runs) const;

  static std::int64_t equal_steps(std::int64_t) { return 1; }
  std::int64_t begin_step();
  void advance(std::int64_t steps, std::vector<MicroBatch>& batches);
  bool take_ended(LeavingSequence& ended, const RequestTable& requests,
                  std::vector<MicroBatch>& batches);

 private:
  struct Sequence {
    RequestSlot slot = no_slot;
    std::uint32_t joined = 0;
    std::int64_t tokens = 0;  // in KV
    std::int64_t rest = 0;    // to come
    std::int64_t blocks = 0;  // held
    std::int64_t gain = 0;    // tokens of the step under way
    std::uint8_t micro_batch = 0;
    Draws draws;
  };
  std::int64_t blocks_of_step(const Sequence& sequence) const;
  /// Calls `take` with the draft's passes of one micro-batch. `work` is the target's.
  template <class Take>
  void draft_passes(const StepWork& work, const MicroBatch& batch, bool decode_runs,
                    const Take& take) const;

  KvLedger kv_;
  const Speculation* speculation_;
  std::int64_t verified_;  // tokens of a sequence in the target's pass: k + 1
  std::int64_t max_context_;
  std::uint32_t joined_ = 0;
  std::vector<Sequence> sequences_;  // in order of joining
};

}  // namespace plimsoll
