// Speculative decoding (Leviathan et al., ICML 2023): what the replicas of a pool need to know.
#pragma once

#include <cstdint>
#include <vector>

#include "perf/step_time_model.hpp"
#include "plimsoll/rng.hpp"

namespace plimsoll {

/// A draft model proposes `tokens` tokens one after the other; one pass of the target verifies them
/// all and emits one token more than it accepts, up to the first that it rejects. Each proposal is
/// accepted with the same probability a, independently, so a pass emits
///   P(j) = a^(j-1) (1 - a) for 1 <= j <= tokens,  P(tokens + 1) = a^tokens.
class Speculation {
 public:
  /// tokens >= 1, 0 <= acceptance <= 1. `draft` is the draft model on one tensor-parallel group.
  Speculation(StepCostTable draft, int tokens, double acceptance, std::uint64_t seed);

  /// A step of the draft: one stage.
  const StepCostTable& draft() const { return draft_; }
  std::int64_t tokens() const { return static_cast<std::int64_t>(accept_below_.size()); }
  double acceptance() const { return acceptance_; }
  /// The mean of emitted(): (1 - a^(k+1)) / (1 - a).
  double mean_emitted() const { return mean_emitted_; }
  /// The draws of one request, one per pass; a preempted one that resumes gets fresh ones.
  Draws draws_of(std::uint64_t request, std::uint16_t preemptions) const {
    return stream_.of(request << 16 | preemptions);
  }
  /// Tokens that a pass emits, 1 .. tokens() + 1, from one uniform draw of 32 bits.
  std::int64_t emitted(std::uint32_t draw) const {
    std::size_t accepted = 0;
    while (accepted < accept_below_.size() && draw < accept_below_[accepted]) {
      ++accepted;
    }
    return static_cast<std::int64_t>(accepted) + 1;
  }

 private:
  StepCostTable draft_;
  RandomStream stream_;
  std::vector<std::uint64_t> accept_below_;  // of the m-th proposal: 2^32 a^m
  double acceptance_;
  double mean_emitted_ = 1;
};

}  // namespace plimsoll
