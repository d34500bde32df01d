// Step times from operators: the kernels of a GPU, composed as an engine composes them.
#include "perf/operator_model.hpp"

#include <algorithm>
#include <vector>

#include "fleet/model_shape.hpp"
#include "fleet/placement.hpp"
#include "perf/kernel_times.hpp"
#include "perf/roofline_bound.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

// Activations travel between GPUs and between operators in 16 bits, unless they are compressed.
constexpr double activation_bytes = 2.0;

/// The matrices of one layer on one GPU, scaled so that together they have the model's parameters
/// (biases and norms are spread over them).
struct LayerProducts {
  std::vector<GemmShape> dense;    // every token meets them
  std::vector<GemmShape> experts;  // of one expert
  double experts_per_token = 0;
};

std::vector<GemmShape> scaled_to(std::vector<GemmShape> shapes, double parameters) {
  double sum = 0;
  for (const GemmShape& shape : shapes) {
    sum += shape.n * shape.k;
  }
  for (GemmShape& shape : shapes) {
    shape.n *= parameters / sum;
  }
  return shapes;
}

LayerProducts layer_products(const ModelSpec& model, const ModelShape& shape, int tp) {
  const double hidden = model.hidden;
  const double width = static_cast<double>(model.heads) * model.head_dim / tp;
  const double kv_width = 2.0 * model.kv_heads * model.head_dim / tp;
  const double up = (model.gated_mlp ? 2.0 : 1.0) * model.ffn / tp;
  std::vector<GemmShape> attention = {{width + kv_width, hidden}, {hidden, width}};
  const std::vector<GemmShape> mlp = {{up, hidden}, {hidden, static_cast<double>(model.ffn) / tp}};
  LayerProducts products;
  if (shape.experts == 0) {
    attention.insert(attention.end(), mlp.begin(), mlp.end());
  } else {
    products.experts = scaled_to(mlp, shape.expert / tp);
    products.experts_per_token = shape.experts_per_token;
  }
  products.dense = scaled_to(attention, shape.dense_per_layer / tp);
  return products;
}

/// What an engine does on a machine: the entry of its kernels, or nothing special.
MachineSpec machine_of(const Config& config, const PoolConfig& pool) {
  const KernelSpec& own = config.kernels.at(config.gpus.at(pool.gpu).kernels);
  const std::string name = own.machine.value_or(own.name);
  for (const MachineSpec& machine : config.profiles.at(pool.profile).machines) {
    if (machine.name == name) {
      return machine;
    }
  }
  return MachineSpec{};
}

/// Of the kernels' rate, products with such weights.
double gemm_share_of(const EngineProfile& profile, Precision weights) {
  return bytes_of(weights) > 1 ? profile.gemm_share_16bit.value_or(profile.gemm_share)
                               : profile.gemm_share;
}

double latency_factor_of(const EngineProfile& profile, Precision weights) {
  return bytes_of(weights) == 1 ? profile.quantize_latency_factor : profile.kernel_latency_factor;
}

GemmTime gemm_time(const Config& config, const PoolConfig& pool, Precision weights, double share) {
  const EngineProfile& profile = config.profiles.at(pool.profile);
  const GpuSpec& gpu = config.gpus.at(pool.gpu);
  return {config.kernels.at(gpu.kernels),
          gpu,
          weights,
          share * gemm_share_of(profile, weights),
          profile.read_share,
          latency_factor_of(profile, weights)};
}

class OperatorModel : public StepTimeModel {
 public:
  OperatorModel(const Config& config, const PoolConfig& pool)
      : bound_{config, pool},
        profile_{config.profiles.at(pool.profile)},
        kernels_{config.kernels.at(config.gpus.at(pool.gpu).kernels)},
        shape_{model_shape(config.models.at(pool.model))},
        gemm_{gemm_time(config, pool, pool.weight_precision, 1)},
        grouped_gemm_{gemm_time(config, pool, pool.weight_precision, kernels_.grouped_share)},
        head_gemm_{gemm_time(config, pool, Precision::fp16, 1)},
        all_reduce_{kernels_,
                    config.gpus.at(pool.gpu),
                    pool.tp,
                    pool.collectives.all_reduce.value_or(profile_.all_reduce),
                    profile_.collective_share,
                    profile_.collective_latency_factor} {
    const GpuSpec& gpu = config.gpus.at(pool.gpu);
    const ModelSpec& model = config.models.at(pool.model);
    prompt_pass_ = pool.prompt_pass_tokens.value_or(0);
    products_ = layer_products(model, shape_, pool.tp);
    head_ = {static_cast<double>(model.vocab) / pool.tp, static_cast<double>(model.hidden)};
    for (int stage = 0; stage < pool.pp; ++stage) {
      layers_.push_back(stage_layers(model.layers, pool.pp, stage));
    }
    set_host(machine_of(config, pool));
    set_attention(config, pool, gpu, model);
    set_communication(config, pool, gpu, model);
  }

  int stages() const override { return static_cast<int>(layers_.size()); }

  double device_seconds(int stage, std::int64_t tokens) const override {
    const LayerParts parts = layer_parts(static_cast<double>(tokens));
    return layers(stage) * (parts.products() + parts.other());
  }
  double head_seconds(int stage, std::int64_t samples) const override {
    return is_last(stage) ? head_gemm_.seconds(head_, static_cast<double>(samples)) : 0.0;
  }
  double kv_token_seconds(int stage) const override { return layers(stage) * kv_layer_; }
  double kv_read_seconds(int stage) const override { return layers(stage) * kv_latency_; }
  double pair_seconds(int stage) const override { return layers(stage) * pair_layer_; }
  double chunk_seconds(int stage) const override { return layers(stage) * chunk_layer_; }
  double host_seconds(int stage) const override {
    return profile_.host == HostLaunch::overlaps ? layers(stage) * host_layer_ : 0.0;
  }
  double prompt_host_seconds(int stage) const override {
    return profile_.host == HostLaunch::overlaps ? layers(stage) * (host_layer_ + prompt_layer_)
                                                 : 0.0;
  }
  double serial_seconds() const override { return serial_; }
  double serial_sample_seconds() const override { return serial_sample_; }
  double hop_seconds(std::int64_t tokens) const override {
    return hop_latency_ + hop_token_ * static_cast<double>(tokens);
  }
  std::int64_t prompt_pass_tokens() const override { return prompt_pass_; }
  double roofline_seconds(const StepWork& work) const override { return bound_.seconds(work); }

  StepBreakdown breakdown(const StepWork& work) const override {
    StepBreakdown parts;
    const auto samples = static_cast<double>(work.samples);
    const LayerParts layer = step_parts(work);
    const bool reads = work.kv_tokens > 0;
    const bool chunks = work.attention_pairs > 0;
    parts.serial = serial_seconds() + serial_sample_seconds() * samples;
    for (int stage = 0; stage < stages(); ++stage) {
      const double count = layers(stage);
      parts.host += stage_host_seconds(*this, stage, work);
      parts.weights += count * layer.weights;
      parts.gemm += count * layer.gemm;
      parts.elementwise += count * layer.elementwise;
      parts.collectives += count * layer.collectives;
      parts.latency +=
          count * (layer.latency + (reads ? kv_latency_ : 0.0) + (chunks ? chunk_layer_ : 0.0));
      parts.attention +=
          pair_seconds(stage) * static_cast<double>(work.attention_pairs) + count * layer.attention;
      parts.kv += kv_token_seconds(stage) * static_cast<double>(work.kv_tokens);
      add_head(stage, samples, parts);
    }
    parts.hops = (stages() - 1) * hop_seconds(work.tokens);
    return parts;
  }

 private:
  /// One layer of a step, in seconds.
  struct LayerParts {
    double weights = 0;  // products, as far as they wait for memory
    double gemm = 0;     // products, as far as they compute
    double latency = 0;  // of products, and the engine's overhead
    double attention = 0;
    double elementwise = 0;
    double collectives = 0;  // as far as they do not hide under products

    double products() const { return weights + gemm; }
    double other() const { return latency + attention + elementwise + collectives; }
    void add(double times, const LayerParts& pass) {
      weights += times * pass.weights;
      gemm += times * pass.gemm;
      latency += times * pass.latency;
      attention += times * pass.attention;
      elementwise += times * pass.elementwise;
      collectives += times * pass.collectives;
    }
  };

  double layers(int stage) const { return layers_.at(static_cast<std::size_t>(stage)); }
  bool is_last(int stage) const { return stage == stages() - 1; }

  void set_host(const MachineSpec& machine) {
    large_pass_bandwidth_ = machine.large_pass_bandwidth.value_or(BytesPerSecond{}).count();
    host_layer_ = to_seconds(profile_.host_per_layer) * machine.host_factor;
    serial_ = to_seconds(profile_.host_per_step) * machine.host_factor;
    serial_sample_ = to_seconds(profile_.host_per_sequence) * machine.host_factor;
    prompt_layer_ =
        std::max(0.0, to_seconds(profile_.host_per_prompt_layer - profile_.host_per_layer)) *
        machine.host_factor;
    if (profile_.host == HostLaunch::adds) {
      for (int stage = 0; stage < stages(); ++stage) {
        serial_ += layers(stage) * host_layer_;
      }
    }
  }

  void set_attention(const Config& config, const PoolConfig& pool, const GpuSpec& gpu,
                     const ModelSpec& model) {
    const double bandwidth = gpu.memory_bandwidth.count();
    kv_layer_ = kv_bytes_per_layer(model, pool.tp, pool.kv_precision) *
                kv_byte_seconds(kernels_, gpu) / profile_.kv_share;
    kv_latency_ = to_seconds(kernels_.kv_read_latency) * profile_.kv_read_latency_factor;
    chunk_layer_ = to_seconds(kernels_.attention_latency) * profile_.kernel_latency_factor +
                   (profile_.host == HostLaunch::adds ? prompt_layer_ : 0.0);
    // Attention multiplies 16-bit queries, keys and values even when the weights are narrower.
    const double heads = static_cast<double>(model.heads) / pool.tp;
    const double flash =
        attention_pair_seconds(kernels_, gpu, heads, model.head_dim) / profile_.attention_share;
    // Short rows and the queries' own way through memory cost any kernel.
    attention_token_ = flash * kernels_.attention_extra_keys;
    if (attention_of(config, pool) == Attention::flash) {
      pair_layer_ = flash;
      return;
    }
    // All scores are computed, also those above the diagonal; each is written, read by the
    // softmax, written and read again, in 16 bits.
    constexpr double score_bytes = 8.0;
    pair_layer_ = 4.0 * heads * model.head_dim /
                      (gpu.fp16.count() * kernels_.gemm.efficiency *
                       gemm_share_of(profile_, Precision::fp16)) +
                  score_bytes * heads / (bandwidth * kernels_.gemm.read_efficiency);
  }

  void set_communication(const Config& config, const PoolConfig& pool, const GpuSpec& gpu,
                         const ModelSpec& model) {
    const double memory = gpu.memory_bandwidth.count() * kernels_.gemm.read_efficiency;
    const double message = model.hidden * activation_bytes;
    elementwise_token_ = profile_.activation_passes * message / memory;
    overhead_ = to_seconds(profile_.layer_overhead);
    overlap_ = pool.collectives.overlap;
    reduced_token_ = message;
    if (pool.tp > 1 && bytes_of(pool.collectives.precision) == 1) {
      // Quantized before and widened after: 2 + 1 and 1 + 2 bytes a number through memory.
      reduced_token_ = message / 2;
      quantize_token_ = 2.0 * 3.0 * model.hidden / memory;
    }
    if (pool.tp > 2 && large_pass_bandwidth_ > 0) {
      large_token_ = message * (1.0 - 2.0 / pool.tp) / large_pass_bandwidth_;
    }
    if (pool.pp > 1) {
      const bool cross = place(config, pool).stages_cross_nodes;
      hop_latency_ = to_seconds(cross ? gpu.node_hop_latency : kernels_.send_latency);
      hop_token_ = message / (cross ? gpu.node_hop_bandwidth.count()
                                    : gpu.nvlink.count() * kernels_.send_efficiency);
    }
  }

  /// Two all-reduces per layer: after attention and after the MLP.
  double all_reduces(double tokens) const {
    const double beyond = std::max(0.0, tokens - profile_.large_pass_tokens);
    return 2.0 * (all_reduce_.seconds(reduced_token_ * tokens) + quantize_token_ * tokens +
                  (profile_.large_pass_tokens > 0 ? large_token_ * beyond : 0.0));
  }

  void add_product(const GemmTime& gemm, const GemmShape& shape, double rows, double reads,
                   double& weights, double& computing, double& latency) const {
    const double compute = gemm.compute_seconds(shape, rows);
    const double memory = gemm.memory_seconds(shape, rows, reads);
    const double joined = gemm.seconds(shape, rows, reads) - gemm.latency();
    weights += joined * memory / (memory + compute);
    computing += joined * compute / (memory + compute);
    latency += gemm.latency();
  }

  LayerParts layer_parts(double tokens) const {
    LayerParts parts;
    for (const GemmShape& shape : products_.dense) {
      add_product(gemm_, shape, tokens, 1, parts.weights, parts.gemm, parts.latency);
    }
    if (!products_.experts.empty()) {
      const double read =
          (shape_.read_layer(static_cast<std::int64_t>(tokens)) - shape_.dense_per_layer) /
          shape_.expert;
      for (const GemmShape& shape : products_.experts) {
        add_product(grouped_gemm_, shape, tokens * products_.experts_per_token, read, parts.weights,
                    parts.gemm, parts.latency);
      }
    }
    parts.latency += overhead_;
    parts.attention = attention_token_ * tokens;
    parts.elementwise = elementwise_token_ * tokens;
    const double all_reduced = all_reduces(tokens);
    parts.collectives = std::max(0.0, all_reduced - overlap_ * parts.products());
    return parts;
  }

  /// One layer of a whole step, over its passes.
  LayerParts step_parts(const StepWork& work) const {
    LayerParts sum;
    const Passes passes = passes_of(work, prompt_pass_);
    const auto add = [&](std::int64_t count, std::int64_t tokens) {
      if (count > 0 && tokens > 0) {
        sum.add(static_cast<double>(count), layer_parts(static_cast<double>(tokens)));
      }
    };
    add(passes.whole, prompt_pass_);
    add(1, passes.rest);
    add(1, passes.last);
    return sum;
  }

  void add_head(int stage, double samples, StepBreakdown& parts) const {
    if (is_last(stage) && samples > 0) {
      add_product(head_gemm_, head_, samples, 1, parts.weights, parts.gemm, parts.latency);
    }
  }

  RooflineBound bound_;
  EngineProfile profile_;
  KernelSpec kernels_;
  ModelShape shape_;
  GemmTime gemm_;
  GemmTime grouped_gemm_;
  GemmTime head_gemm_;
  AllReduceTime all_reduce_;
  LayerProducts products_;
  GemmShape head_;
  std::vector<int> layers_;       // by stage
  double kv_layer_ = 0;           // per KV token and layer
  double kv_latency_ = 0;         // per layer, when KV is read
  double pair_layer_ = 0;         // per attention pair and layer
  double chunk_layer_ = 0;        // per layer, when a prompt is computed
  double attention_token_ = 0;    // per token and layer
  double elementwise_token_ = 0;  // per token and layer
  double overhead_ = 0;           // per layer
  std::int64_t prompt_pass_ = 0;  // see StepTimeModel::prompt_pass_tokens()
  double host_layer_ = 0;
  double prompt_layer_ = 0;  // the host's longer time per layer when a prompt is computed
  double serial_ = 0;
  double serial_sample_ = 0;
  double reduced_token_ = 0;   // bytes of a token in an all-reduce
  double quantize_token_ = 0;  // per token in an all-reduce
  double large_token_ = 0;     // per token of a large pass in an all-reduce
  double large_pass_bandwidth_ = 0;
  double overlap_ = 0;
  double hop_latency_ = 0;
  double hop_token_ = 0;
};

}  // namespace

std::unique_ptr<StepTimeModel> make_operator_model(const Config& config, const PoolConfig& pool) {
  return std::make_unique<OperatorModel>(config, pool);
}

}  // namespace plimsoll
