// Config: windows of a long horizon, and samples of a large fleet.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/unit_text.hpp"
#include "config/kinds.hpp"
#include "config/pairs_kind.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

/// Fewer replicas than that say little about the 99th percentile of a large fleet.
constexpr int least_cell = 100;

Kind<std::vector<PlayedWindow>> windows_kind() {
  Kind<std::vector<PlayedWindow>> kind =
      pairs_kind("list of [from, to] pairs", &PlayedWindow::from, duration_kind(),
                 &PlayedWindow::to, duration_kind(true));
  kind.doc.shape = Shape::windows;
  kind.doc.type = "list of [from, to] pairs, or all";
  kind.read = [read = kind.read](Reader& reader, const RawNode& node, const std::string& path,
                                 std::vector<PlayedWindow>& windows) {
    if (node.is_scalar() && node.text == "all") {
      windows.clear();
      return;
    }
    read(reader, node, path, windows);
  };
  return kind;
}

Kind<int> sample_kind() {
  Kind<int> kind;
  kind.doc.type = "1/N";
  kind.read = [](Reader& reader, const RawNode& node, const std::string& path, int& sample) {
    const std::string& text = node.text;
    const bool fraction = node.is_scalar() && text.rfind("1/", 0) == 0;
    const char* const first = text.data() + (fraction ? 2 : 0);
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(first, end, sample);
    const bool clean = read.ec == std::errc{} && read.ptr == end;
    if (!node.is_scalar() || !clean || sample < 1 || sample > 10'000 ||
        (!fraction && sample != 1)) {
      reader.report(node.place, path, "expected 1/N, " + describe_found(node),
                    "e.g. 1/8: one eighth of the replicas and of the demand");
      sample = 1;
    }
  };
  kind.write = [](const Writer&, const int& sample) {
    return scalar_node(sample == 1 ? "1" : fmt::format("1/{}", sample));
  };
  return kind;
}

void check_order(Reader& reader, const RawNode& root, const Config& config) {
  Duration before{};
  for (const PlayedWindow& window : config.horizon.windows) {
    const char* message = window.from < before          ? "windows must follow each other"
                          : window.to <= window.from    ? "a window must end after it begins"
                          : window.to > config.duration ? "a window must end within the duration"
                                                        : nullptr;
    if (message != nullptr) {
      reader.report(place_of_key(root, "windows"), "windows",
                    fmt::format("{}: [{}, {}]", message, format_duration(window.from),
                                format_duration(window.to)));
      return;
    }
    before = window.to;
  }
}

/// Stages whose decisions rest on what came before by more than a lead-in.
void check_windowed_path(Reader& reader, const RawNode& root, const PathConfig& path) {
  const auto refuse_if = [&](bool remembers, const std::string& why) {
    if (remembers) {
      reader.report(place_of_key(root, "windows"), "windows", why,
                    "play everything (windows: all), or leave this out of the path");
    }
  };
  const auto plays_order = [](const CacheConfig& cache) {
    return cache.method == CacheMethod::lru;
  };
  refuse_if(path.clients.has_value(),
            "path.clients: who retries, leaves or goes on after a gap is not estimated");
  refuse_if(path.limits.has_value(),
            "path.limits: what buckets and meters hold after a gap is not estimated");
  refuse_if(!path.attacks.empty(), "path.attacks: they may lie in a gap");
  refuse_if(path.load_balancer && path.load_balancer->per_source,
            "path.load_balancer.per_source: what buckets hold after a gap is not estimated");
  refuse_if(path.auth && !path.auth->quotas.empty(),
            "path.auth.quotas: what keys used of their quota in a gap is not estimated");
  refuse_if((path.edge && path.edge->cdn && plays_order(*path.edge->cdn)) ||
                (path.response_cache && plays_order(*path.response_cache)) ||
                (path.conversation_cache && plays_order(path.conversation_cache->cache)),
            "a cache of method lru: what a gap would have put into it is not estimated (a full "
            "cache of method che has no memory)");
  const auto fills = [](const CacheConfig& cache) { return cache.filled.value_or(1) < 1; };
  refuse_if((path.edge && path.edge->cdn && fills(*path.edge->cdn)) ||
                (path.response_cache && fills(*path.response_cache)) ||
                (path.conversation_cache && fills(path.conversation_cache->cache)),
            "a cache that is not filled: what a gap would have put into it is not estimated");
  refuse_if((path.api_tier && path.api_tier->autoscale) ||
                (path.response_cache && path.response_cache->autoscale) ||
                (path.conversation_cache && path.conversation_cache->cache.autoscale),
            "a tier of the path is scaled by its load, and there is none between windows");
  refuse_if(path.broker && path.broker->queue,
            "path.broker.queue: what waits in it after a gap is not estimated");
  refuse_if(
      path.streaming && path.streaming->back_pressure == BackPressure::hold_kv,
      "path.streaming.back_pressure: what clients have not read after a gap is not estimated");
  refuse_if(path.model_router && !path.model_router->spillovers.empty(),
            "path.model_router.spillovers: the backlog carried into a window is that of one model");
}

/// What a gap without requests would falsify.
void check_windows(Reader& reader, const RawNode& root, const Config& config) {
  const auto refuse = [&](const std::string& why, const char* hint) {
    reader.report(place_of_key(root, "windows"), "windows", why, hint);
  };
  const char* const play_all = "play everything: windows: all";
  check_order(reader, root, config);
  if (!config.workload.trace.empty() ||
      config.workload.arrivals.process == ArrivalProcess::closed_loop) {
    refuse("windows leave out arrivals by their rate, which traces and closed loops do not have",
           play_all);
  }
  if (config.warm_up > Duration::zero()) {
    refuse("each window has its own warm-up: lead_in", "remove warm_up");
  }
  if (config.path) {
    check_windowed_path(reader, root, *config.path);
  }
  for (const RolloutConfig& rollout : config.rollouts) {
    const bool watched = std::any_of(
        config.horizon.windows.begin(), config.horizon.windows.end(), [&](const auto& window) {
          return window.from <= rollout.at && window.to >= config.duration;
        });
    if (rollout.gate && !watched) {
      refuse(fmt::format("the gate of rollout {} sees no answers between windows", rollout.name),
             "play from its beginning to the end, or leave the gate out");
    }
  }
  if (datacenters_own_pools(config)) {
    refuse("the backlog carried into a window is that of one place, and pools stand in datacenters",
           play_all);
  }
  if (config.metrics.regions) {
    refuse("rows by region are those of the whole horizon", "leave metrics.regions out");
  }
  for (const PoolConfig& pool : config.pools) {
    if (pool.autoscale && pool.autoscale->policy.policy != "scheduled") {
      refuse(fmt::format("pool {} is scaled by its load, and there is none between windows",
                         pool.name),
             "play everything (windows: all), or scale by schedule");
    }
    if (pool.allocation) {
      refuse(fmt::format("what pool {} is granted of shared GPUs depends on what came before",
                         pool.name),
             play_all);
    }
    if (pool.model != config.pools.front().model) {
      refuse(
          "the backlog carried into a window is estimated for one model, and pools serve several",
          play_all);
      return;
    }
  }
}

/// Machines break, come and are watched one by one.
void check_sampled_operations(Reader& reader, const RawNode& root, const Config& config) {
  const auto refuse = [&](const std::string& why) {
    reader.report(place_of_key(root, "sample"), "sample", why, "play it in full: sample: 1");
  };
  if (config.faults) {
    refuse("one N-th of the machines has another luck: faults are not sampled");
  }
  if (!config.rollouts.empty()) {
    refuse("batches of a rollout are counts of the whole fleet");
  }
  if (config.monitoring) {
    refuse("alerts and the metrics database watch the whole fleet");
  }
  for (const PoolConfig& pool : config.pools) {
    if (pool.allocation) {
      refuse(fmt::format("the GPUs that pool {} shares are those of the whole fleet", pool.name));
    }
    if (pool.procurement) {
      refuse(fmt::format("orders of pool {} are counts of the whole fleet", pool.name));
    }
  }
}

/// What one N-th would not show.
void check_sample(Reader& reader, const RawNode& root, const Config& config) {
  const int n = config.horizon.sample;
  const auto refuse = [&](const std::string& why, const std::string& hint) {
    reader.report(place_of_key(root, "sample"), "sample", why, hint);
  };
  const char* const in_full = "play it in full: sample: 1";
  if (!config.workload.trace.empty()) {
    refuse("every N-th row of a trace is another process than the trace", in_full);
  }
  if (config.workload.max_requests > 0) {
    refuse("max_requests ends the run at a count, not at a time", "give a duration instead");
  }
  if (config.workload.arrivals.process != ArrivalProcess::poisson && !config.workload.users) {
    refuse("one N-th of a Poisson process is a Poisson process; of other arrivals it is not",
           in_full);
  }
  if (config.path) {
    refuse(
        "caches by popularity, heavy tenants and limits of the request path are those of the whole "
        "fleet",
        in_full);
  }
  if (config.service.max_outstanding > 0) {
    refuse(
        "with max_outstanding requests wait in one central line, and how long depends on how "
        "many replicas share it (Erlang C): a cell would wait longer than the fleet",
        in_full);
  }
  const std::string& admission = config.service.admission.policy;
  if (admission != "always" && admission != "kv_watermark") {
    refuse(fmt::format("admission {} has limits of the whole fleet", admission), in_full);
  }
  for (const ThresholdConfig& threshold : config.thresholds) {
    for (const char* const rate : {"request_throughput", "output_throughput", "gpu_hours",
                                   "total_token_throughput", "request_goodput"}) {
      if (threshold.metric == rate) {
        refuse(fmt::format("the threshold on {} is one of the whole fleet", rate), in_full);
      }
    }
  }
  for (const PoolConfig& pool : config.pools) {
    if (pool.replicas % n != 0 || pool.replicas / n < least_cell) {
      refuse(fmt::format("1/{} of the {} replicas of pool {} is {:.4g}: percentiles of a cell of "
                         "fewer than {} replicas are not those of the fleet",
                         n, pool.replicas, pool.name, static_cast<double>(pool.replicas) / n,
                         least_cell),
             "take an N that divides the replicas and leaves 100 at least");
    }
    if (pool.autoscale) {
      refuse(fmt::format("pool {} is scaled by counts of the whole fleet", pool.name), in_full);
    }
    if (pool.prefix_cache) {
      refuse(fmt::format("the prefix cache of pool {} would see another popularity: what is asked "
                         "for rarely is asked for by other cells",
                         pool.name),
             in_full);
    }
  }
}

/// Replica-nanoseconds are summed in 64 bits.
void check_replica_time(Reader& reader, const RawNode& root, const Config& config) {
  constexpr double most = 9.2e18;
  const double span = static_cast<double>((config.duration + config.drain).count());
  for (const PoolConfig& pool : config.pools) {
    const double replicas = replica_slots(pool);
    if (replicas * span > most) {
      constexpr double ns_per_day = 86400e9;
      reader.report(place_of_key(root, "duration"), "duration",
                    fmt::format("{} replicas of pool {} over {:.4g} days are more time than can be "
                                "added up exactly (106,000 replica-days)",
                                replica_slots(pool), pool.name, span / ns_per_day),
                    "play a shorter span, or give the pool's parts names of their own");
    }
  }
}

}  // namespace

void add_horizon_fields(std::vector<FieldDecl>& fields) {
  SectionDecl keys =
      Section<HorizonConfig>{}
          .field("windows", &HorizonConfig::windows, windows_kind(), "all",
                 "spans that are played; between them time passes for the fleet, but no requests "
                 "come, and each begins from an estimate of the backlog by then")
          .written_when([](const HorizonConfig& horizon) { return !horizon.windows.empty(); })
          .field("lead_in", &HorizonConfig::lead_in, duration_kind(), "10min",
                 "played before and after each window and not measured; in overload as long as "
                 "requests stay, so that those who came last in it have others behind them")
          .written_when([](const HorizonConfig& horizon) { return !horizon.windows.empty(); })
          .field("sample", &HorizonConfig::sample, sample_kind(), "1",
                 "one N-th of the replicas and of the demand is played, and results are scaled "
                 "back")
          .written_when([](const HorizonConfig& horizon) { return horizon.sample > 1; })
          .build();
  for (FieldDecl& field : keys.fields) {
    field.read = [read = field.read](Reader& reader, const RawNode& node, const std::string& path,
                                     void* config) {
      read(reader, node, path, &static_cast<Config*>(config)->horizon);
    };
    field.write = [write = field.write](const Writer& writer, const void* config, RawNode& into) {
      write(writer, &static_cast<const Config*>(config)->horizon, into);
    };
    fields.push_back(std::move(field));
  }
}

void check_horizon(Reader& reader, const RawNode& root, const Config& config) {
  check_replica_time(reader, root, config);
  if (!config.horizon.windows.empty()) {
    check_windows(reader, root, config);
  }
  if (config.horizon.sample > 1) {
    check_sample(reader, root, config);
    check_sampled_operations(reader, root, config);
  }
  constexpr Duration longest = std::chrono::hours{24 * 1100};
  if (config.workload.users && (config.duration == Duration::zero() || config.duration > longest)) {
    reader.report(place_of_key(root, "duration"), "duration",
                  "users need a duration, of three years at most",
                  "their rate is tabulated from t = 0 to its end");
  }
}

}  // namespace plimsoll
