// Command line: one point of `plimsoll predict`.
#include "cli/prediction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/unit_text.hpp"
#include "perf/power_model.hpp"
#include "plimsoll/errors.hpp"
#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/run_scenario.hpp"
#include "plimsoll/scenario.hpp"
#include "scenario/raw_tree.hpp"

namespace plimsoll::cli {
namespace {

constexpr const char* text_name = "predict";  // where findings about the scenario text are
constexpr const char* pool_path = "pools.replica";

/// Findings about the scenario that was made of the options, as findings about the options.
[[noreturn]] void throw_as_options(const ConfigError& error) {
  constexpr std::array<std::pair<const char*, const char*>, 9> options = {
      {{"gpu", "--gpu"},
       {"model", "--model"},
       {"profile", "--profile"},
       {"tp", "--tp"},
       {"pp", "--pp"},
       {"precision", "--precision"},
       {"kv_precision", "--kv-precision"},
       {"max_num_batched_tokens", "--max-num-batched-tokens"},
       {"max_context", "--prompt and --output"}}};
  std::vector<Diagnostic> findings;
  for (Diagnostic finding : error.diagnostics()) {
    if (finding.file == text_name) {
      finding.file.clear();
      finding.line = finding.column = 0;
    }
    for (const auto& [key, option] : options) {
      if (finding.key_path == fmt::format("{}.{}", pool_path, key)) {
        finding.key_path = option;
      }
    }
    if (finding.key_path == pool_path) {
      finding.key_path = "--gpu";
    }
    findings.push_back(std::move(finding));
  }
  throw ConfigError{std::move(findings)};
}

RawNode map_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  RawNode map;
  map.kind = RawNode::Kind::map;
  for (const auto& [key, value] : entries) {
    append_entry(map, key, scalar_node(value));
  }
  return map;
}

RawNode pool_of(const Point& point) {
  constexpr std::int64_t default_budget = 2048;
  std::int64_t budget =
      point.max_num_batched_tokens > 0 ? point.max_num_batched_tokens : default_budget;
  // A pass is never larger than all prompts together, and memory is reserved for no more.
  budget = std::min(budget, point.batch * point.prompt);
  // Whole prompts have to fit a pass; one of a preempted sequence is computed with its output.
  budget = point.chunked_prefill ? budget : std::max(budget, point.prompt + point.most_output());
  RawNode pool = map_of({{"gpu", point.gpu},
                         {"model", point.model},
                         {"profile", point.profile},
                         {"tp", std::to_string(point.tp)},
                         {"pp", std::to_string(point.pp)},
                         {"precision", point.precision},
                         {"kv_precision", kv_precision_of(point)},
                         {"max_num_seqs", std::to_string(point.batch)},
                         {"chunked_prefill", point.chunked_prefill ? "true" : "false"},
                         // Each of a batch's sequences takes a token of every decode step.
                         {"max_num_batched_tokens", std::to_string(std::max(budget, point.batch))},
                         {"max_context", std::to_string(point.prompt + point.most_output())},
                         {"runtime_memory", std::to_string(point.runtime_memory) + "B"}});
  if (point.prompt_pass_tokens > 0) {
    append_entry(pool, "prompt_pass_tokens", scalar_node(std::to_string(point.prompt_pass_tokens)));
  }
  return pool;
}

RawNode fixed_law(std::int64_t tokens) {
  const std::string mean = std::to_string(tokens);
  return map_of({{"kind", "fixed"}, {"mean", mean}, {"maximum", mean}});
}

/// Outputs evenly between (1 - spread) and (1 + spread) of the point's.
RawNode even_law(const Point& point) {
  const std::int64_t most = point.most_output();
  const std::int64_t least = std::max<std::int64_t>(1, 2 * point.output - most);
  RawNode quantiles;
  quantiles.kind = RawNode::Kind::sequence;
  for (const auto& [probability, tokens] : {std::pair{"0", least}, {"1", most}}) {
    RawNode pair;
    pair.kind = RawNode::Kind::sequence;
    pair.items = {scalar_node(probability), scalar_node(std::to_string(tokens))};
    quantiles.items.push_back(std::move(pair));
  }
  RawNode law = map_of({{"kind", "quantiles"}, {"maximum", std::to_string(most)}});
  append_entry(law, "quantiles", std::move(quantiles));
  return law;
}

RawNode workload_of(const Point& point, std::int64_t requests) {
  RawNode workload;
  workload.kind = RawNode::Kind::map;
  append_entry(workload, "max_requests",
               scalar_node(std::to_string(std::max<std::int64_t>(requests, 1))));
  append_entry(workload, "arrivals",
               map_of({{"process", "closed_loop"},
                       {"concurrency", std::to_string(point.batch)},
                       {"think_time", format_duration(point.front_end)}}));
  RawNode lengths;
  lengths.kind = RawNode::Kind::map;
  append_entry(lengths, "prompt", fixed_law(point.prompt));
  append_entry(lengths, "output",
               point.output_spread > 0 ? even_law(point) : fixed_law(point.output));
  append_entry(workload, "lengths", std::move(lengths));
  return workload;
}

std::string scenario_text(const Point& point, const std::vector<std::string>& catalogs,
                          std::int64_t requests) {
  RawNode root = map_of({{"name", "predict"}, {"drain", "3650d"}});
  RawNode include;
  include.kind = RawNode::Kind::sequence;
  for (const std::string& file : catalogs) {
    include.items.push_back(scalar_node(file));
  }
  append_entry(root, "include", std::move(include));
  RawNode pools;
  pools.kind = RawNode::Kind::map;
  append_entry(pools, "replica", pool_of(point));
  append_entry(root, "pools", std::move(pools));
  append_entry(root, "workload", workload_of(point, requests));
  append_entry(root, "metrics", map_of({{"window", "1h"}, {"sample_requests", "0"}}));
  return to_yaml(root);
}

std::int64_t sequences_that_fit(const Config& config, const Point& point) {
  const PoolConfig& pool = config.pools.front();
  const std::int64_t blocks = (point.prompt + point.output + pool.block_size - 1) / pool.block_size;
  return memory_fit(config, pool).kv_blocks / std::max<std::int64_t>(blocks, 1);
}

/// The fewest GPUs, doubled again and again within the tensor-parallel and then the pipeline
/// dimension, that hold the whole batch; empty when 1,024 do not.
std::string larger_layout(const Config& config, const Point& point) {
  const PoolConfig& pool = config.pools.front();
  const GpuSpec& gpu = config.gpus.at(pool.gpu);
  const ModelSpec& model = config.models.at(pool.model);
  Config other = config;
  PoolConfig& larger = other.pools.front();
  constexpr int most = 1024;
  while (larger.tp * larger.pp * 2 <= most) {
    if (larger.tp * 2 <= gpu.gpus_per_node && model.heads % (larger.tp * 2) == 0) {
      larger.tp *= 2;
    } else {
      larger.pp *= 2;
    }
    if (larger.pp > model.layers) {
      break;
    }
    if (batch_fits(other, point)) {
      return fmt::format("tp {} x pp {} would hold them all; ", larger.tp, larger.pp);
    }
  }
  return "";
}

double overhead_of(const StepBreakdown& parts, double device) {
  return parts.serial + (parts.host > device ? parts.host : 0.0);
}

}  // namespace

std::int64_t Point::most_output() const {
  return std::max(output,
                  static_cast<std::int64_t>(static_cast<double>(output) * (1 + output_spread)));
}

std::string kv_precision_of(const Point& point) {
  return point.kv_precision.empty() ? "fp16" : point.kv_precision;
}

Config config_of(const Point& point, const std::vector<std::string>& catalogs,
                 std::int64_t requests) {
  try {
    return load_scenario_text(scenario_text(point, catalogs, requests), text_name,
                              ScenarioRequest{}, policy_catalog(builtin_policies()))
        .config;
  } catch (const ConfigError& error) {
    throw_as_options(error);
  }
}

void require_fit(const Config& config) {
  try {
    require_memory_fit(config);
  } catch (const ConfigError& error) {
    throw_as_options(error);
  }
}

bool batch_fits(const Config& config, const Point& point) {
  return sequences_that_fit(config, point) >= point.batch;
}

void require_batch_fit(const Config& config, const Point& point) {
  if (batch_fits(config, point)) {
    return;
  }
  Diagnostic finding;
  finding.key_path = "--batch";
  finding.message =
      fmt::format("KV memory holds {} sequences of {} + {} tokens at a time, not {}\n{}",
                  sequences_that_fit(config, point), point.prompt, point.output, point.batch,
                  memory_fit(config, config.pools.front()).arithmetic);
  finding.hint = larger_layout(config, point) +
                 "or let them wait for memory: --concurrency instead of --batch";
  throw ConfigError{{finding}};
}

const char* bound_name(Bound bound) {
  switch (bound) {
    case Bound::compute:
      return "compute";
    case Bound::bandwidth:
      return "bandwidth";
    case Bound::overhead:
      return "overhead";
    case Bound::network:
      return "network";
  }
  return "?";
}

StepAccount account_of(const Config& config, const StepTimeModel& model, const StepWork& work) {
  StepAccount account;
  account.work = work;
  account.parts = model.breakdown(work);
  account.seconds = latency_seconds(model, work);
  account.roofline_seconds = model.roofline_seconds(work);
  const StepBreakdown& parts = account.parts;
  const double compute = parts.gemm + parts.attention;
  const double bandwidth = parts.weights + parts.kv + parts.elementwise;
  const double network = parts.collectives + parts.hops;
  const double overhead = parts.latency + overhead_of(parts, parts.device());
  const double largest = std::max({compute, bandwidth, network, overhead});
  account.bound = largest == overhead    ? Bound::overhead
                  : largest == bandwidth ? Bound::bandwidth
                  : largest == compute   ? Bound::compute
                                         : Bound::network;
  const int stages = model.stages();
  const double round = std::max(account.seconds, stages * bottleneck_seconds(model, work));
  account.gpu_watts = step_power_watts(config, config.pools.front(), work, round, stages);
  return account;
}

Prediction predict_static(const Config& config, const StepTimeModel& model, const Point& point) {
  constexpr double ms = 1e3;
  const StaticBatch batch =
      predict_static_batch(model, config.pools.front(), {point.batch, point.prompt, point.output});
  Prediction prediction;
  prediction.ttft_ms = batch.ttft * ms;
  prediction.last_ttft_ms = prediction.ttft_ms;
  prediction.tpot_ms = batch.tpot * ms;
  prediction.e2e_ms = batch.e2e * ms;
  prediction.last_e2e_ms = prediction.e2e_ms;
  prediction.throughput = batch.throughput;
  prediction.median_itl_ms = prediction.tpot_ms;
  return prediction;
}

Prediction play_closed_loop(const Config& config, const Point& point) {
  constexpr std::size_t median = 2;
  static_assert(reported_percentiles[median] == 50);
  const RunResult result = run_scenario(config, RunOptions{});
  const SliceSummary& all = result.slices.front();
  const auto completed = all.outcomes[static_cast<std::size_t>(Outcome::completed)];
  PLIMSOLL_CHECK(completed == config.workload.max_requests, "a closed loop without limits ends");
  Prediction prediction;
  prediction.requests = completed;
  // A client's clock starts before the front end, the simulated request behind it.
  const double before = to_milliseconds(point.front_end);
  prediction.ttft_ms = all.ttft.mean + before;
  prediction.last_ttft_ms = all.ttft.max + before;
  prediction.tpot_ms = all.tpot.mean;
  prediction.e2e_ms = all.e2el.mean + before;
  prediction.last_e2e_ms = all.e2el.max + before;
  prediction.median_itl_ms = all.itl.percentiles[median];
  const double tokens = static_cast<double>(point.batch) * static_cast<double>(point.output);
  prediction.throughput = tokens / (prediction.e2e_ms * 1e-3);
  prediction.preemptions = result.pools.front().preemptions;
  return prediction;
}

}  // namespace plimsoll::cli
