// What a scenario says is to happen after its run.
#include "simulation/late_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace plimsoll {
namespace {

constexpr std::size_t most_named = 5;

class LateEvents {
 public:
  LateEvents(SimTime arrivals_end, SimTime end) : arrivals_end_{arrivals_end}, end_{end} {}

  void note(const std::string& what, Duration at) { note_after(end_, what, at, at); }
  /// Of what only adds arrivals, and begins at `begin`.
  void note_arrivals(const std::string& what, Duration at, Duration begin) {
    note_after(arrivals_end_, what, at, begin);
  }
  /// Of whatever begins at `at`.
  template <typename Event>
  void note_all(const std::string& what, const std::vector<Event>& events) {
    for (const Event& event : events) {
      note(what, event.at);
    }
  }
  template <typename Stage>
  void note_outages(const std::string& stage, const std::optional<Stage>& config) {
    if (config) {
      note_all("outage of " + stage, config->outages);
    }
  }
  std::vector<std::string> take() { return std::move(found_); }

 private:
  void note_after(SimTime end, const std::string& what, Duration at, Duration begin) {
    if (SimTime{begin} >= end && begin > Duration::zero()) {
      found_.push_back(fmt::format("{} at {:g} s", what, to_seconds(at)));
    }
  }

  SimTime arrivals_end_;
  SimTime end_;
  std::vector<std::string> found_;
};

void note_demand(LateEvents& late, const WorkloadConfig& workload) {
  for (const RateShape& shape : workload.arrivals.shapes) {
    if (shape.kind == RateShape::Kind::spike) {
      late.note_arrivals("spike of workload.arrivals.shapes", shape.at, shape.at - shape.ramp);
    }
  }
}

void note_edge(LateEvents& late, const EdgeConfig& edge) {
  for (const DatacenterConfig& datacenter : edge.datacenters) {
    late.note_all("outage of datacenter " + datacenter.name, datacenter.outages);
  }
  for (const RegionConfig& region : edge.regions) {
    late.note_all("outage of region " + region.name, region.outages);
    late.note_all("cdn outage of region " + region.name, region.cdn_outages);
  }
  late.note_outages("cdn", edge.cdn);
}

void note_path(LateEvents& late, const PathConfig& path) {
  if (path.edge) {
    note_edge(late, *path.edge);
  }
  if (path.conversation_cache) {
    late.note_all("outage of conversation_cache", path.conversation_cache->cache.outages);
  }
  late.note_outages("load_balancer", path.load_balancer);
  late.note_outages("limits", path.limits);
  late.note_outages("auth", path.auth);
  late.note_outages("api_tier", path.api_tier);
  late.note_outages("response_cache", path.response_cache);
  late.note_outages("model_router", path.model_router);
  late.note_outages("aggregation", path.aggregation);
  late.note_outages("broker", path.broker);
  late.note_outages("safety_before", path.safety_before);
  late.note_outages("tokenizer", path.tokenizer);
  late.note_outages("streaming", path.streaming);
  late.note_outages("safety_after", path.safety_after);
  for (const AttackConfig& attack : path.attacks) {
    late.note_arrivals("attack", attack.at, attack.at);
  }
}

void note_faults(LateEvents& late, const FaultsConfig& faults) {
  for (const FaultProcess& process : faults.processes) {
    if (process.law != FaultLaw::timeline) {
      continue;
    }
    const std::string what = "fault of faults.processes." + process.name;
    if (process.events.empty()) {
      late.note(what, process.at);
    } else {
      late.note_all(what, process.events);
    }
  }
}

}  // namespace

std::vector<std::string> late_events(const Config& config, SimTime arrivals_end, SimTime end) {
  LateEvents late{arrivals_end, end};
  note_demand(late, config.workload);
  if (config.path) {
    note_path(late, *config.path);
  }
  if (config.faults) {
    note_faults(late, *config.faults);
  }
  for (const RolloutConfig& rollout : config.rollouts) {
    late.note("rollout " + rollout.name, rollout.at);
  }
  for (const PoolConfig& pool : config.pools) {
    if (pool.procurement) {
      late.note_all("order of pool " + pool.name, pool.procurement->orders);
    }
  }
  for (const SharedGpusConfig& shared : config.shared_gpus) {
    if (shared.procurement) {
      late.note_all("order of shared_gpus " + shared.name, shared.procurement->orders);
    }
  }
  return late.take();
}

std::string late_events_note(const Config& config, SimTime arrivals_end, SimTime end) {
  std::vector<std::string> late = late_events(config, arrivals_end, end);
  if (late.empty()) {
    return {};
  }
  const std::size_t more = late.size() - std::min(late.size(), most_named);
  late.resize(late.size() - more);
  return fmt::format(
      "After the end of the arrivals at {:g} s or of the run at {:g} s, and so never: {}{}",
      to_seconds(arrivals_end.time_since_epoch()), to_seconds(end.time_since_epoch()),
      fmt::join(late, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

}  // namespace plimsoll
