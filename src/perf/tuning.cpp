// Which layout of a pool serves its objectives with the fewest GPUs.
#include "perf/tuning.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "fleet/memory_fit.hpp"
#include "perf/closed_loop.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

/// A round in which one micro-batch does `work` and all others `rest`.
double round_seconds(const StepTimeModel& model, const StepWork& work, const StepWork& rest) {
  const double stays =
      bottleneck_seconds(model, work) + (model.stages() - 1) * bottleneck_seconds(model, rest);
  return std::max(latency_seconds(model, work), stays);
}

std::string too_slow(const char* what, double seconds, Duration bound, int batch) {
  return fmt::format("{} {:.4g} ms > {:.4g} ms with {} in flight", what, seconds * 1e3,
                     to_milliseconds(bound), batch);
}

/// Why the objectives do not hold; empty: they do.
std::string broken_objective(const FullReplica& times, const SloConfig& slo, int batch) {
  if (slo.ttft && times.ttft > to_seconds(*slo.ttft)) {
    return too_slow("TTFT", times.ttft, *slo.ttft, batch);
  }
  if (slo.tpot && times.tpot > to_seconds(*slo.tpot)) {
    return too_slow("TPOT", times.tpot, *slo.tpot, batch);
  }
  if (slo.e2e && times.e2e > to_seconds(*slo.e2e)) {
    return too_slow("E2E", times.e2e, *slo.e2e, batch);
  }
  return "";
}

std::string gigabytes(Bytes bytes) {
  return fmt::format("{:.1f} GB", static_cast<double>(bytes.count()) / 1e9);
}

/// Why `pool` cannot hold its model and a batch of `batch`; empty: it can.
std::string lacking_memory(const Config& config, const PoolConfig& pool,
                           const TuningRequest& request, int batch) {
  const MemoryFit fit = memory_fit(config, pool);
  if (!fit.fits) {
    return fmt::format("memory: weights {} and activations {} a GPU, of {}", gigabytes(fit.weights),
                       gigabytes(fit.activations), gigabytes(fit.budget));
  }
  const std::int64_t tokens = request.prompt + request.output;
  const std::int64_t blocks = (tokens + pool.block_size - 1) / pool.block_size;
  const std::int64_t most = fit.kv_blocks / std::max<std::int64_t>(blocks, 1);
  return most >= batch ? "" : fmt::format("KV memory holds {} sequences, not {}", most, batch);
}

/// The best batch of one layout, or why there is none.
TunedLayout best_batch(const Config& config, PoolConfig pool, const TuningRequest& request) {
  TunedLayout best;
  best.tp = pool.tp;
  best.pp = pool.pp;
  best.precision = pool.weight_precision;
  try {
    const auto model = make_step_time_model(config, pool);
    for (int batch = 1; batch <= request.most_seqs; batch *= 2) {
      pool.max_num_seqs = batch;
      pool.max_num_batched_tokens = std::max(pool.max_num_batched_tokens, batch);
      std::string reason = lacking_memory(config, pool, request, batch);
      FullReplica times;
      if (reason.empty()) {
        times = full_replica(*model, pool, {batch, request.prompt, request.output});
        reason = broken_objective(times, request.slo, batch);
      }
      if (!reason.empty()) {
        best.reason = batch == 1 ? reason : "";
        break;  // larger batches need more memory and are slower
      }
      if (times.requests_per_s > best.times.requests_per_s) {
        best.max_num_seqs = batch;
        best.times = times;
      }
    }
  } catch (const ConfigError& error) {
    best.reason = error.diagnostics().front().message;
  }
  return best;
}

}  // namespace

FullReplica full_replica(const StepTimeModel& model, const PoolConfig& pool,
                         const StaticLoad& load) {
  const std::int64_t stages = model.stages();
  const std::int64_t sequences = (load.batch + stages - 1) / stages;  // of a micro-batch
  const StepWork decode = decode_step(sequences, load);
  const double alone = round_seconds(model, decode, decode);
  const std::int64_t room = std::max<std::int64_t>(1, pool.max_num_batched_tokens - sequences);
  double with_chunks = 0;
  double more = 0;
  for (const StepWork& mixed : steps_with_chunks(decode, load.prompt, room)) {
    const double round = round_seconds(model, mixed, decode);
    with_chunks += round;
    more += round - alone;
  }
  const auto others = static_cast<double>(load.batch - 1);
  const auto steps = static_cast<double>(load.output - 1);
  FullReplica times;
  times.ttft = alone / 2 + with_chunks;
  times.tpot = steps > 0 ? alone + others / steps * more : 0.0;
  times.e2e = times.ttft + steps * times.tpot;
  times.requests_per_s = static_cast<double>(load.batch) / times.e2e;
  return times;
}

int most_sequences(const Config& config, const PoolConfig& pool) {
  const int bound = service_of(config, pool.model).max_outstanding;
  const int most = TuningRequest{}.most_seqs;
  return bound > 0 ? std::min(bound, most) : most;
}

std::vector<TunedLayout> tune_layouts(const Config& config, const PoolConfig& pool,
                                      const TuningRequest& request) {
  const ModelSpec& model = config.models.at(pool.model);
  const GpuSpec& gpu = config.gpus.at(pool.gpu);
  PLIMSOLL_CHECK(config.profiles.at(pool.profile).form == StepForm::operators,
                 "coefficients of one layout say nothing of others");
  std::vector<TunedLayout> layouts;
  for (const Precision precision :
       {Precision::fp16, Precision::bf16, Precision::fp8, Precision::int8}) {
    for (int tp = 1; tp <= gpu.gpus_per_node && model.heads % tp == 0; tp *= 2) {
      for (int pp = 1; pp <= model.layers && tp * pp <= request.most_gpus; pp *= 2) {
        PoolConfig other = pool;
        other.weight_precision = precision;
        other.tp = tp;
        other.pp = pp;
        other.kv_blocks.reset();  // of the layout as it was
        layouts.push_back(best_batch(config, std::move(other), request));
      }
    }
  }
  std::stable_sort(layouts.begin(), layouts.end(), [](const TunedLayout& a, const TunedLayout& b) {
    if (a.feasible() != b.feasible() || !a.feasible()) {
      return a.feasible() && !b.feasible();
    }
    return a.gpus_per_rate() != b.gpus_per_rate() ? a.gpus_per_rate() < b.gpus_per_rate()
                                                  : a.gpus() < b.gpus();
  });
  return layouts;
}

}  // namespace plimsoll
