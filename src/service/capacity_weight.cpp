// Capacity of a replica by arithmetic, without playing anything.
#include "service/capacity_weight.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "serving/round_cost.hpp"
#include "serving/speculation.hpp"

namespace plimsoll {
namespace {

/// Seconds of a round in which every micro-batch does `work`.
double round_seconds(const ReplicaShape& shape, const StepWork& work) {
  const auto count = static_cast<std::size_t>(shape.micro_batches);
  const std::vector<StepWork> works(count, work);
  const std::vector<std::int64_t> growth(count, 0);
  const AffineCost cost =
      round_cost(*shape.costs, works.data(), growth.data(), shape.micro_batches);
  return static_cast<double>(cost.value) * 1e-15;
}

/// Seconds in which each sequence of a decode step gets a token.
double seconds_per_token(const ReplicaShape& shape, StepWork work) {
  if (shape.speculation == nullptr) {
    return round_seconds(shape, work);
  }
  const Speculation& speculation = *shape.speculation;
  const double draft = static_cast<double>(speculation.draft().latency(work)) * 1e-15;
  work.tokens = std::min(shape.token_budget, work.tokens * (speculation.tokens() + 1));
  work.samples = work.tokens;
  const double step = static_cast<double>(speculation.tokens()) * draft * shape.micro_batches +
                      round_seconds(shape, work);
  return step / speculation.mean_emitted();
}

/// Typical of chat, for traces: only the relative weight of unlike replicas depends on it.
constexpr MeanLengths of_unknown_trace{1000, 200};

double law_mean(const std::optional<LengthLaw>& own, const LengthLaw& common) {
  return std::max(1.0, mean_of(own ? *own : common));
}

/// Of the requests of a class, those that `model` is to answer: 0 or 1 without an experiment.
double share_of_model(const Config& config, ClassIndex request_class, ModelIndex model) {
  const RequestClassConfig& asked = config.workload.classes[request_class];
  double own = 1;
  double given = 0;
  for (const ExperimentConfig& experiment : config.experiments) {
    if (!concerns(experiment, request_class, asked.tier)) {
      continue;
    }
    for (const ArmConfig& arm : experiment.arms) {
      own -= arm.model ? arm.share : 0;
      given += arm.model == model ? arm.share : 0;
    }
  }
  return given + (asked.model == model ? std::max(0.0, own) : 0.0);
}

/// Of the requests of a class, those that splits send to `model`, as if each split saw all.
double share_by_splits(const Config& config, ClassIndex request_class, ModelIndex model) {
  double share = 0;
  if (config.path && config.path->model_router) {
    for (const SplitConfig& split : config.path->model_router->splits) {
      const bool concerns =
          (!split.request_class || *split.request_class == request_class) &&
          (!split.tier || *split.tier == config.workload.classes[request_class].tier);
      share += concerns && split.to == model ? split.share : 0;
    }
  }
  return share;
}

using ShareOfClass = double (*)(const Config&, ClassIndex, ModelIndex);

/// Means over the shares of all classes that are sent to a model; none: nobody is.
std::optional<MeanLengths> mean_lengths(const Config& config, ModelIndex model,
                                        ShareOfClass share_of_class) {
  MeanLengths sum;
  double shares = 0;
  const std::vector<RequestClassConfig>& classes = config.workload.classes;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const RequestClassConfig& one = classes[c];
    const double share = one.share * share_of_class(config, static_cast<ClassIndex>(c), model);
    if (share > 0) {
      sum.prompt += share * law_mean(one.prompt, config.workload.prompt);
      sum.output += share * law_mean(one.output, config.workload.output);
      shares += share;
    }
  }
  if (!(shares > 0)) {
    return std::nullopt;
  }
  return MeanLengths{sum.prompt / shares, sum.output / shares};
}

/// By classes and experiments, else by splits.
std::optional<MeanLengths> sent_lengths(const Config& config, ModelIndex model) {
  const std::optional<MeanLengths> asked = mean_lengths(config, model, share_of_model);
  return asked ? asked : mean_lengths(config, model, share_by_splits);
}

double tokens_held_by_one(const MeanLengths& lengths) {
  return lengths.prompt + lengths.output / 2;
}

}  // namespace

MeanLengths expected_lengths(const Config& config, ModelIndex model) {
  if (!config.workload.trace.empty()) {
    return of_unknown_trace;
  }
  std::optional<MeanLengths> lengths = sent_lengths(config, model);
  if (!lengths && config.path && config.path->model_router) {
    for (const SpilloverConfig& spillover : config.path->model_router->spillovers) {
      if (!lengths && spillover.to == model) {
        lengths = sent_lengths(config, spillover.from);
      }
    }
  }
  return lengths.value_or(of_unknown_trace);
}

double expected_output(const Config& config, ClassIndex request_class) {
  if (!config.workload.trace.empty()) {
    return of_unknown_trace.output;
  }
  return law_mean(config.workload.classes[request_class].output, config.workload.output);
}

double expected_prompt(const Config& config, ClassIndex request_class) {
  if (!config.workload.trace.empty()) {
    return of_unknown_trace.prompt;
  }
  return law_mean(config.workload.classes[request_class].prompt, config.workload.prompt);
}

double batch_estimate(const ReplicaShape& shape, const MeanLengths& lengths) {
  const double kv_tokens = static_cast<double>(shape.kv_blocks) * shape.block_size;
  const double tokens_reserved = shape.kv_layout == KvLayout::contiguous
                                     ? std::max(1, shape.max_context)
                                     : tokens_held_by_one(lengths);
  return std::max(1.0,
                  std::min(static_cast<double>(shape.max_num_seqs), kv_tokens / tokens_reserved));
}

double capacity_estimate(const ReplicaShape& shape, const MeanLengths& lengths) {
  const double tokens_held = tokens_held_by_one(lengths);
  const double batch = batch_estimate(shape, lengths);
  const double per_micro_batch = std::max(1.0, batch / shape.micro_batches);

  StepWork decode;
  decode.tokens = std::min(shape.token_budget, static_cast<std::int64_t>(per_micro_batch));
  decode.samples = decode.tokens;
  decode.kv_tokens = static_cast<std::int64_t>(per_micro_batch * tokens_held);
  StepWork prefill;
  prefill.tokens =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(lengths.prompt), 1, shape.token_budget);
  prefill.samples = 1;
  prefill.attention_pairs = prefill.tokens * prefill.tokens;

  const double prompt_steps = std::max(1.0, lengths.prompt / static_cast<double>(prefill.tokens));
  const double decode_seconds = lengths.output * seconds_per_token(shape, decode) / batch;
  const double prefill_seconds = prompt_steps * round_seconds(shape, prefill) / shape.micro_batches;
  return 1.0 / ((shape.role == PoolRole::prefill ? 0.0 : decode_seconds) +
                (shape.role == PoolRole::decode ? 0.0 : prefill_seconds));
}

double prefill_rate(const ReplicaShape& shape) {
  StepWork full;
  full.tokens = shape.token_budget;
  full.samples = 1;
  full.attention_pairs = full.tokens * full.tokens;
  const auto tokens = static_cast<double>(full.tokens * shape.micro_batches);
  return tokens / std::max(1e-9, round_seconds(shape, full));
}

double decode_rate(const ReplicaShape& shape, double batch, double context) {
  const double per_micro_batch = std::max(1.0, batch / shape.micro_batches);
  StepWork decode;
  decode.tokens = std::min(shape.token_budget, static_cast<std::int64_t>(per_micro_batch + 0.5));
  decode.samples = decode.tokens;
  decode.kv_tokens = static_cast<std::int64_t>(per_micro_batch * context);
  const double sequences = static_cast<double>(decode.tokens * shape.micro_batches);
  return sequences / std::max(1e-9, seconds_per_token(shape, decode));
}

double mean_of(const LengthLaw& law) {
  if (law.kind != LengthLaw::Kind::quantiles) {
    return law.mean;
  }
  double mean = 0;
  for (std::size_t i = 1; i < law.quantiles.size(); ++i) {
    const auto& low = law.quantiles[i - 1];
    const auto& high = law.quantiles[i];
    mean += (high.probability - low.probability) * (low.tokens + high.tokens) / 2;
  }
  return mean;
}

}  // namespace plimsoll
