// What the tiers of the request path show autoscalers, and their loops.
#include "simulation/scaled_tiers.hpp"

#include <utility>

#include "plimsoll/errors.hpp"
#include "simulation/scaling_rows.hpp"

namespace plimsoll {
namespace {

/// Whether a tier can show it; the text says what it can.
struct Shown {
  std::string_view remedy;
  bool (*can)(ScalingSignal);
};

constexpr Shown by_api_tier{
    "scale_metric: cpu_utilization, queue_depth or outstanding",
    [](ScalingSignal signal) { return signal != ScalingSignal::memory_utilization; }};
constexpr Shown by_cache{"scale_metric: memory_utilization", [](ScalingSignal signal) {
                           return signal == ScalingSignal::none ||
                                  signal == ScalingSignal::memory_utilization;
                         }};

class ApiTierPort final : public TierPort {
 public:
  explicit ApiTierPort(ApiTier& tier) : tier_{tier} {}

  void set_instances(std::int64_t instances) override {
    tier_.set_instances(static_cast<int>(instances));
  }

  std::optional<double> scrape(ScalingSignal signal, Duration interval) override {
    const ApiTier::WorkerTime now = tier_.worker_time();
    const ApiTier::WorkerTime before = std::exchange(before_, now);
    const std::int64_t entered = tier_.entered();
    const std::int64_t new_ones = entered - std::exchange(entered_before_, entered);
    switch (signal) {
      case ScalingSignal::utilization:
        return now.all > before.all
                   ? std::optional{(now.busy - before.busy) / (now.all - before.all)}
                   : std::nullopt;
      case ScalingSignal::queue_depth:
        return static_cast<double>(tier_.waiting());
      case ScalingSignal::outstanding:
        return static_cast<double>(tier_.waiting() + tier_.busy()) / tier_.instances();
      case ScalingSignal::arrival_rate:
        return static_cast<double>(new_ones) / to_seconds(interval);
      case ScalingSignal::none:
      case ScalingSignal::memory_utilization:
        return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  ApiTier& tier_;
  ApiTier::WorkerTime before_;
  std::int64_t entered_before_ = 0;
};

/// Its instances are nodes of equal memory.
class CachePort final : public TierPort {
 public:
  CachePort(CacheMemory& cache, Bytes node) : cache_{cache}, node_{node} {}

  void set_instances(std::int64_t instances) override {
    cache_.set_capacity(Bytes::of(instances * node_.count()));
  }

  std::optional<double> scrape(ScalingSignal signal, Duration) override {
    return signal == ScalingSignal::memory_utilization ? std::optional{cache_.utilization()}
                                                       : std::nullopt;
  }

 private:
  CacheMemory& cache_;
  Bytes node_;
};

void refuse_unless_shown(const std::string& key, ScalingSignal signal, const Shown& shown) {
  if (!shown.can(signal)) {
    throw ConfigError{{Diagnostic{"", 0, 0, key, "its policy watches what this tier cannot show",
                                  std::string{shown.remedy}}}};
  }
}

}  // namespace

void ScaledTiers::add_tier(std::string name, const TierAutoscaleConfig& config,
                           std::int64_t instances, std::unique_ptr<TierPort> port, Engine& engine,
                           const Registry<Autoscaler>& autoscalers) {
  std::unique_ptr<Autoscaler> policy = autoscalers.make(config.policy);
  refuse_unless_shown("path." + name + ".autoscale", policy->signal(),
                      name == "api_tier" ? by_api_tier : by_cache);
  Entry entry;
  entry.name = std::move(name);
  entry.config = &config;
  entry.port = std::move(port);
  entry.target = std::make_unique<ScalableTier>(engine, config, instances, *entry.port);
  entry.loop = std::make_unique<ScalingLoop>(engine, *entry.target, std::move(policy),
                                             config.interval, config.signal_delay);
  entry.loop->tell(config.provisioning_delay, measured_from_);
  entries_.push_back(std::move(entry));
}

void ScaledTiers::add(const Config& scenario, RequestPath& path, Engine& engine,
                      const Registry<Autoscaler>& autoscalers) {
  const PathConfig& config = *scenario.path;
  measured_from_ = sim_start + scenario.warm_up;
  if (config.api_tier && config.api_tier->autoscale) {
    add_tier("api_tier", *config.api_tier->autoscale, config.api_tier->instances,
             std::make_unique<ApiTierPort>(*path.api_tier()), engine, autoscalers);
  }
  const auto add_cache = [&](std::string name, const CacheConfig& cache, CacheMemory& played) {
    if (cache.autoscale) {
      add_tier(std::move(name), *cache.autoscale, cache.capacity.count() / cache.node->count(),
               std::make_unique<CachePort>(played, *cache.node), engine, autoscalers);
    }
  };
  if (config.conversation_cache) {
    add_cache("conversation_cache", config.conversation_cache->cache, *path.conversation_cache());
  }
  if (config.response_cache) {
    add_cache("response_cache", *config.response_cache, *path.response_cache());
  }
}

void ScaledTiers::open() {
  for (Entry& entry : entries_) {
    if (writer_) {
      entry.loop->set_observer(
          [this, &entry](const ScalingStep& step) { writer_(scaling_row(entry.name, step)); });
    }
    entry.loop->start();
  }
}

void ScaledTiers::summarize(RunResult& result) const {
  const auto elapsed = static_cast<double>(result.end.time_since_epoch().count());
  for (const Entry& entry : entries_) {
    result.scaling.push_back(
        scaling_summary(entry.name, entry.config->policy.policy, *entry.loop,
                        elapsed > 0 ? entry.target->instance_ns() / elapsed : 0));
  }
}

}  // namespace plimsoll
