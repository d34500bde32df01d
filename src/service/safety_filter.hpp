// Moderation: of prompts before the GPUs, of answers after them.
#pragma once

#include <string>

#include "service/passage.hpp"

namespace plimsoll {

class SafetyFilter {
 public:
  SafetyFilter(std::uint64_t seed, const std::string& stage, const SafetyConfig& config)
      : passage_{seed,           stage,
                 config.latency, config.capacity,
                 config.outages, config.per_token,
                 config.tokens,  config.queue},
        blocked_stream_{seed, "blocked:" + stage},
        blocked_{config.blocked},
        fails_open_{config.fails_open} {}

  /// So many tokens of the attempt `id`; with a capacity, in order of time.
  StageResult check(std::uint64_t id, std::int64_t tokens, SimTime t) {
    if (passage_.is_out(id, t)) {
      return fails_open_ ? StageResult{} : ends_as(Outcome::failed);
    }
    StageResult result = passage_.pass(id, t, tokens);
    if (blocked_ > 0 && result.passes()) {
      Draws draws = blocked_stream_.of(id);
      result.outcome = draws.uniform() < blocked_ ? Outcome::blocked : Outcome::completed;
    }
    return result;
  }

  const Turnstile& turnstile() const { return passage_.turnstile(); }

 private:
  Passage passage_;
  RandomStream blocked_stream_;
  double blocked_;
  bool fails_open_;
};

}  // namespace plimsoll
