// Step times from operators: shapes of model and GPU times the efficiencies of an engine profile.
#include "perf/roofline_model.hpp"

#include <vector>

#include "fleet/model_shape.hpp"
#include "fleet/placement.hpp"
#include "perf/roofline_bound.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

// Activations travel between GPUs in 16 bits, whatever the weights are stored in.
constexpr double activation_bytes = 2.0;

class RooflineModel : public StepTimeModel {
 public:
  RooflineModel(const Config& config, const PoolConfig& pool)
      : bound_{config, pool},
        profile_{config.profiles.at(pool.profile)},
        shape_{model_shape(config.models.at(pool.model))} {
    const GpuSpec& gpu = config.gpus.at(pool.gpu);
    const ModelSpec& model = config.models.at(pool.model);
    const double tp = pool.tp;
    const double bandwidth = gpu.memory_bandwidth.count();
    const double peak = peak_rate(gpu, pool.weight_precision).count();
    const double nvlink = gpu.nvlink.count() * profile_.collective_efficiency;

    weight_seconds_ =
        bytes_of(pool.weight_precision) / tp / (bandwidth * profile_.weight_read_efficiency);
    gemm_seconds_ = 2.0 / tp / (peak * profile_.gemm_efficiency);
    kv_layer_ = kv_bytes_per_layer(model, pool.tp, pool.kv_precision) /
                (bandwidth * profile_.kv_read_efficiency);
    // Attention multiplies 16-bit queries, keys and values even when the weights are narrower.
    pair_layer_ = 2.0 * model.heads * model.head_dim / tp /
                  (gpu.fp16.count() * profile_.attention_efficiency);
    const double message = model.hidden * activation_bytes;
    if (pool.tp > 1) {
      collective_latency_ = to_seconds(profile_.collective_latency);
      collective_token_ = message * 2.0 * (tp - 1.0) / tp / nvlink;
    }
    if (pool.pp > 1) {
      const bool cross = place(config, pool).stages_cross_nodes;
      hop_latency_ = to_seconds(cross ? gpu.node_hop_latency : profile_.collective_latency);
      hop_token_ = message / (cross ? gpu.node_hop_bandwidth.count() : nvlink);
    }
    for (int stage = 0; stage < pool.pp; ++stage) {
      layers_.push_back(stage_layers(model.layers, pool.pp, stage));
    }
  }

  int stages() const override { return static_cast<int>(layers_.size()); }

  double device_seconds(int stage, std::int64_t tokens) const override {
    return weights(stage, tokens) + gemm(stage, tokens) + collectives(stage, tokens);
  }
  double kv_token_seconds(int stage) const override { return layers(stage) * kv_layer_; }
  double pair_seconds(int stage) const override { return layers(stage) * pair_layer_; }
  double sample_device_seconds(int stage) const override {
    return is_last(stage) ? shape_.embedding * gemm_seconds_ : 0.0;
  }
  double host_seconds(int stage) const override {
    return layers(stage) * to_seconds(profile_.host_per_layer);
  }
  double serial_seconds() const override { return to_seconds(profile_.host_per_step); }
  double serial_sample_seconds() const override { return to_seconds(profile_.host_per_sequence); }
  double hop_seconds(std::int64_t tokens) const override {
    return hop_latency_ + hop_token_ * static_cast<double>(tokens);
  }

  StepBreakdown breakdown(const StepWork& work) const override {
    StepBreakdown parts;
    const auto samples = static_cast<double>(work.samples);
    parts.serial = serial_seconds() + serial_sample_seconds() * samples;
    for (int stage = 0; stage < stages(); ++stage) {
      parts.host += host_seconds(stage);
      parts.weights += weights(stage, work.tokens);
      parts.gemm += gemm(stage, work.tokens) + sample_device_seconds(stage) * samples;
      parts.attention += pair_seconds(stage) * static_cast<double>(work.attention_pairs);
      parts.kv += kv_token_seconds(stage) * static_cast<double>(work.kv_tokens);
      parts.collectives += collectives(stage, work.tokens);
    }
    parts.hops = (stages() - 1) * hop_seconds(work.tokens);
    return parts;
  }

  double roofline_seconds(const StepWork& work) const override { return bound_.seconds(work); }

 private:
  double layers(int stage) const { return layers_.at(static_cast<std::size_t>(stage)); }
  bool is_last(int stage) const { return stage == stages() - 1; }

  /// The LM head is read in every step, also in the rare one that samples nothing.
  double weights(int stage, std::int64_t tokens) const {
    const double head = is_last(stage) ? shape_.embedding : 0.0;
    return (layers(stage) * shape_.read_layer(tokens) + head) * weight_seconds_;
  }

  /// operations / (peak x efficiency x T / (T + half)): as if `half` more tokens were computed.
  double gemm(int stage, std::int64_t tokens) const {
    return layers(stage) * shape_.active_layer() * gemm_seconds_ *
           (static_cast<double>(tokens) + profile_.gemm_half_tokens);
  }

  /// Two all-reduces per layer: after attention and after the MLP.
  double collectives(int stage, std::int64_t tokens) const {
    return 2.0 * layers(stage) *
           (collective_latency_ + collective_token_ * static_cast<double>(tokens));
  }

  RooflineBound bound_;
  EngineProfile profile_;
  ModelShape shape_;
  std::vector<int> layers_;        // by stage
  double weight_seconds_ = 0;      // per parameter read
  double gemm_seconds_ = 0;        // per parameter and token
  double kv_layer_ = 0;            // per KV token and layer
  double pair_layer_ = 0;          // per attention pair and layer
  double collective_latency_ = 0;  // per all-reduce
  double collective_token_ = 0;    // per token in an all-reduce
  double hop_latency_ = 0;
  double hop_token_ = 0;
};

}  // namespace

std::unique_ptr<StepTimeModel> make_roofline_model(const Config& config, const PoolConfig& pool) {
  return std::make_unique<RooflineModel>(config, pool);
}

}  // namespace plimsoll
