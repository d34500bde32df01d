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
  constexpr std::int64_t attojoules = 1'000'000;  // of a picojoule
  const std::int64_t beyond = table.limit_mw - table.active_mw;
  // What is left below the limit in step j.
  const auto room = [&](std::int64_t j) {
    const Femtoseconds time = segment.first + segment.slope * j;
    return Int128{beyond} * time - (work.first + work.growth * j) * attojoules;
  };
  const Int128 first_room = room(from);
  const Int128 last_room = until - from == 1 ? first_room : room(until - 1);
  const Int128 limited = Int128{table.limit_mw} * (segment.sum(until) - segment.sum(from));
  // Rooms are affine too: their sum is the mean of the first and the last times their number.
  const auto sum = [](const Int128& first, const Int128& last, std::int64_t count) {
    return (first + last) * count / 2;
  };
  if (first_room >= 0 && last_room >= 0) {
    return limited - sum(first_room, last_room, until - from);
  }
  if (first_room <= 0 && last_room <= 0) {
    return limited;
  }
  // Steps from .. meet - 1 lie on one side of the limit, meet .. on the other.
  const bool rises = last_room > 0;
  const Int128 distance = rises ? -first_room : first_room;
  const Int128 rate =
      (rises ? last_room - first_room : first_room - last_room) / (until - 1 - from);
  const std::int64_t meet = from + static_cast<std::int64_t>((distance + rate - 1) / rate);
  return limited - (rises ? sum(room(meet), last_room, until - meet)
                          : sum(first_room, room(meet - 1), meet - from));
}

/// The energy of a replica's steps so far.
class EnergyAccount {
 public:
  /// The segment that begins now does `work`.
  void begin_segment(const WorkEnergy& work) { work_ = work; }
  /// Its steps segment.reported .. until - 1 are over.
  void add_steps(const EnergyTable& table, const Segment& segment, std::int64_t until) {
    time_ += segment.sum(until) - segment.sum(segment.reported);
    energy_ += segment_energy(table, segment, work_, segment.reported, until);
  }

  Int128 time() const { return time_; }      // fs, of steps that are over
  Int128 energy() const { return energy_; }  // aJ, of these

 private:
  WorkEnergy work_;
  Int128 time_ = 0;
  Int128 energy_ = 0;
};

}  // namespace plimsoll
