// What a replica draws in a run of steps: the closed form of their sum.
#pragma once

#include <cstdint>
#include <vector>

#include "base/int128.hpp"
#include "perf/power_model.hpp"
#include "serving/segment.hpp"

namespace plimsoll {

/// Picojoules of step j of a segment beyond the active power x its time: first + j x growth.
struct WorkEnergy {
  Int128 first = 0;
  Int128 growth = 0;
};

/// Picojoules of one micro-batch's step, from the table; 0 without tokens.
inline Int128 work_energy(const EnergyTable& table, const StepWork& work) {
  return Int128{table.tokens[static_cast<std::size_t>(work.tokens)]} +
         Int128{table.sample} * work.samples + Int128{table.kv_token} * work.kv_tokens +
         Int128{table.pair} * work.attention_pairs;
}

/// The same of a round: one step of each of its micro-batches, `work[i]` growing by `growth[i]` KV
/// tokens a step.
inline WorkEnergy work_energy(const EnergyTable& table, const std::vector<StepWork>& work,
                              const std::vector<std::int64_t>& growth) {
  WorkEnergy energy;
  for (std::size_t i = 0; i < work.size(); ++i) {
    energy.first += work_energy(table, work[i]);
    energy.growth += Int128{table.kv_token} * growth[i];
  }
  return energy;
}

/// Attojoules of steps from .. until - 1 of `segment`, which `work` is of. Step j lasts
/// T_j = first + j x slope and draws
///   min(limit x T_j, active x T_j + W_j)
/// Both are affine in j, so the sum has a closed form on either side of where they meet, and parts
/// of a segment add up to the whole, exactly. O(1).
inline Int128 segment_energy(const EnergyTable& table, const Segment& segment,
                             const WorkEnergy& work, std::int64_t from, std::int64_t until) {
  constexpr Int128 attojoules = 1'000'000;  // of a picojoule
  const auto sum = [](Int128 first, Int128 slope, std::int64_t begin, std::int64_t end) {
    const Int128 count = end - begin;
    return first * count + slope * (count * (Int128{begin} + end - 1) / 2);
  };
  const Int128 beyond = Int128{table.limit_mw} - table.active_mw;
  // What is left below the limit in step j: room + j x trend.
  const Int128 room = beyond * segment.first - work.first * attojoules;
  const Int128 trend = beyond * segment.slope - work.growth * attojoules;
  const Int128 first_room = room + trend * from;
  const Int128 last_room = room + trend * (until - 1);
  const Int128 limited = sum(Int128{table.limit_mw} * segment.first,
                             Int128{table.limit_mw} * segment.slope, from, until);
  if (first_room <= 0 && last_room <= 0) {
    return limited;
  }
  if (first_room >= 0 && last_room >= 0) {
    return limited - sum(room, trend, from, until);
  }
  // Steps from .. meet - 1 lie on one side of the limit, meet .. on the other.
  const bool rises = trend > 0;
  const Int128 distance = rises ? -first_room : first_room;
  const Int128 rate = rises ? trend : -trend;
  const std::int64_t meet = from + static_cast<std::int64_t>((distance + rate - 1) / rate);
  return limited - (rises ? sum(room, trend, meet, until) : sum(room, trend, from, meet));
}

}  // namespace plimsoll
