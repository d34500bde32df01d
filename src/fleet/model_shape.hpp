// How a transformer's parameters lie over layers, experts and pipeline stages: the counts from
// which both memory fit and step times follow.
#pragma once

#include <cstdint>

#include "plimsoll/config.hpp"

namespace plimsoll {

/// Parameter counts of one model. Biases, norms and positions are spread over the layers, so that
/// the whole is ModelSpec::parameters exactly.
struct ModelShape {
  double dense_per_layer = 0;  // attention, norms and (not MoE) the MLP: read by every step
  double expert = 0;           // one expert of one layer; 0 when dense
  int experts = 0;             // per layer; 0 when dense
  int experts_per_token = 0;   // 0 when dense
  double embedding = 0;        // vocab x hidden
  bool tied = false;           // the LM head is the embedding matrix

  /// Parameters of one layer, all experts included.
  double layer() const { return dense_per_layer + expert * experts; }
  /// Parameters of one layer that one token is multiplied with.
  double active_layer() const { return dense_per_layer + expert * experts_per_token; }
  /// Parameters of one layer that a step of `tokens` reads: E (1 - (1 - k/E)^T) experts.
  double read_layer(std::int64_t tokens) const;
};

/// The shape of `model`. An LM head of its own is assumed when `parameters` leaves room for it
/// beside the layers' matrices and one embedding.
ModelShape model_shape(const ModelSpec& model);

/// Layers of `stage` (0-based) out of `stages`: an even split, the first stages get one more.
int stage_layers(int layers, int stages, int stage);

/// Parameters that the GPUs of `stage` hold together: its layers, the embedding in the first, the
/// LM head in the last (a tied head is a second copy unless both are the same stage).
double stage_parameters(const ModelSpec& model, int stages, int stage);

/// KV heads that each GPU of a tensor-parallel group keeps: replicated when tp > kv_heads.
int kv_heads_per_gpu(const ModelSpec& model, int tp);

/// Bytes of K and V of one token in one layer on one GPU.
double kv_bytes_per_layer(const ModelSpec& model, int tp, Precision precision);

}  // namespace plimsoll
