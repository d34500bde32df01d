// Config: rollouts: versions of weights, strategies, health gates.
#include <fmt/format.h>

#include <algorithm>

#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

constexpr Duration default_progress_deadline = std::chrono::minutes{10};

bool is_rolling(const RolloutConfig& rollout) {
  return rollout.strategy == RolloutKind::rolling;
}
bool is_canary(const RolloutConfig& rollout) {
  return rollout.strategy == RolloutKind::canary;
}
bool has_validation(const RolloutConfig& rollout) {
  return rollout.validation > Duration::zero();
}
bool is_blue_green(const RolloutConfig& rollout) {
  return rollout.strategy == RolloutKind::blue_green;
}

SectionDecl gate_section() {
  return Section<HealthGateConfig>{}
      .field("signal", &HealthGateConfig::signal,
             word_kind<GateSignal>({{"degraded", GateSignal::degraded},
                                    {"failed", GateSignal::failed},
                                    {"bad", GateSignal::bad}}),
             "bad", "answers that count against the new version; bad: degraded or failed")
      .field("threshold", &HealthGateConfig::threshold, ratio_kind({0, 1, true}), "2%",
             "share of the new version's answers from which on the rollout is rolled back")
      .field("minimum_answers", &HealthGateConfig::minimum_answers, count_kind(1, 1'000'000'000),
             "20",
             "of fewer answers the gate says nothing: a step that it watches (a bake, and the end) "
             "waits for them, and it looks further back than its window")
      .field("patience", &HealthGateConfig::patience, duration_kind(), "1h",
             "a step waits so long for answers beyond its bake; then the rollout is rolled back")
      .optional("ttft", &HealthGateConfig::ttft, duration_kind(true),
                "answers whose first token took longer, from the arrival on, are slow")
      .optional("tpot", &HealthGateConfig::tpot, duration_kind(true),
                "answers whose further tokens took longer on average are slow")
      .field("slow_share", &HealthGateConfig::slow_share, ratio_kind({0, 1, true}), "5%",
             "share of slow answers from which on the rollout is rolled back: 5% is a limit on the "
             "95th percentile")
      .only_when("ttft or tpot",
                 [](const HealthGateConfig& gate) { return gate.ttft || gate.tpot; })
      .field("window", &HealthGateConfig::window, millisecond_kind(), "5min",
             "answers that are looked at")
      .field("interval", &HealthGateConfig::interval, millisecond_kind(), "15s",
             "between two looks")
      .field("delay", &HealthGateConfig::delay, duration_kind(), "1min",
             "until the quality of an answer is known")
      .build();
}

SectionDecl step_section() {
  return Section<CanaryStep>{}
      .field("share", &CanaryStep::share, ratio_kind({0, 1, true}), "",
             "of the replicas, rounded up, that have the new version after this step")
      .field("bake", &CanaryStep::bake, duration_kind(), "", "watched for so long before the next")
      .build();
}

SectionDecl checkpoint_section() {
  return Section<CheckpointConfig>{}
      .field("shards", &CheckpointConfig::shards, count_kind(1, 100'000), "1",
             "of one size, written one after another")
      .optional("begins", &CheckpointConfig::begins, duration_kind(),
                "when the first is begun; without it, the rollout's at")
      .optional("shard_time", &CheckpointConfig::shard_time, duration_kind(true),
                "for writing one shard")
      .optional("write_rate", &CheckpointConfig::write_rate, bandwidth_kind(),
                "at which the store takes the bytes of the weights; instead of shard_time")
      .field("publish", &CheckpointConfig::publish,
             word_kind<CheckpointPublication>({{"as_written", CheckpointPublication::as_written},
                                               {"at_end", CheckpointPublication::at_end}}),
             "at_end",
             "when replicas find the version: as_written, from its first byte on, so that a shard "
             "may be read before it is there; at_end, with its last shard")
      .finish([](Reader& reader, const RawNode& map, const std::string& path,
                 CheckpointConfig& checkpoint, bool clean) {
        if (clean && checkpoint.shard_time.has_value() == checkpoint.write_rate.has_value()) {
          reader.report(place_of_key(map, "shard_time"), join_path(path, "shard_time"),
                        "how long its writing takes is said twice or not at all",
                        "give shard_time or write_rate");
        }
      })
      .build();
}

void finish_rollout(Reader& reader, const RawNode& map, const std::string& path,
                    RolloutConfig& rollout, bool clean) {
  if (!clean) {
    return;
  }
  const auto require = [&](bool holds, const char* key, const std::string& message,
                           const char* hint) {
    if (!holds) {
      reader.report(place_of_key(map, key), join_path(path, key), message, hint);
    }
  };
  const Config& config = reader.config();
  if (rollout.pool < config.pools.size()) {
    const PoolConfig& pool = config.pools[rollout.pool];
    require(!is_blue_green(rollout) || (!pool.autoscale && !pool.procurement), "strategy",
            fmt::format("{} grows and shrinks meanwhile, and so would have to its second set",
                        pool.name),
            "use rolling with max_surge, or canary");
    require(!rollout.progress_deadline || pool.allocation || pool.procurement, "progress_deadline",
            fmt::format("{} has its own machines and waits for none", pool.name),
            "leave it out, or give the pool an allocation or procurement");
    if (pool.allocation && !rollout.progress_deadline) {
      rollout.progress_deadline = default_progress_deadline;
    }
    require(rollout.load || adds_cold(pool), "load",
            "how long a replica takes to load the version is not said",
            "give load, or use a pool of start: cold");
  }
  require(!is_rolling(rollout) || rollout.max_unavailable + rollout.max_surge > 0,
          "max_unavailable", "no replica may be replaced and none added",
          "raise max_unavailable or max_surge");
  require(!is_canary(rollout) || !rollout.steps.empty(), "steps", "a canary without steps",
          "list steps such as {share: 5%, bake: 10min}");
  for (std::size_t i = 1; i < rollout.steps.size(); ++i) {
    require(rollout.steps[i].share > rollout.steps[i - 1].share, "steps",
            "steps do not rise from share to share", "order them");
  }
}

void add_strategy_keys(Section<RolloutConfig>& section) {
  section
      .field("strategy", &RolloutConfig::strategy,
             word_kind<RolloutKind>({{"rolling", RolloutKind::rolling},
                                     {"blue_green", RolloutKind::blue_green},
                                     {"canary", RolloutKind::canary},
                                     {"all_at_once", RolloutKind::all_at_once}}),
             "rolling",
             "rolling: some replicas at a time; blue_green: a second set of replicas, then all "
             "traffic at once; canary: step by step; all_at_once: every replica in its place")
      .field("max_unavailable", &RolloutConfig::max_unavailable, count_kind(0, 1'000'000), "1",
             "replicas that are replaced at a time in their place")
      .only_when("strategy: rolling", is_rolling)
      .field("max_surge", &RolloutConfig::max_surge, count_kind(0, 1'000'000), "0",
             "replicas that are added meanwhile, so that fewer are missing; they load the version, "
             "too, and go off at the end: a pool of N loads N + max_surge copies")
      .only_when("strategy: rolling", is_rolling)
      .list("steps", &RolloutConfig::steps, step_section(), "of a canary; the rest follows at once")
      .only_when("strategy: canary", is_canary)
      .field("bake", &RolloutConfig::bake, duration_kind(), "10min",
             "the old version stays loaded for so long after the switch")
      .only_when("strategy: blue_green", is_blue_green)
      .optional_section("gate", &RolloutConfig::gate, gate_section(),
                        "watches the new version; when it fires, the old version comes back");
}

/// Replicas that a rollout of `pool` needs beside its own.
int surge_of(const RolloutConfig& rollout, const PoolConfig& pool) {
  return is_blue_green(rollout) ? pool.replicas : is_rolling(rollout) ? rollout.max_surge : 0;
}

}  // namespace

SectionDecl rollout_section() {
  Section<RolloutConfig> section;
  section
      .field("pool", &RolloutConfig::pool, reference_kind<std::size_t>(NameList::pools), "",
             "whose replicas get it; replicas that it adds meanwhile begin with the new version, "
             "but with the old one while a canary is judged")
      .field("version", &RolloutConfig::version, text_kind(), "", "of the weights, for people")
      .derived("the rollout's name")
      .field("at", &RolloutConfig::at, duration_kind(), "",
             "when it begins; one that is due while another of its pool is under way waits")
      .field("validation", &RolloutConfig::validation, duration_kind(), "0",
             "of the version's safety, before a replica is touched")
      .field("detects", &RolloutConfig::detects, ratio_kind(), "0",
             "probability that validation rejects a corrupt checkpoint; copies that are corrupted "
             "on their way to a replica it cannot see")
      .only_when("validation", has_validation)
      .field("false_alarms", &RolloutConfig::false_alarms, ratio_kind(), "0",
             "probability that it rejects a good one")
      .only_when("validation", has_validation);
  add_strategy_keys(section);
  section
      .optional("load", &RolloutConfig::load, duration_kind(true),
                "a copy of the whole checkpoint by one loader; without it a replica starts cold "
                "from its store")
      .field("loaders", &RolloutConfig::loaders, count_kind(1, 100'000), "1",
             "of one replica: each reads its shards one after another, all loaders at once")
      .optional_section("checkpoint", &RolloutConfig::checkpoint, checkpoint_section(),
                        "how the version gets into the store; one shard that a loader begins to "
                        "read before it is written makes the replica's copy corrupt. Without it "
                        "all was written long before")
      .field("version_corrupt", &RolloutConfig::version_corrupt, ratio_kind(), "0",
             "probability that the checkpoint itself is corrupt, and so every copy")
      .field("version_step_time", &RolloutConfig::version_step_time, ratio_kind({0.1, 10, false}),
             "100%",
             "what a step takes with this version, of what it takes with the pool's own: a build "
             "that is slower, or faster; a draft model keeps its time, and routers their estimates")
      .optional(
          "progress_deadline", &RolloutConfig::progress_deadline, duration_kind(true),
          "on shared GPUs and with procurement: when a replica of the batch under way has waited "
          "for machines for so long, the rollout is rolled back")
      .derived("10min on shared GPUs")
      .finish(finish_rollout);
  return section.build();
}

void finish_rollouts(Reader&, const RawNode&, Config& config) {
  for (RolloutConfig& rollout : config.rollouts) {
    rollout.version = rollout.version.empty() ? rollout.name : rollout.version;
    PoolConfig& pool = config.pools[rollout.pool];
    pool.surge = std::max(pool.surge, surge_of(rollout, pool));
  }
}

}  // namespace plimsoll
