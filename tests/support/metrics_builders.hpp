// Small configurations and events for tests of metrics, cost and reports.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "serving/events.hpp"

namespace plimsoll::testing {

/// `pools` pools ("pool0", ...) of 2 replicas on 4 GPUs each, two tiers ("free", "plus") and one
/// class for each, one model; windows of 10 s, no warm-up.
inline Config metrics_config(int pools = 1) {
  Config config;
  config.name = "tiny";
  config.seed = 7;
  config.metrics.window = std::chrono::seconds{10};
  GpuSpec gpu;
  gpu.name = "a100-80gb";
  config.gpus.push_back(gpu);
  ModelSpec model;
  model.name = "llama2-70b";
  config.models.push_back(model);
  EngineProfile profile;
  profile.name = "vllm-modern";
  profile.provenance = Provenance::assumed;
  config.profiles.push_back(profile);
  for (int i = 0; i < pools; ++i) {
    PoolConfig pool;
    pool.name = "pool" + std::to_string(i);
    pool.replicas = 2;
    pool.tp = 4;
    config.pools.push_back(pool);
  }
  for (const char* name : {"free", "plus"}) {
    RequestClassConfig request_class;
    request_class.name = name;
    request_class.tier = static_cast<TierIndex>(config.tiers.size());
    config.workload.classes.push_back(request_class);
    TierConfig tier;
    tier.name = name;
    config.tiers.push_back(tier);
  }
  return config;
}

inline SimTime at_ms(std::int64_t ms) {
  return sim_start + std::chrono::milliseconds{ms};
}

/// A request that arrived at `arrived_ms`, waited 10 ms, had its first token 100 ms after its
/// arrival and 10 more, one every 20 ms.
inline RequestRecord served_request(RequestId id, std::int64_t arrived_ms, ClassIndex c = 0,
                                    PoolIndex pool = 0) {
  RequestRecord record;
  record.id = id;
  record.request_class = c;
  record.tier = c;
  record.pool = pool;
  record.replica_assigned = true;
  record.prompt_tokens = 100;
  record.output_tokens = 11;
  record.emitted_tokens = 11;
  record.arrived = at_ms(arrived_ms);
  record.scheduled = at_ms(arrived_ms + 10);
  record.first_token = at_ms(arrived_ms + 100);
  record.finished = at_ms(arrived_ms + 300);
  return record;
}

/// The same request, ended with `outcome` after 50 ms in a central queue.
inline RequestRecord refused_request(RequestId id, std::int64_t arrived_ms, Outcome outcome,
                                     ClassIndex c = 0) {
  RequestRecord record;
  record.id = id;
  record.request_class = c;
  record.tier = c;
  record.outcome = outcome;
  record.prompt_tokens = 100;
  record.output_tokens = 11;
  record.arrived = at_ms(arrived_ms);
  record.finished = at_ms(arrived_ms + 50);
  return record;
}

inline void play(EventSink& sink, const RequestRecord& record) {
  sink.on_arrival(record.id, record.request_class, record.arrived);
  if (record.first_token != never) {
    sink.on_first_token(record);
  }
  sink.on_end(record);
}

/// Gauges of all pools at `end`: each replica busy for a quarter of the time.
inline std::vector<PoolGauges> gauges_at(const Config& config, SimTime end) {
  std::vector<PoolGauges> gauges;
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    PoolGauges pool;
    pool.pool = static_cast<PoolIndex>(i);
    pool.replicas_ready = config.pools[i].replicas;
    pool.kv_blocks_used = 25;
    pool.kv_blocks_total = 100;
    const std::int64_t total = config.pools[i].replicas * end.time_since_epoch().count();
    pool.busy_ns = total / 4;
    pool.idle_ns = total - pool.busy_ns;
    gauges.push_back(pool);
  }
  return gauges;
}

}  // namespace plimsoll::testing
