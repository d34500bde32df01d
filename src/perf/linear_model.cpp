// Step times from affine coefficients that a user measured.
#include "perf/linear_model.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "fleet/memory_fit.hpp"
#include "perf/roofline_bound.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

class LinearModel : public StepTimeModel {
 public:
  LinearModel(const Config& config, const PoolConfig& pool)
      : bound_{config, pool}, stages_{pool.pp} {
    const EngineProfile& profile = config.profiles.at(pool.profile);
    step_ = to_seconds(profile.linear_step) / stages_;
    token_ = to_seconds(profile.linear_token) / stages_;
    sequence_ = to_seconds(profile.linear_sequence) / stages_;
    kv_token_ = to_seconds(profile.linear_kv_token) / stages_;
  }

  int stages() const override { return stages_; }
  double device_seconds(int, std::int64_t tokens) const override {
    return step_ + token_ * static_cast<double>(tokens);
  }
  double head_seconds(int, std::int64_t samples) const override {
    return sequence_ * static_cast<double>(samples);
  }
  double kv_token_seconds(int) const override { return kv_token_; }
  double kv_read_seconds(int) const override { return 0; }
  double pair_seconds(int) const override { return 0; }
  double chunk_seconds(int) const override { return 0; }
  double host_seconds(int) const override { return 0; }
  double prompt_host_seconds(int) const override { return 0; }
  double serial_seconds() const override { return 0; }
  double serial_sample_seconds() const override { return 0; }
  double hop_seconds(std::int64_t) const override { return 0; }

  /// The coefficients do not tell operators apart: all of it counts as computing, KV aside.
  StepBreakdown breakdown(const StepWork& work) const override {
    StepBreakdown parts;
    parts.gemm =
        stages_ * (device_seconds(0, work.tokens) + sequence_ * static_cast<double>(work.samples));
    parts.kv = stages_ * kv_token_ * static_cast<double>(work.kv_tokens);
    return parts;
  }
  double roofline_seconds(const StepWork& work) const override { return bound_.seconds(work); }

  double seconds(const StepWork& work) const {
    const StepBreakdown parts = breakdown(work);
    return parts.gemm + parts.kv;
  }

 private:
  RooflineBound bound_;
  int stages_ = 1;
  double step_ = 0;  // per stage, as all of these
  double token_ = 0;
  double sequence_ = 0;
  double kv_token_ = 0;
};

[[noreturn]] void refuse(const Config& config, const PoolConfig& pool, const StepWork& work,
                         double stated, double roofline) {
  const GpuSpec& gpu = config.gpus.at(pool.gpu);
  throw ConfigError({Diagnostic{
      "", 0, 0, "pools." + pool.name + ".profile",
      fmt::format("profile {} is faster than the hardware: a step of {} new tokens, {} sampled, "
                  "{} KV tokens read takes {:.4g} ms by its coefficients, and at least {:.4g} ms "
                  "for {} on {} x {} at peak FLOPS and memory bandwidth",
                  config.profiles.at(pool.profile).name, work.tokens, work.samples, work.kv_tokens,
                  stated * 1e3, roofline * 1e3, config.models.at(pool.model).name,
                  pool.tp * pool.pp, gpu.name),
      "raise linear_step, linear_token or linear_kv_token, or lower max_num_batched_tokens, "
      "max_num_seqs or kv_blocks to what was measured"}});
}

/// Tries the corners of what a replica of this pool can meet in one step: few and many tokens,
/// with the least and the most KV. Between corners both sides are convex pieces of the same terms.
void require_above_roofline(const Config& config, const PoolConfig& pool,
                            const LinearModel& model) {
  const std::int64_t most_kv = std::max<std::int64_t>(0, memory_fit(config, pool).kv_tokens);
  const std::int64_t budget = std::max(1, pool.max_num_batched_tokens);
  const auto check = [&](const StepWork& work) {
    const double stated = model.seconds(work);
    const double roofline = model.roofline_seconds(work);
    if (stated < roofline) {
      refuse(config, pool, work, stated, roofline);
    }
  };
  for (std::int64_t tokens = 1;; tokens = std::min(tokens * 2, budget)) {
    const std::int64_t decoding = std::min<std::int64_t>(tokens, std::max(1, pool.max_num_seqs));
    // Decoding: one token and one context per sequence. The newest token's KV is not read.
    const std::int64_t context = std::max(1, pool.max_context) - 1;
    check(StepWork{decoding, decoding, decoding, 0});
    check(StepWork{decoding, decoding, std::min(most_kv, decoding * context), 0});
    // Prompts from their beginning, none longer than the context, and a chunk at its end.
    const std::int64_t pairs = tokens * std::min(tokens, context + 1);
    check(StepWork{tokens, 0, 0, pairs});
    check(StepWork{tokens, 1, 0, pairs});
    if (tokens < context) {
      const std::int64_t before = context - tokens;
      check(StepWork{tokens, 1, before, tokens * (2 * before + tokens)});
    }
    if (tokens == budget) {
      break;
    }
  }
}

}  // namespace

std::unique_ptr<StepTimeModel> make_linear_model(const Config& config, const PoolConfig& pool) {
  auto model = std::make_unique<LinearModel>(config, pool);
  require_above_roofline(config, pool, *model);
  return model;
}

}  // namespace plimsoll
