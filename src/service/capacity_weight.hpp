// How much a replica can serve, as its operator would estimate it: what routers weigh load by.
#pragma once

#include "serving/replica.hpp"

namespace plimsoll {

/// Mean lengths of the requests that a replica is to serve, tokens.
struct MeanLengths {
  double prompt = 0;
  double output = 0;
};

/// Sequences that run at once in a full replica of `shape`: as many as its slots and, at these
/// lengths, its KV memory allow.
double batch_estimate(const ReplicaShape& shape, const MeanLengths& lengths);

/// Requests/s that one replica of `shape` sustains when full: each request needs its prompt
/// computed once and `output` steps of a batch as large as sequences and KV memory allow; a replica
/// with a role does its part only.
double capacity_estimate(const ReplicaShape& shape, const MeanLengths& lengths);

/// Prompt tokens/s that one replica of `shape` computes when it does nothing else.
double prefill_rate(const ReplicaShape& shape);

/// Output tokens/s of one replica of `shape` whose steps decode `batch` sequences of `context`
/// tokens each and do nothing else.
double decode_rate(const ReplicaShape& shape, double batch, double context);

/// What an operator expects of requests of `model`: the means of its classes' laws by their shares,
/// those included that an experiment sends there; of a model that no class asks for, those of the
/// requests that splits send there, or of the model that it is a fallback for.
/// Before a trace is played its lengths are unknown: then 1,000 prompt and 200 output tokens.
MeanLengths expected_lengths(const Config& config, ModelIndex model);

/// Output tokens expected of one class, likewise.
double expected_output(const Config& config, ClassIndex request_class);

/// Prompt tokens of one class, likewise.
double expected_prompt(const Config& config, ClassIndex request_class);

/// The mean that a length law states (quantiles: of the linear interpolation).
double mean_of(const LengthLaw& law);

}  // namespace plimsoll
