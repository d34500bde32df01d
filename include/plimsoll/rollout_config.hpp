// What a validated scenario says of new versions of a model's weights, and how they are brought to
// the replicas of a pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/units.hpp"

namespace plimsoll {

enum class RolloutKind : std::uint8_t { rolling, blue_green, canary, all_at_once };
inline constexpr int rollout_kind_count = 4;

constexpr std::string_view rollout_kind_name(RolloutKind kind) {
  constexpr std::string_view names[rollout_kind_count] = {"rolling", "blue_green", "canary",
                                                          "all_at_once"};
  return names[static_cast<int>(kind)];
}

/// Which answers of a version's replicas a health gate counts as bad.
enum class GateSignal : std::uint8_t {
  degraded,  // a corrupt answer
  failed,    // lost with a replica
  bad,       // either
};

/// Looks every `interval` at the answers that the new version gave in the last `window`, as they
/// were `delay` ago; further back when there were fewer than `minimum_answers`.
struct HealthGateConfig {
  GateSignal signal = GateSignal::bad;
  double threshold = 0.02;   // share of bad answers from which on it fires, in (0, 1]
  int minimum_answers = 20;  // fewer say nothing: a step that is watched waits for them,
  Duration patience = std::chrono::hours{1};  // for so long; then the rollout is rolled back
  // An answer that took longer is slow, and from this share of slow ones on the gate fires: a limit
  // with a share of 5 % is one on the 95th percentile.
  std::optional<Duration> ttft;
  std::optional<Duration> tpot;
  double slow_share = 0.05;  // in (0, 1]
  Duration window{};
  Duration interval{};
  Duration delay{};
};

/// A share of the replicas, and how long they are watched before the next step.
struct CanaryStep {
  double share = 0;  // (0, 1]
  Duration bake{};
};

/// When a version is found under its name.
enum class CheckpointPublication : std::uint8_t {
  as_written,  // from its first byte on: whoever is quick reads shards that are not there yet
  at_end,      // once its last shard is written
};

/// How a version's checkpoint gets into the store: shard after shard, all of one size.
struct CheckpointConfig {
  int shards = 1;
  std::optional<Duration> begins;            // of the writing; none: the rollout's `at`
  std::optional<Duration> shard_time;        // of writing one, or:
  std::optional<BytesPerSecond> write_rate;  // at which the weights' bytes are written
  CheckpointPublication publish = CheckpointPublication::at_end;
};

struct RolloutConfig {
  std::string name;
  std::size_t pool = 0;  // into Config::pools
  std::string version;
  Duration at{};
  Duration validation{};  // of the version's safety, before the first replica loads it
  // Probabilities that validation rejects it: a corrupt checkpoint, and a good one.
  double detects = 0;
  double false_alarms = 0;
  RolloutKind strategy = RolloutKind::rolling;
  int max_unavailable = 1;          // rolling: replicas that are replaced at a time, in their place
  int max_surge = 0;                // rolling: replicas that are added meanwhile
  std::vector<CanaryStep> steps{};  // canary
  Duration bake{};                  // blue_green: the old version stays loaded for so long
  std::optional<HealthGateConfig> gate;  // fires: the rollout is rolled back
  std::optional<Duration> load;  // a copy of the whole checkpoint by one loader; none: as the pool
                                 // starts, cold from its store
  int loaders = 1;  // distributed loading: each reads its shards one after another, all at once
  std::optional<CheckpointConfig> checkpoint;  // none: it was written long before
  double version_corrupt = 0;                  // probability that the checkpoint itself is corrupt
  double version_step_time = 1;                // of its steps, as a share of the pool's own
  // On shared GPUs, and set there, or with procurement: a replica of the batch under way has waited
  // for machines for so long -> the rollout is rolled back.
  std::optional<Duration> progress_deadline;
};

}  // namespace plimsoll
