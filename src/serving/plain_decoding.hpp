// The decoding sequences of a continuous replica, one token a step each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "serving/kv_ledger.hpp"
#include "serving/micro_batch.hpp"
#include "serving/replica.hpp"
#include "serving/round_cost.hpp"

namespace plimsoll {

/// Sequences are touched when they join, leave or are preempted, never from step to step: the end
/// of one is a step number in a heap, its KV blocks a residue class in the ledger. So steps without
/// prompts are alike and many can be one event.
///
/// This is the interface that ContinuousReplica<Decoding> asks of its parameter.
class PlainDecoding {
 public:
  explicit PlainDecoding(const ReplicaShape& shape)
      : kv_{shape.kv_blocks, shape.block_size,
            shape.kv_layout == KvLayout::contiguous ? shape.max_context : 0} {}

  /// The replica's KV memory, prompts included.
  KvLedger& kv() { return kv_; }
  const KvLedger& kv() const { return kv_; }

  std::int64_t count() const { return static_cast<std::int64_t>(endings_.size()); }
  /// The i-th in some order, 0 <= i < count().
  RequestSlot slot_at(std::size_t i) const { return endings_[i].slot; }
  /// The number that the next sequence to join will have.
  std::uint32_t joined() const { return joined_; }
  /// Blocks that the next step of all of them needs.
  std::int64_t next_need() const { return kv_.next_need(); }
  /// Tokens of the budget that the decoding sequences of `batch` take in a step.
  static std::int64_t budget_of(const MicroBatch& batch) { return batch.decoding; }

  /// `request`, with `tokens` in KV and `rest` > 0 to come, joins `batch`.
  void join(const Request&, RequestSlot slot, std::int64_t tokens, std::int64_t rest,
            MicroBatch& batch) {
    kv_.join(tokens);
    ++batch.decoding;
    batch.kv_tokens += tokens;
    endings_.push_back({steps_done_ + rest, joined_++, slot});
    std::push_heap(endings_.begin(), endings_.end(), ends_later);
  }

  /// Takes the i-th out. Its blocks are still to be given back.
  LeavingSequence remove(std::size_t i, const RequestTable& requests,
                         std::vector<MicroBatch>& batches) {
    const Ending ending = endings_[i];
    endings_[i] = endings_.back();
    endings_.pop_back();
    std::make_heap(endings_.begin(), endings_.end(), ends_later);
    return leave(ending, requests, batches);
  }

  /// The work of a step of the decoding sequences of `batch`, and the KV tokens that each step adds
  /// to the next one's.
  static StepWork work_of(const MicroBatch& batch) {
    return {batch.decoding, batch.decoding, batch.kv_tokens + batch.decoding, 0};
  }
  static std::int64_t growth_of(const MicroBatch& batch) { return batch.decoding; }

  /// The round of all micro-batches, `work` being work_of and the chunks.
  AffineCost cost(const StepCostTable& table, const std::vector<StepWork>& work,
                  const std::vector<std::int64_t>& growth, const std::vector<MicroBatch>&,
                  bool /*decode_runs*/) const {
    return round_cost(table, work.data(), growth.data(), static_cast<int>(work.size()));
  }

  /// What a step beside `work` and its growth draws beyond the active power, in picojoules.
  static Int128 more_energy(const ReplicaShape&, const std::vector<StepWork>&,
                            const std::vector<MicroBatch>&, bool /*decode_runs*/) {
    return 0;
  }

  /// How many steps without prompts are alike, at most `limit`: nobody ends and KV suffices.
  std::int64_t equal_steps(std::int64_t limit) const {
    return kv_.steps_possible(std::min(limit, endings_.front().step - steps_done_));
  }
  /// A step in which they decode begins. Returns tokens that will come beside the first of each.
  static std::int64_t begin_step() { return 0; }
  /// So many steps were made.
  void advance(std::int64_t steps, std::vector<MicroBatch>& batches) {
    kv_.advance(steps);
    steps_done_ += steps;
    for (MicroBatch& batch : batches) {
      batch.kv_tokens += batch.decoding * steps;
    }
  }
  /// Takes out the next one that has all its tokens, in order of joining; false: none has. Its
  /// blocks are still to be given back.
  bool take_ended(LeavingSequence& ended, const RequestTable& requests,
                  std::vector<MicroBatch>& batches) {
    if (endings_.empty() || endings_.front().step != steps_done_) {
      return false;
    }
    const Ending ending = endings_.front();
    std::pop_heap(endings_.begin(), endings_.end(), ends_later);
    endings_.pop_back();
    ended = leave(ending, requests, batches);
    return true;
  }

 private:
  /// A decoding sequence, by the step at whose end it has all its tokens.
  struct Ending {
    std::int64_t step = 0;
    std::uint32_t joined = 0;  // who joined first ends first
    RequestSlot slot = no_slot;
  };
  static bool ends_later(const Ending& a, const Ending& b) {
    return a.step != b.step ? a.step > b.step : a.joined > b.joined;
  }

  LeavingSequence leave(const Ending& ending, const RequestTable& requests,
                        std::vector<MicroBatch>& batches) {
    const Request& request = requests[ending.slot];
    const std::int64_t rest = ending.step - steps_done_;
    // The last token that was emitted is not in KV yet.
    const std::int64_t tokens =
        std::int64_t{request.prompt_tokens} + request.output_tokens - rest - 1;
    kv_.leave(tokens);
    MicroBatch& batch = batches[request.micro_batch];
    --batch.decoding;
    batch.kv_tokens -= tokens;
    return {ending.slot, ending.joined, kv_.blocks_for(tokens), rest};
  }

  KvLedger kv_;
  std::int64_t steps_done_ = 0;  // decode steps since the beginning
  std::uint32_t joined_ = 0;
  std::vector<Ending> endings_;  // heap by ends_later
};

}  // namespace plimsoll
