// What the GPUs of a replica draw, from the work in its steps.
#include "perf/power_model.hpp"

#include <algorithm>
#include <cmath>

#include "perf/roofline_bound.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

std::int64_t nearest(double value, double most) {
  return static_cast<std::int64_t>(std::llround(std::min(value, most)));
}

}  // namespace

PowerModel::PowerModel(const Config& config, const PoolConfig& pool)
    : shape_{model_shape(config.models.at(pool.model))} {
  const GpuSpec& gpu = config.gpus.at(pool.gpu);
  const ModelSpec& model = config.models.at(pool.model);
  const double gpus = static_cast<double>(pool.tp) * pool.pp;
  layers_ = model.layers;
  limit_watts_ = gpus * gpu.tdp.count();
  idle_watts_ = limit_watts_ * gpu.idle_power_share;
  active_watts_ = limit_watts_ * gpu.active_power_share;
  compute_watts_ = gpu.tdp.count() * gpu.compute_power_share;
  memory_watts_ = gpu.tdp.count() * gpu.memory_power_share;
  parameter_operation_ = 2.0 / peak_rate(gpu, pool.weight_precision).count();
  // 4 x heads x head_dim per query-key pair (scores and values), and pairs are counted twice.
  pair_operation_ = 2.0 * layers_ * model.heads * model.head_dim / gpu.fp16.count();
  const double bandwidth = gpu.memory_bandwidth.count();
  parameter_read_ = bytes_of(pool.weight_precision) / bandwidth;
  kv_token_read_ =
      layers_ * pool.tp * kv_bytes_per_layer(model, pool.tp, pool.kv_precision) / bandwidth;
}

std::int64_t idle_milliwatts(const GpuSpec& gpu) {
  return static_cast<std::int64_t>(std::llround(gpu.tdp.count() * gpu.idle_power_share * 1e3));
}

double PowerModel::compute_seconds(const StepWork& work) const {
  if (work.tokens == 0) {
    return 0;
  }
  const double products = layers_ * shape_.active_layer() * static_cast<double>(work.tokens) +
                          shape_.embedding * static_cast<double>(work.samples);
  return products * parameter_operation_ +
         pair_operation_ * static_cast<double>(work.attention_pairs);
}

double PowerModel::memory_seconds(const StepWork& work) const {
  if (work.tokens == 0) {
    return 0;
  }
  const double weights = layers_ * shape_.read_layer(work.tokens) + shape_.embedding;
  return weights * parameter_read_ + kv_token_read_ * static_cast<double>(work.kv_tokens);
}

double PowerModel::watts(const StepWork& work, double seconds, int micro_batches) const {
  PLIMSOLL_CHECK(seconds > 0, "power is energy over some time");
  return std::min(limit_watts_, active_watts_ + micro_batches * work_joules(work) / seconds);
}

double step_power_watts(const Config& config, const PoolConfig& pool, const StepWork& work,
                        double seconds, int micro_batches) {
  const PowerModel model{config, pool};
  return model.watts(work, seconds, micro_batches) / (static_cast<double>(pool.tp) * pool.pp);
}

EnergyTable tabulate_energy(const PowerModel& model, std::int64_t max_tokens) {
  constexpr double milliwatts = 1e3, most_milliwatts = 1e15;
  constexpr double picojoules = 1e12, most_of_pass = 9e18, most_of_one = 1e12;
  EnergyTable table;
  table.idle_mw = nearest(model.idle_watts() * milliwatts, most_milliwatts);
  table.active_mw = nearest(model.active_watts() * milliwatts, most_milliwatts);
  table.limit_mw = nearest(model.limit_watts() * milliwatts, most_milliwatts);
  table.tokens.reserve(static_cast<std::size_t>(max_tokens) + 1);
  table.tokens.push_back(0);  // no tokens, no step
  for (std::int64_t tokens = 1; tokens <= max_tokens; ++tokens) {
    table.tokens.push_back(
        nearest(model.work_joules(StepWork{tokens, 0, 0, 0}) * picojoules, most_of_pass));
  }
  const double step = model.work_joules(StepWork{1, 0, 0, 0});
  const auto beyond = [&](const StepWork& work) {
    return nearest((model.work_joules(work) - step) * picojoules, most_of_one);
  };
  table.sample = beyond(StepWork{1, 1, 0, 0});
  table.kv_token = beyond(StepWork{1, 0, 1, 0});
  table.pair = beyond(StepWork{1, 0, 0, 1});
  return table;
}

}  // namespace plimsoll
