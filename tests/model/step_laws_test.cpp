// What holds for every step of every model, GPU, engine and layout, on random ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include "perf/static_batch.hpp"
#include "perf/step_time_model.hpp"
#include "plimsoll/errors.hpp"
#include "support/random_hardware.hpp"

namespace plimsoll {
namespace {

// Sums in another order differ in the last bits of a double.
constexpr double last_bits = 1e-12;

std::unique_ptr<StepTimeModel> model_if_runnable(const Config& config) {
  try {
    return make_step_time_model(config, config.pools[0]);
  } catch (const ConfigError&) {
    return nullptr;  // this GPU has no such precision
  }
}

std::string describe(const Config& config, const StepWork& work) {
  const PoolConfig& pool = config.pools[0];
  return config.models[0].name + " on " + config.gpus[0].name + " (" + config.kernels[0].name +
         " kernels, " + config.profiles[0].name + " engine), tp " + std::to_string(pool.tp) +
         ", pp " + std::to_string(pool.pp) + ": " + std::to_string(work.tokens) + " tokens, " +
         std::to_string(work.samples) + " samples, " + std::to_string(work.kv_tokens) +
         " KV tokens, " + std::to_string(work.attention_pairs) + " pairs";
}

constexpr int points = 10'000;

/// Calls `law` with 10,000 random points that can run, until one breaks it.
void for_random_points(
    const char* stream_name,
    const std::function<void(Draws&, const Config&, const StepTimeModel&, const StepWork&)>& law) {
  const RandomStream stream{20'230'315, stream_name};
  int tried = 0;
  for (std::uint64_t trial = 0; tried < points; ++trial) {
    ASSERT_LT(trial, 3U * points) << "too few of the random configurations can run";
    Draws draws = stream.of(trial);
    const Config config = test::random_config(draws);
    const auto model = model_if_runnable(config);
    if (model == nullptr) {
      continue;
    }
    const StepWork work = test::random_work(draws);
    SCOPED_TRACE(describe(config, work));
    law(draws, config, *model, work);
    if (testing::Test::HasFailure()) {
      return;
    }
    ++tried;
  }
}

double device_seconds(const StepTimeModel& model, const StepWork& work) {
  double sum = 0;
  for (int stage = 0; stage < model.stages(); ++stage) {
    sum += stage_device_seconds(model, stage, work);
  }
  return sum;
}

TEST(StepLaws, MoreWorkNeverTakesLess) {
  for_random_points("monotone", [](Draws& draws, const Config&, const StepTimeModel& model,
                                   const StepWork& work) {
    const double passage = latency_seconds(model, work) * (1 - last_bits);
    const double stay = bottleneck_seconds(model, work) * (1 - last_bits);
    const auto more = static_cast<std::int64_t>(1 + draws.below(500));
    StepWork tokens = work;
    tokens.tokens += more;
    StepWork samples = work;
    samples.samples += more;
    StepWork kv = work;
    kv.kv_tokens += more;
    StepWork pairs = work;
    pairs.attention_pairs += more;
    for (const StepWork& larger : {tokens, samples, kv, pairs}) {
      ASSERT_GE(latency_seconds(model, larger), passage) << "+ " << more;
      ASSERT_GE(bottleneck_seconds(model, larger), stay) << "+ " << more;
    }
    // Strictly, on the device.
    ASSERT_GT(device_seconds(model, tokens), device_seconds(model, work));
    ASSERT_GT(device_seconds(model, kv), device_seconds(model, work));
    ASSERT_GT(device_seconds(model, pairs), device_seconds(model, work));
  });
}

TEST(StepLaws, KvAndPairsAddBesideWhatAnyOfThemCosts) {
  for_random_points("additive", [](Draws& draws, const Config&, const StepTimeModel& model,
                                   const StepWork& work) {
    const auto some = static_cast<std::int64_t>(1 + draws.below(100'000));
    for (int stage = 0; stage < model.stages(); ++stage) {
      const auto device = [&](std::int64_t kv, std::int64_t pairs) {
        StepWork other = work;
        other.kv_tokens = kv;
        other.attention_pairs = pairs;
        return stage_device_seconds(model, stage, other);
      };
      const double none = device(0, 0);
      const double tolerance = last_bits * device(3 * some, 3 * some);
      // The first costs the kernel too; from then on each costs the same, whatever the other does.
      const double kv = model.kv_token_seconds(stage) * static_cast<double>(some);
      const double pairs = model.pair_seconds(stage) * static_cast<double>(some);
      ASSERT_NEAR(device(some, 0) - none, kv + model.kv_read_seconds(stage), tolerance);
      ASSERT_NEAR(device(3 * some, some) - device(some, some), 2 * kv, tolerance);
      ASSERT_NEAR(device(0, some) - none, pairs + model.chunk_seconds(stage), tolerance);
      ASSERT_NEAR(device(some, 3 * some) - device(some, some), 2 * pairs, tolerance);
    }
  });
}

TEST(StepLaws, TheBreakdownIsTheStep) {
  for_random_points(
      "breakdown", [](Draws&, const Config&, const StepTimeModel& model, const StepWork& work) {
        const StepBreakdown parts = model.breakdown(work);
        const double device = device_seconds(model, work);
        ASSERT_NEAR(parts.device(), device, last_bits * device);
        double host = 0;
        for (int stage = 0; stage < model.stages(); ++stage) {
          host += model.host_seconds(stage);
        }
        ASSERT_NEAR(parts.host, host, last_bits * host);
        for (const double part :
             {parts.serial, parts.host, parts.weights, parts.gemm, parts.attention, parts.kv,
              parts.collectives, parts.elementwise, parts.latency, parts.hops}) {
          ASSERT_GE(part, 0);
        }
        // Device and host overlap within a stage at best, and not at all at worst.
        const double beside = parts.serial + parts.hops;
        const double passage = latency_seconds(model, work);
        ASSERT_GE(passage, (beside + std::max(host, device)) * (1 - last_bits));
        ASSERT_LE(passage, (beside + host + device) * (1 + last_bits));
        // The slowest stage is at least the mean stage, and no more than all of them.
        const double stay = bottleneck_seconds(model, work) - parts.serial;
        ASSERT_GE(stay * model.stages(), std::max(host, device) * (1 - 1e-9));
        ASSERT_LE(stay, (passage - beside) * (1 + 1e-9));
      });
}

TEST(StepLaws, CommunicationHidesNoMoreThanIsAllowed) {
  for_random_points("overlap", [](Draws& draws, const Config& config, const StepTimeModel&,
                                  const StepWork& work) {
    Config open = config;
    open.pools[0].collectives.overlap = 0;
    Config hidden = config;
    hidden.pools[0].collectives.overlap = draws.uniform();
    const StepBreakdown all = model_if_runnable(open)->breakdown(work);
    const StepBreakdown rest = model_if_runnable(hidden)->breakdown(work);
    const double products = all.weights + all.gemm;
    const double saved = all.device() - rest.device();
    const double tolerance = last_bits * all.device();
    ASSERT_GE(saved, -tolerance);
    ASSERT_LE(saved, hidden.pools[0].collectives.overlap * products + tolerance);
    ASSERT_LE(saved, all.collectives + tolerance);
  });
}

TEST(StepLaws, AFasterGpuIsNeverSlower) {
  for_random_points("faster", [](Draws& draws, const Config& config, const StepTimeModel& model,
                                 const StepWork& work) {
    Config faster = config;
    GpuSpec& gpu = faster.gpus[0];
    const auto scale = [&draws](auto& rate) {
      const double factor = 1 + 2 * draws.uniform();
      rate = std::remove_reference_t<decltype(rate)>::of(rate.count() * factor);
    };
    scale(gpu.fp16);
    scale(gpu.fp8);
    scale(gpu.int8);
    scale(gpu.memory_bandwidth);
    scale(gpu.nvlink);
    scale(gpu.node_hop_bandwidth);
    const auto fast = model_if_runnable(faster);
    ASSERT_NE(fast, nullptr);
    const double limit = 1 + last_bits;
    ASSERT_LE(latency_seconds(*fast, work), latency_seconds(model, work) * limit);
    ASSERT_LE(bottleneck_seconds(*fast, work), bottleneck_seconds(model, work) * limit);
    ASSERT_LT(device_seconds(*fast, work), device_seconds(model, work));
  });
}

}  // namespace
}  // namespace plimsoll
