// Speculative decoding: sequence by sequence, step by step.
#include "serving/speculative_decoding.hpp"

#include <algorithm>

namespace plimsoll {

SpeculativeDecoding::SpeculativeDecoding(const ReplicaShape& shape)
    : kv_{shape.kv_blocks, shape.block_size,
          shape.kv_layout == KvLayout::contiguous ? shape.max_context : 0},
      speculation_{shape.speculation},
      verified_{shape.speculation->tokens() + 1},
      max_context_{shape.max_context} {
}

std::int64_t SpeculativeDecoding::blocks_of_step(const Sequence& sequence) const {
  return kv_.blocks_for(std::min(sequence.tokens + verified_, max_context_));
}

std::int64_t SpeculativeDecoding::next_need() const {
  std::int64_t need = 0;
  for (const Sequence& sequence : sequences_) {
    need += blocks_of_step(sequence) - sequence.blocks;
  }
  return need;
}

void SpeculativeDecoding::join(const Request& request, RequestSlot slot, std::int64_t tokens,
                               std::int64_t rest, MicroBatch& batch) {
  ++batch.decoding;
  batch.kv_tokens += tokens;
  sequences_.push_back({slot, joined_++, tokens, rest, kv_.blocks_for(tokens), 0,
                        request.micro_batch,
                        speculation_->draws_of(request.id, request.preemptions)});
}

LeavingSequence SpeculativeDecoding::remove(std::size_t i, const RequestTable&,
                                            std::vector<MicroBatch>& batches) {
  const Sequence sequence = sequences_[i];
  sequences_.erase(sequences_.begin() + static_cast<std::ptrdiff_t>(i));
  MicroBatch& batch = batches[sequence.micro_batch];
  --batch.decoding;
  batch.kv_tokens -= sequence.tokens;
  return {sequence.slot, sequence.joined, sequence.blocks, sequence.rest};
}

template <class Take>
void SpeculativeDecoding::draft_passes(const StepWork& work, const MicroBatch& batch,
                                       bool decode_runs, const Take& take) const {
  const std::int64_t sequences = decode_runs ? batch.decoding : 0;
  // The first pass has the prompts' chunks too; their first tokens come from the target.
  StepWork first = work;
  first.tokens -= sequences * (verified_ - 1);
  first.kv_tokens -= sequences * (verified_ - 1);
  first.samples = sequences;
  take(first);
  for (std::int64_t pass = 2; sequences > 0 && pass < verified_; ++pass) {
    take(StepWork{sequences, sequences, batch.kv_tokens + pass * sequences, 0});
  }
}

AffineCost SpeculativeDecoding::cost(const StepCostTable& table, const std::vector<StepWork>& work,
                                     const std::vector<std::int64_t>&,
                                     const std::vector<MicroBatch>& batches,
                                     bool decode_runs) const {
  Femtoseconds longest = least_step;
  Femtoseconds all = 0;
  for (std::size_t i = 0; i < work.size(); ++i) {
    if (work[i].tokens == 0) {
      continue;  // an empty micro-batch does not run
    }
    Femtoseconds draft = 0;
    draft_passes(work[i], batches[i], decode_runs,
                 [&](const StepWork& pass) { draft += speculation_->draft().latency(pass); });
    longest = std::max(longest, draft + table.latency(work[i]));
    if (!table.hops.empty()) {
      all += draft + table.bottleneck(work[i]);
    }
  }
  return {std::max(longest, all), 0, 1};
}

Int128 SpeculativeDecoding::more_energy(const ReplicaShape& shape,
                                        const std::vector<StepWork>& work,
                                        const std::vector<MicroBatch>& batches,
                                        bool decode_runs) const {
  Int128 energy = 0;
  for (std::size_t i = 0; i < work.size(); ++i) {
    if (work[i].tokens > 0) {
      draft_passes(work[i], batches[i], decode_runs,
                   [&](const StepWork& pass) { energy += work_energy(*shape.draft_energy, pass); });
    }
  }
  return energy;
}

std::int64_t SpeculativeDecoding::begin_step() {
  std::int64_t more = 0;
  for (Sequence& sequence : sequences_) {
    const std::int64_t emitted = speculation_->emitted(sequence.draws());
    sequence.gain = std::min(emitted, sequence.rest);
    more += sequence.gain - 1;
  }
  return more;
}

void SpeculativeDecoding::advance(std::int64_t, std::vector<MicroBatch>& batches) {
  kv_.take(next_need());
  for (Sequence& sequence : sequences_) {
    sequence.blocks = blocks_of_step(sequence);
    sequence.tokens += sequence.gain;
    sequence.rest -= sequence.gain;
    batches[sequence.micro_batch].kv_tokens += sequence.gain;
  }
}

bool SpeculativeDecoding::take_ended(LeavingSequence& ended, const RequestTable& requests,
                                     std::vector<MicroBatch>& batches) {
  const auto found = std::find_if(sequences_.begin(), sequences_.end(),
                                  [](const Sequence& sequence) { return sequence.rest == 0; });
  if (found == sequences_.end()) {
    return false;
  }
  ended = remove(static_cast<std::size_t>(found - sequences_.begin()), requests, batches);
  return true;
}

}  // namespace plimsoll
