// Does a model fit a group of tp x pp GPUs, and how many KV tokens remain: arithmetic that is
// shown.
#pragma once

#include <cstdint>
#include <string>

#include "plimsoll/config.hpp"

namespace plimsoll {

/// The memory of one GPU of the tightest stage, and what it leaves for KV.
struct MemoryFit {
  Bytes budget;               // memory x gpu_memory_utilization
  Bytes weights;              // of the heaviest stage, per GPU
  Bytes draft_weights;        // of a draft model, per GPU of the last stage: in `weights`
  Bytes total_draft_weights;  // of a draft model, once
  std::int64_t draft_kv_bytes_per_token = 0;  // likewise, in kv_bytes_per_token
  Bytes activations;                          // per GPU, at the token budget
  Bytes kv_space;                             // what remains (may be negative: does not fit)
  std::int64_t kv_bytes_per_token = 0;        // per GPU of that stage (ceil(kv_heads / tp) heads)
  std::int64_t kv_blocks = 0;                 // of the whole replica: the minimum over stages
  std::int64_t most_kv_blocks = 0;            // with kv_blocks set by hand: what the device holds
  std::int64_t kv_tokens = 0;                 // kv_blocks x block_size
  std::int64_t reserved_sequences = 0;        // contiguous KV: how many reservations fit
  Bytes total_weights;                        // of the whole model, once
  bool fits = false;                          // holds at least one request of max_context
  std::string arithmetic;                     // the sum, in one or a few lines, for people
};

/// "fp16", "bf16", "fp8" or "int8".
const char* precision_name(Precision precision);

/// Computes the fit of `pool`; never throws for what does not fit (see `fits`).
MemoryFit memory_fit(const Config& config, const PoolConfig& pool);

/// Throws ConfigError with the arithmetic, and what would fit, for every pool that does not.
void require_memory_fit(const Config& config);

}  // namespace plimsoll
