// Does a model fit a group of tp x pp GPUs, and how many KV tokens remain: arithmetic that is
// shown.
#include "fleet/memory_fit.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "fleet/model_shape.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

double gigabytes(double bytes) {
  return bytes * 1e-9;
}
double gigabytes(Bytes bytes) {
  return gigabytes(static_cast<double>(bytes.count()));
}

Bytes whole_bytes(double bytes) {
  return Bytes::of(static_cast<std::int64_t>(std::ceil(bytes)));
}

int context_limit(const ModelSpec& model, const PoolConfig& pool) {
  return pool.max_context > 0 ? pool.max_context : model.max_context;
}

/// The most tokens of one forward pass.
int pass_tokens(const PoolConfig& pool) {
  return std::min(pool.max_num_batched_tokens,
                  pool.prompt_pass_tokens.value_or(pool.max_num_batched_tokens));
}

/// Peak of live activations on one GPU in the largest forward pass, 16-bit:
/// residual, normed input, attention output and MLP output (4 x hidden, not split by tensor
/// parallelism), the MLP's inner tensors (2, gated 3, x ffn x experts per token / tp), and float32
/// logits of every token that may be emitted (vocab / tp). Materialized attention keeps the scores
/// of one layer too, before and after the softmax: heads / tp for each token of the pass and key
/// of the longest context. A draft model is smaller and takes turns.
double activation_bytes(const ModelSpec& model, const PoolConfig& pool, Attention attention) {
  const double inner = (model.gated_mlp ? 3.0 : 2.0) * model.ffn * model.experts_per_token;
  const double per_token = 2.0 * (4.0 * model.hidden + inner / pool.tp);
  const double logits =
      4.0 * model.vocab / pool.tp * (pool.speculation ? pool.speculation->tokens + 1 : 1);
  const double scores = attention == Attention::materialized
                            ? 2.0 * 2.0 * model.heads / pool.tp * context_limit(model, pool)
                            : 0.0;
  return pass_tokens(pool) * (per_token + scores) + pool.max_num_seqs * logits;
}

std::int64_t blocks_per_request(const ModelSpec& model, const PoolConfig& pool) {
  return (context_limit(model, pool) + pool.block_size - 1) / pool.block_size;
}

/// What a draft model takes on each GPU of the last stage.
void fill_draft(const Config& config, const PoolConfig& pool, MemoryFit& fit) {
  const ModelSpec& draft = config.models.at(pool.speculation->draft);
  const double bytes = static_cast<double>(draft.parameters) * bytes_of(pool.weight_precision);
  fit.total_draft_weights = whole_bytes(bytes);
  fit.draft_weights = whole_bytes(bytes / pool.tp);
  fit.draft_kv_bytes_per_token = static_cast<std::int64_t>(
      kv_bytes_per_layer(draft, pool.tp, pool.kv_precision) * draft.layers);
}

/// The stage with the fewest KV blocks decides for the replica.
void fill_tightest_stage(const ModelSpec& model, const PoolConfig& pool, MemoryFit& fit) {
  const double weight_bytes = bytes_of(pool.weight_precision);
  const double kv_layer = kv_bytes_per_layer(model, pool.tp, pool.kv_precision);
  std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
  for (int stage = 0; stage < pool.pp; ++stage) {
    const bool last = stage == pool.pp - 1;
    const Bytes weights =
        whole_bytes(stage_parameters(model, pool.pp, stage) * weight_bytes / pool.tp) +
        (last ? fit.draft_weights : Bytes{});
    fit.weights = std::max(fit.weights, weights);
    const Bytes space = fit.budget - weights - fit.activations - pool.runtime_memory;
    const auto per_token =
        static_cast<std::int64_t>(kv_layer * stage_layers(model.layers, pool.pp, stage)) +
        (last ? fit.draft_kv_bytes_per_token : 0);
    const std::int64_t per_block = std::max<std::int64_t>(1, per_token * pool.block_size);
    const std::int64_t blocks = space.count() > 0 ? space.count() / per_block : 0;
    // Equal counts (none fits) are told by the stage that lacks most.
    if (blocks < fewest || (blocks == fewest && space < fit.kv_space)) {
      fewest = blocks;
      fit.kv_space = space;
      fit.kv_bytes_per_token = per_token;
    }
  }
  fit.kv_blocks = fewest;
}

std::string arithmetic_text(const GpuSpec& gpu, const ModelSpec& model, const PoolConfig& pool,
                            const MemoryFit& fit) {
  std::string text = fmt::format(
      "{} {} weights {:.1f} GB over {} x {} (tp {} x pp {})\n"
      "per GPU: {:.1f} GB x {:.2f} = {:.1f} GB - weights {:.1f} - activations {:.1f} ({} tokens) "
      "{}= {:.1f} GB for KV",
      model.name, precision_name(pool.weight_precision), gigabytes(fit.total_weights),
      pool.tp * pool.pp, gpu.name, pool.tp, pool.pp, gigabytes(gpu.memory),
      pool.gpu_memory_utilization, gigabytes(fit.budget), gigabytes(fit.weights),
      gigabytes(fit.activations), pass_tokens(pool),
      pool.runtime_memory > Bytes{}
          ? fmt::format("- runtime {:.1f} ", gigabytes(pool.runtime_memory))
          : "",
      gigabytes(fit.kv_space));
  text += fmt::format("\nKV: {:.1f} kB per token and GPU ({} of {} heads, {}), {} blocks of {}{} ",
                      static_cast<double>(fit.kv_bytes_per_token) * 1e-3,
                      kv_heads_per_gpu(model, pool.tp), model.kv_heads,
                      precision_name(pool.kv_precision), fit.kv_blocks, pool.block_size,
                      pool.kv_blocks ? " (as set)" : "");
  text += fmt::format("= {} tokens, {:.1f} requests of {} tokens", fit.kv_tokens,
                      static_cast<double>(fit.kv_tokens) / std::max(1, context_limit(model, pool)),
                      context_limit(model, pool));
  if (pool.kv_layout == KvLayout::contiguous) {
    text += fmt::format("\ncontiguous: {} blocks reserved per sequence, {} sequences fit",
                        blocks_per_request(model, pool), fit.reserved_sequences);
  }
  return text;
}

/// The smallest layout (fewest GPUs, then fewest stages) of this GPU that holds the model.
std::string what_would_fit(const Config& config, const PoolConfig& pool) {
  const GpuSpec& gpu = config.gpus.at(pool.gpu);
  const ModelSpec& model = config.models.at(pool.model);
  for (int gpus = 1; gpus <= 1024; gpus *= 2) {
    for (int tp = std::min(gpus, gpu.gpus_per_node); tp >= 1; --tp) {
      if (gpus % tp != 0 || model.heads % tp != 0 || gpus / tp > model.layers) {
        continue;
      }
      PoolConfig other = pool;
      other.tp = tp;
      other.pp = gpus / tp;
      if (memory_fit(config, other).fits) {
        return fmt::format("tp {} x pp {} on {} x {} would fit", tp, other.pp, gpus, gpu.name);
      }
    }
  }
  return fmt::format("no layout of up to 1,024 x {} would fit", gpu.name);
}

/// What it is that a GPU has too little memory for.
std::string want_of_memory(const ModelSpec& model, const PoolConfig& pool, const MemoryFit& fit) {
  if (fit.kv_space < Bytes{} && !pool.kv_blocks) {
    return fmt::format("weights of {:.1f} GB, activations of {:.1f} GB{} exceed {:.1f} GB a GPU",
                       gigabytes(fit.weights), gigabytes(fit.activations),
                       pool.runtime_memory > Bytes{} ? " and the runtime" : "",
                       gigabytes(fit.budget));
  }
  return fmt::format("one request of {} tokens needs {} KV blocks, there are {}",
                     context_limit(model, pool), blocks_per_request(model, pool), fit.kv_blocks);
}

Diagnostic misfit(const Config& config, const PoolConfig& pool, const MemoryFit& fit) {
  const ModelSpec& model = config.models.at(pool.model);
  Diagnostic finding;
  finding.key_path = "pools." + pool.name;
  if (pool.kv_blocks && fit.kv_blocks > fit.most_kv_blocks && fit.most_kv_blocks > 0) {
    finding.message = fmt::format("kv_blocks: {} exceed the memory: at most {} fit\n{}",
                                  fit.kv_blocks, fit.most_kv_blocks, fit.arithmetic);
    finding.hint = fmt::format("set kv_blocks to at most {} or leave it out", fit.most_kv_blocks);
    return finding;
  }
  const std::int64_t needed = blocks_per_request(model, pool);
  finding.message = fmt::format("{} does not fit: {}\n{}", model.name,
                                want_of_memory(model, pool, fit), fit.arithmetic);
  finding.hint = what_would_fit(config, pool);
  const std::int64_t request = needed * pool.block_size * fit.kv_bytes_per_token;
  if (fit.kv_space + fit.activations >= Bytes::of(request)) {
    finding.hint +=
        "; or lower max_num_batched_tokens or max_num_seqs: activations and logits of "
        "the largest pass take the memory";
  }
  if (fit.kv_tokens > 0) {
    finding.hint += fmt::format("; or set max_context to at most {}", fit.kv_tokens);
  }
  if (pool.kv_blocks) {
    finding.hint += fmt::format("; or set kv_blocks to {} or more", needed);
  }
  return finding;
}

}  // namespace

const char* precision_name(Precision precision) {
  switch (precision) {
    case Precision::fp16:
      return "fp16";
    case Precision::bf16:
      return "bf16";
    case Precision::fp8:
      return "fp8";
    case Precision::int8:
      return "int8";
  }
  return "?";
}

MemoryFit memory_fit(const Config& config, const PoolConfig& pool) {
  const GpuSpec& gpu = config.gpus.at(pool.gpu);
  const ModelSpec& model = config.models.at(pool.model);
  MemoryFit fit;
  fit.budget = Bytes::of(static_cast<std::int64_t>(static_cast<double>(gpu.memory.count()) *
                                                   pool.gpu_memory_utilization));
  fit.total_weights =
      whole_bytes(static_cast<double>(model.parameters) * bytes_of(pool.weight_precision));
  fit.activations = whole_bytes(activation_bytes(model, pool, attention_of(config, pool)));
  if (pool.speculation) {
    fill_draft(config, pool, fit);
  }
  fill_tightest_stage(model, pool, fit);
  bool within_memory = fit.kv_space.count() >= 0;
  if (pool.kv_blocks) {
    // Blocks set by hand may use the reserve above the budget, but no more than the device has.
    fit.kv_blocks = *pool.kv_blocks;
    const std::int64_t reserve = gpu.memory.count() - fit.budget.count();
    const std::int64_t per_block =
        std::max<std::int64_t>(1, fit.kv_bytes_per_token * pool.block_size);
    fit.most_kv_blocks = std::max<std::int64_t>(0, fit.kv_space.count() + reserve) / per_block;
    within_memory = fit.kv_blocks <= fit.most_kv_blocks;
  }
  fit.kv_tokens = fit.kv_blocks * pool.block_size;
  if (pool.kv_layout == KvLayout::contiguous) {
    fit.reserved_sequences =
        fit.kv_blocks / std::max<std::int64_t>(1, blocks_per_request(model, pool));
  }
  fit.fits = within_memory && fit.kv_blocks >= blocks_per_request(model, pool);
  fit.arithmetic = arithmetic_text(gpu, model, pool, fit);
  if (pool.speculation) {
    fit.arithmetic += fmt::format(
        "\ndraft {}{}: {:.1f} GB of these weights, {:.1f} kB of KV per token and GPU",
        config.models.at(pool.speculation->draft).name, pool.pp > 1 ? " on the last stage" : "",
        gigabytes(fit.draft_weights), static_cast<double>(fit.draft_kv_bytes_per_token) * 1e-3);
  }
  return fit;
}

void require_memory_fit(const Config& config) {
  std::vector<Diagnostic> findings;
  for (const PoolConfig& pool : config.pools) {
    const MemoryFit fit = memory_fit(config, pool);
    if (!fit.fits) {
      findings.push_back(misfit(config, pool, fit));
    }
  }
  if (!findings.empty()) {
    throw ConfigError(std::move(findings));
  }
}

}  // namespace plimsoll
