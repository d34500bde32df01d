// How a transformer's parameters lie over layers, experts and pipeline stages.
#include "fleet/model_shape.hpp"

#include <algorithm>
#include <cmath>

#include "plimsoll/errors.hpp"

namespace plimsoll {

double ModelShape::read_layer(std::int64_t tokens) const {
  if (experts == 0) {
    return dense_per_layer;
  }
  const double missed = 1.0 - static_cast<double>(experts_per_token) / experts;
  const double touched = experts * (1.0 - std::pow(missed, static_cast<double>(tokens)));
  return dense_per_layer + expert * touched;
}

ModelShape model_shape(const ModelSpec& model) {
  const double hidden = model.hidden;
  const double attention =
      2.0 * hidden * model.head_dim * (static_cast<double>(model.heads) + model.kv_heads);
  const double mlp = (model.gated_mlp ? 3.0 : 2.0) * hidden * model.ffn;
  ModelShape shape;
  shape.embedding = hidden * model.vocab;
  const double matrices = model.layers * (attention + mlp * model.experts);
  const double rest = static_cast<double>(model.parameters) - matrices;
  shape.tied = rest < 1.5 * shape.embedding;
  const double embeddings = shape.embedding * (shape.tied ? 1.0 : 2.0);
  const double layer = (static_cast<double>(model.parameters) - embeddings) / model.layers;
  if (model.experts > 1) {
    shape.expert = mlp;
    shape.experts = model.experts;
    shape.experts_per_token = model.experts_per_token;
  }
  shape.dense_per_layer = std::max(0.0, layer - shape.expert * shape.experts);
  return shape;
}

int stage_layers(int layers, int stages, int stage) {
  PLIMSOLL_CHECK(stages >= 1 && stage >= 0 && stage < stages, "stages are counted from 0");
  return layers / stages + (stage < layers % stages ? 1 : 0);
}

double stage_parameters(const ModelSpec& model, int stages, int stage) {
  const ModelShape shape = model_shape(model);
  double parameters = shape.layer() * stage_layers(model.layers, stages, stage);
  const bool first = stage == 0;
  const bool last = stage == stages - 1;
  if (first) {
    parameters += shape.embedding;
  }
  if (last && !(first && shape.tied)) {
    parameters += shape.embedding;
  }
  return parameters;
}

int kv_heads_per_gpu(const ModelSpec& model, int tp) {
  return (model.kv_heads + tp - 1) / tp;
}

double kv_bytes_per_layer(const ModelSpec& model, int tp, Precision precision) {
  return 2.0 * kv_heads_per_gpu(model, tp) * model.head_dim * bytes_of(precision);
}

}  // namespace plimsoll
