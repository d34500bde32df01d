// KV memory of a replica: how many blocks its sequences hold now and will need in k steps, in O(1)
// per step and sequence change, without touching the sequences.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/errors.hpp"

namespace plimsoll {

/// A decoding sequence holds ceil(tokens / block) blocks and writes one token per step, so it needs
/// a block in the steps in which its tokens are a multiple of the block size. With `steps` the
/// decode steps done so far, (tokens - steps) mod block never changes: one counter per residue
/// tells how many sequences need a block in any step to come.
///
/// With `reserved_tokens` KV is contiguous: each sequence holds the blocks of so many tokens from
/// its admission to its end, whatever it needs, and no step needs any.
class KvLedger {
 public:
  KvLedger(std::int64_t total_blocks, int block_size, std::int64_t reserved_tokens = 0)
      : total_{total_blocks},
        block_{block_size},
        reserved_{(reserved_tokens + block_size - 1) / block_size},
        residues_(static_cast<std::size_t>(block_size), 0) {}

  std::int64_t total() const { return total_; }
  std::int64_t used() const { return used_; }
  std::int64_t free() const { return total_ - used_; }
  /// What a sequence with `tokens` in KV holds.
  std::int64_t blocks_for(std::int64_t tokens) const {
    return reserved_ > 0 ? reserved_ : (tokens + block_ - 1) / block_;
  }

  /// A prompt takes its blocks when it is admitted, and gives them back when it leaves.
  void take(std::int64_t blocks) {
    used_ += blocks;
    PLIMSOLL_CHECK(used_ <= total_, "KV blocks in use never exceed what there is");
  }
  void give_back(std::int64_t blocks) {
    used_ -= blocks;
    PLIMSOLL_CHECK(used_ >= 0, "KV blocks given back were taken");
  }

  /// A sequence with `tokens` in KV begins, or ends, to decode.
  void join(std::int64_t tokens) { count(tokens, 1); }
  void leave(std::int64_t tokens) { count(tokens, -1); }

  /// Blocks that the next decode step needs.
  std::int64_t next_need() const { return residues_[phase_]; }

  /// The same need as next_need, after `steps` more decode steps.
  std::int64_t need_of(std::int64_t steps) const {
    std::int64_t need = decoding_ * (steps / block_);
    std::size_t phase = phase_;
    for (std::int64_t rest = steps % block_; rest > 0; --rest) {
      need += residues_[phase];
      phase = previous(phase);
    }
    return need;
  }

  /// How many decode steps the free blocks allow, at most `limit`.
  std::int64_t steps_possible(std::int64_t limit) const {
    const std::int64_t free_blocks = free();
    if (decoding_ == 0 || free_blocks >= decoding_ * (limit / block_ + 1)) {
      return limit;
    }
    std::int64_t steps = free_blocks / decoding_ * block_;
    std::int64_t rest = free_blocks % decoding_;
    for (std::size_t phase = phase_; residues_[phase] <= rest; phase = previous(phase)) {
      rest -= residues_[phase];
      ++steps;
      if (steps >= limit) {
        return limit;
      }
    }
    return steps < limit ? steps : limit;
  }

  /// `steps` decode steps happen: takes the blocks that they need.
  void advance(std::int64_t steps) {
    take(need_of(steps));
    const std::int64_t shift = steps % block_;
    phase_ =
        static_cast<std::size_t>((static_cast<std::int64_t>(phase_) - shift + block_) % block_);
  }

 private:
  void count(std::int64_t tokens, std::int32_t change) {
    if (reserved_ == 0) {
      residues_[residue(tokens)] += change;
      decoding_ += change;
    }
  }
  // residues_[r] counts sequences with (tokens - steps) mod block == r; the next step needs a block
  // for those with tokens mod block == 0, that is r == -steps mod block == phase_.
  std::size_t residue(std::int64_t tokens) const {
    return static_cast<std::size_t>((tokens + static_cast<std::int64_t>(phase_)) % block_);
  }
  std::size_t previous(std::size_t phase) const {
    return phase == 0 ? static_cast<std::size_t>(block_ - 1) : phase - 1;
  }

  std::int64_t total_;
  std::int64_t used_ = 0;
  std::int64_t block_;
  std::int64_t reserved_;  // blocks of each sequence; 0: paged
  std::int64_t decoding_ = 0;
  std::size_t phase_ = 0;
  std::vector<std::int32_t> residues_;
};

}  // namespace plimsoll
