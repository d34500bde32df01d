// What no machine can beat: peak rates and the bytes and operations that a step cannot avoid.
#include "perf/roofline_bound.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "fleet/model_shape.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

class Findings {
 public:
  explicit Findings(std::string pool) : pool_{std::move(pool)} {}
  void add(const char* key, std::string message, std::string hint) {
    list_.push_back(Diagnostic{"", 0, 0, fmt::format("pools.{}.{}", pool_, key), std::move(message),
                               std::move(hint)});
  }
  void throw_if_any() {
    if (!list_.empty()) {
      throw ConfigError(std::move(list_));
    }
  }

 private:
  std::string pool_;
  std::vector<Diagnostic> list_;
};

void check_precisions(const GpuSpec& gpu, const PoolConfig& pool, Findings& findings) {
  if (pool.weight_precision == Precision::bf16 && !gpu.bf16) {
    findings.add("precision", gpu.name + " has no bf16 tensor cores", "use fp16");
  }
  if (pool.weight_precision == Precision::fp8 && gpu.fp8.count() <= 0) {
    findings.add("precision", gpu.name + " has no fp8 tensor cores",
                 gpu.int8.count() > 0 ? "use fp16 or int8" : "use fp16");
  }
  if (pool.weight_precision == Precision::int8 && gpu.int8.count() <= 0) {
    findings.add("precision", gpu.name + " has no int8 tensor cores", "use fp16");
  }
  // KV is only stored in its precision and converted when read, which needs no tensor cores but
  // does need the number format: Volta has neither bf16 nor fp8.
  const bool modern_kv =
      pool.kv_precision == Precision::bf16 || pool.kv_precision == Precision::fp8;
  if (modern_kv && !gpu.bf16) {
    findings.add("kv_precision",
                 fmt::format("{} has no {} numbers", gpu.name,
                             pool.kv_precision == Precision::bf16 ? "bf16" : "fp8"),
                 "use fp16 or int8");
  }
}

void check_layout(const ModelSpec& model, const PoolConfig& pool, Findings& findings) {
  if (model.heads % pool.tp != 0) {
    findings.add("tp",
                 fmt::format("{} attention heads of {} cannot be split over {} GPUs", model.heads,
                             model.name, pool.tp),
                 "use a divisor of the number of heads");
  }
  if (pool.pp > model.layers) {
    findings.add(
        "pp", fmt::format("{} stages for the {} layers of {}", pool.pp, model.layers, model.name),
        fmt::format("use at most {}", model.layers));
  }
}

}  // namespace

FlopRate peak_rate(const GpuSpec& gpu, Precision precision) {
  switch (precision) {
    case Precision::fp16:
      return gpu.fp16;
    case Precision::bf16:
      return gpu.bf16 ? gpu.fp16 : FlopRate{};
    case Precision::fp8:
      return gpu.fp8;
    case Precision::int8:
      return gpu.int8;
  }
  return FlopRate{};
}

void require_runnable(const Config& config, const PoolConfig& pool) {
  Findings findings{pool.name};
  check_precisions(config.gpus.at(pool.gpu), pool, findings);
  check_layout(config.models.at(pool.model), pool, findings);
  findings.throw_if_any();
}

RooflineBound::RooflineBound(const Config& config, const PoolConfig& pool) {
  const GpuSpec& gpu = config.gpus.at(pool.gpu);
  const ModelSpec& model = config.models.at(pool.model);
  const ModelShape shape = model_shape(model);
  const double tp = pool.tp;
  weight_bytes_ = bytes_of(pool.weight_precision);
  layer_operations_ = 2.0 * shape.active_layer() / tp;
  // 4 x heads x head_dim per query-key pair (scores and values), and pairs are counted twice.
  pair_operations_ = 2.0 * model.heads * model.head_dim / tp;
  kv_bytes_ = kv_bytes_per_layer(model, pool.tp, pool.kv_precision);
  dense_bytes_ = shape.dense_per_layer * weight_bytes_ / tp;
  expert_bytes_ = shape.expert * weight_bytes_ / tp;
  experts_ = shape.experts;
  missed_ =
      shape.experts > 0 ? 1.0 - static_cast<double>(shape.experts_per_token) / shape.experts : 0.0;
  peak_ = peak_rate(gpu, pool.weight_precision).count();
  bandwidth_ = gpu.memory_bandwidth.count();
  for (int stage = 0; stage < pool.pp; ++stage) {
    stages_.push_back(Stage{static_cast<double>(stage_layers(model.layers, pool.pp, stage)),
                            stage == pool.pp - 1 ? shape.embedding / tp : 0.0});
  }
}

double RooflineBound::seconds(const StepWork& work) const {
  const auto tokens = static_cast<double>(work.tokens);
  const auto samples = static_cast<double>(work.samples);
  const double experts_read = experts_ > 0 ? experts_ * (1.0 - std::pow(missed_, tokens)) : 0.0;
  const double layer_bytes =
      dense_bytes_ + expert_bytes_ * experts_read + kv_bytes_ * static_cast<double>(work.kv_tokens);
  const double layer_operations =
      layer_operations_ * tokens + pair_operations_ * static_cast<double>(work.attention_pairs);
  double sum = 0;
  for (const Stage& stage : stages_) {
    const double bytes =
        stage.layers * layer_bytes + (work.samples > 0 ? stage.head * weight_bytes_ : 0.0);
    const double operations = stage.layers * layer_operations + 2.0 * stage.head * samples;
    sum += std::max(operations / peak_, bytes / bandwidth_);
  }
  return sum;
}

}  // namespace plimsoll
