// A static batch in closed form.
#include "perf/static_batch.hpp"

#include <algorithm>
#include <vector>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

double stage_seconds(const StepTimeModel& model, int stage, const StepWork& work) {
  return std::max(stage_host_seconds(model, stage, work), stage_device_seconds(model, stage, work));
}

double serial_seconds(const StepTimeModel& model, const StepWork& work) {
  return model.serial_seconds() + static_cast<double>(work.samples) * model.serial_sample_seconds();
}

/// One step of each micro-batch; those without tokens do not run.
double round_seconds(const StepTimeModel& model, const std::vector<StepWork>& works) {
  double longest = 0;
  double all = 0;
  for (const StepWork& work : works) {
    if (work.tokens > 0) {
      longest = std::max(longest, latency_seconds(model, work));
      all += model.stages() > 1 ? bottleneck_seconds(model, work) : 0;
    }
  }
  return std::max(longest, all);
}

/// The prompts of one micro-batch, of which passes take what the budget allows.
class Prefill {
 public:
  Prefill(std::int64_t sequences, const StaticLoad& load, const PoolConfig& pool)
      : all_{sequences * load.prompt},
        prompt_{load.prompt},
        budget_{pool.max_num_batched_tokens},
        may_cut_{pool.chunked_prefill} {}

  bool done() const { return done_ == all_; }

  StepWork next_pass() {
    StepWork work;
    while (done_ < all_ && work.tokens < budget_) {
      const std::int64_t context = done_ % prompt_;
      const std::int64_t rest = prompt_ - context;
      const std::int64_t chunk = std::min(rest, budget_ - work.tokens);
      if (chunk < rest && !may_cut_ && work.tokens > 0) {
        break;
      }
      work.tokens += chunk;
      work.samples += chunk == rest ? 1 : 0;
      work.kv_tokens += context;
      work.attention_pairs += chunk * (2 * context + chunk);
      done_ += chunk;
    }
    return work;
  }

 private:
  std::int64_t all_;
  std::int64_t prompt_;
  std::int64_t budget_;
  bool may_cut_;
  std::int64_t done_ = 0;
};

/// Sequences of each micro-batch: dealt one by one.
std::vector<std::int64_t> dealt(std::int64_t batch, int micro_batches) {
  std::vector<std::int64_t> sequences;
  for (int m = 0; m < micro_batches; ++m) {
    sequences.push_back((batch + micro_batches - 1 - m) / micro_batches);
  }
  return sequences;
}

StepWork decode_work(std::int64_t sequences, std::int64_t context) {
  StepWork work;
  work.tokens = sequences;
  work.samples = sequences;
  work.kv_tokens = sequences * context;
  return work;
}

double prefill_seconds(const StepTimeModel& model, const PoolConfig& pool, const StaticLoad& load,
                       const std::vector<std::int64_t>& sequences, StaticBatch& result) {
  std::vector<Prefill> prefills;
  for (const std::int64_t count : sequences) {
    prefills.push_back(Prefill{count, load, pool});
  }
  const auto done = [](const Prefill& prefill) { return prefill.done(); };
  double seconds = 0;
  std::vector<StepWork> works(prefills.size());
  while (!std::all_of(prefills.begin(), prefills.end(), done)) {
    for (std::size_t m = 0; m < prefills.size(); ++m) {
      works[m] = prefills[m].next_pass();
      if (works[m].tokens > result.longest_prefill.tokens) {
        result.longest_prefill = works[m];
      }
    }
    seconds += round_seconds(model, works);
    ++result.passes;
  }
  return seconds;
}

/// The decode steps of one micro-batch: their costs grow by the same amount each step, stage by
/// stage, since only KV grows.
class DecodeSteps {
 public:
  DecodeSteps(const StepTimeModel& model, std::int64_t sequences, std::int64_t prompt) {
    const StepWork first = decode_work(sequences, prompt);
    serial_ = serial_seconds(model, first);
    passage_ = serial_ + (model.stages() - 1) * model.hop_seconds(first.tokens);
    for (int stage = 0; stage < model.stages(); ++stage) {
      stages_.push_back({model.host_seconds(stage), stage_device_seconds(model, stage, first),
                         static_cast<double>(sequences) * model.kv_token_seconds(stage)});
    }
  }

  /// Through all stages, and in the slowest, `step` steps after the first.
  double latency(double step) const {
    double seconds = passage_;
    for (const Stage& stage : stages_) {
      seconds += stage.at(step);
    }
    return seconds;
  }
  double bottleneck(double step) const {
    double slowest = 0;
    for (const Stage& stage : stages_) {
      slowest = std::max(slowest, stage.at(step));
    }
    return serial_ + slowest;
  }

 private:
  struct Stage {
    double host = 0;
    double device = 0;
    double growth = 0;
    double at(double step) const { return std::max(host, device + growth * step); }
  };
  double serial_ = 0;
  double passage_ = 0;
  std::vector<Stage> stages_;
};

double decode_seconds(const StepTimeModel& model, const StaticLoad& load,
                      const std::vector<std::int64_t>& sequences) {
  std::vector<DecodeSteps> batches;
  for (const std::int64_t count : sequences) {
    if (count > 0) {
      batches.emplace_back(model, count, load.prompt);
    }
  }
  double seconds = 0;
  for (std::int64_t step = 0; step + 1 < load.output; ++step) {
    double longest = 0;
    double all = 0;
    for (const DecodeSteps& batch : batches) {
      longest = std::max(longest, batch.latency(static_cast<double>(step)));
      all += batches.size() > 1 ? batch.bottleneck(static_cast<double>(step)) : 0;
    }
    seconds += std::max(longest, all);
  }
  return seconds;
}

}  // namespace

double latency_seconds(const StepTimeModel& model, const StepWork& work) {
  double seconds =
      serial_seconds(model, work) + (model.stages() - 1) * model.hop_seconds(work.tokens);
  for (int stage = 0; stage < model.stages(); ++stage) {
    seconds += stage_seconds(model, stage, work);
  }
  return seconds;
}

double bottleneck_seconds(const StepTimeModel& model, const StepWork& work) {
  double slowest = 0;
  for (int stage = 0; stage < model.stages(); ++stage) {
    slowest = std::max(slowest, stage_seconds(model, stage, work));
  }
  return serial_seconds(model, work) + slowest;
}

StaticBatch predict_static_batch(const StepTimeModel& model, const PoolConfig& pool,
                                 const StaticLoad& load) {
  PLIMSOLL_CHECK(load.batch >= 1 && load.prompt >= 1 && load.output >= 1,
                 "a batch has sequences, prompts and outputs");
  const std::vector<std::int64_t> sequences = dealt(load.batch, model.stages());
  StaticBatch result;
  result.ttft = prefill_seconds(model, pool, load, sequences, result);
  const double decode = decode_seconds(model, load, sequences);
  const auto steps = static_cast<double>(load.output - 1);
  result.tpot = load.output > 1 ? decode / steps : 0.0;
  result.e2e = result.ttft + decode;
  result.throughput = static_cast<double>(load.batch) * static_cast<double>(load.output) /
                      std::max(result.e2e, 1e-12);
  result.middle_decode = decode_work(sequences.front(), load.prompt + (load.output - 1) / 2);
  return result;
}

}  // namespace plimsoll
