// The collector's laws: conservation, windows that sum to totals, definitions of the figures.
#include "metrics/collector.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "plimsoll/errors.hpp"
#include "support/metrics_builders.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;
using testing::at_ms;
using testing::gauges_at;
using testing::metrics_config;
using testing::play;
using testing::refused_request;
using testing::served_request;

ThresholdConfig threshold(const std::string& metric, const std::string& statistic, double p,
                          const std::string& comparison, double bound) {
  ThresholdConfig t;
  t.metric = metric;
  t.statistic = statistic;
  t.percentile = p;
  t.comparison = comparison;
  t.bound = bound;
  t.text = statistic + comparison;
  return t;
}

/// One request a second for a minute in `config`, closed window by window.
RunResult play_a_minute(const Config& config) {
  MetricsCollector collector{config};
  for (int i = 0; i < 60; ++i) {
    if (at_ms(i * 1000) >= collector.next_window_end()) {
      const SimTime end = collector.next_window_end();
      collector.close_window(end, gauges_at(config, end), 0);
    }
    const auto c = static_cast<ClassIndex>(i % 2);
    if (i % 10 == 9) {
      play(collector, refused_request(static_cast<RequestId>(i), i * 1000, Outcome::timed_out, c));
    } else {
      const auto pool = static_cast<PoolIndex>(i % static_cast<int>(config.pools.size()));
      play(collector, served_request(static_cast<RequestId>(i), i * 1000, c, pool));
    }
  }
  return collector.finish(at_ms(60'000), at_ms(60'000), gauges_at(config, at_ms(60'000)), 0);
}

TEST(Collector, CountsAndLatenciesOfAMinute) {
  const Config config = metrics_config();
  const RunResult result = play_a_minute(config);
  const SliceSummary& whole = result.slices.front();
  EXPECT_EQ(whole.arrived, 60);
  EXPECT_EQ(whole.outcomes[static_cast<int>(Outcome::completed)], 54);
  EXPECT_EQ(whole.outcomes[static_cast<int>(Outcome::timed_out)], 6);
  EXPECT_EQ(whole.unfinished, 6);
  EXPECT_EQ(whole.measured, 54);
  EXPECT_EQ(whole.output_tokens, 54 * 11);
  EXPECT_DOUBLE_EQ(whole.ttft.mean, 100.0);
  EXPECT_DOUBLE_EQ(whole.ttft.std, 0.0);
  EXPECT_DOUBLE_EQ(whole.tpot.mean, 20.0);  // (300 - 100) / (11 - 1)
  EXPECT_DOUBLE_EQ(whole.e2el.max, 300.0);
  EXPECT_DOUBLE_EQ(whole.queue.mean, 10.0);
  EXPECT_EQ(whole.queue.count, 54);  // those never scheduled waited for nothing
  EXPECT_DOUBLE_EQ(whole.request_throughput, 0.9);
  EXPECT_DOUBLE_EQ(whole.total_token_throughput, 54 * 111 / 60.0);
  EXPECT_DOUBLE_EQ(whole.availability, 0.9);
  EXPECT_EQ(result.windows.size(), 6U);
  EXPECT_DOUBLE_EQ(result.gpu_utilization, 0.25);
  EXPECT_DOUBLE_EQ(result.kv_cache_usage, 0.25);
}

/// 40 s of arrivals, of a minute that is played: what ends in the drain is counted and measured,
/// and no rate has it; nor do shares of GPU time, here half busy before it and idle in it.
TEST(Collector, ADrainIsInNoRate) {
  Config config = metrics_config();
  config.duration = 40s;
  MetricsCollector collector{config};
  const auto gauges = [&](SimTime end) {
    std::vector<PoolGauges> all = gauges_at(config, end);
    for (PoolGauges& pool : all) {
      const std::int64_t served = pool.busy_ns + pool.idle_ns;
      pool.busy_ns = std::min(served, served * 40'000 / (end.time_since_epoch() / 1ms)) / 2;
      pool.busy_ns = end <= at_ms(40'000) ? served / 2 : pool.busy_ns;
      pool.idle_ns = served - pool.busy_ns;
    }
    return all;
  };
  for (int i = 0; i < 50; ++i) {
    if (at_ms(i * 1000) >= collector.next_window_end()) {
      const SimTime end = collector.next_window_end();
      collector.close_window(end, gauges(end), 0);
    }
    play(collector, served_request(static_cast<RequestId>(i), i * 1000, 0, 0));
  }
  collector.close_window(at_ms(50'000), gauges(at_ms(50'000)), 0);
  const RunResult result = collector.finish(at_ms(60'000), at_ms(40'000), gauges(at_ms(60'000)), 0);
  const SliceSummary& whole = result.slices.front();
  EXPECT_EQ(whole.measured, 50);
  EXPECT_DOUBLE_EQ(result.rated_seconds, 40);
  EXPECT_DOUBLE_EQ(whole.request_throughput, 1.0);
  EXPECT_DOUBLE_EQ(whole.output_throughput, 11.0);
  EXPECT_DOUBLE_EQ(result.most_completed_per_second, 1.0);
  EXPECT_NEAR(result.gpu_utilization, 0.5, 1e-9);
  EXPECT_NEAR(result.pools[0].gpu_utilization, 0.5, 1e-9);
  // What is billed as idle: half of all that was served, as it was while requests came.
  const PoolSummary& pool = result.pools[0];
  EXPECT_NEAR(static_cast<double>(pool.billed_idle_ns),
              static_cast<double>(pool.busy_ns + pool.idle_ns) / 2, 2);
}

TEST(Collector, WindowsAndSlicesSumToTheWhole) {
  const Config config = metrics_config(3);
  const RunResult result = play_a_minute(config);
  std::int64_t arrived = 0, ended = 0, completed = 0;
  for (const WindowSummary& window : result.windows) {
    arrived += window.arrived;
    ended += window.ended;
    completed += window.completed;
  }
  EXPECT_EQ(arrived, 60);
  EXPECT_EQ(ended, 60);
  EXPECT_EQ(completed, 54);
  for (const char* kind : {"tier", "model"}) {
    std::int64_t of_kind = 0, first_tokens = 0, good = 0;
    for (const SliceSummary& slice : result.slices) {
      of_kind += slice.kind == kind ? slice.arrived : 0;
      first_tokens += slice.kind == kind ? slice.ttft.count : 0;
      good += slice.kind == kind ? slice.good : 0;
    }
    EXPECT_EQ(of_kind, 60) << kind;
    EXPECT_EQ(first_tokens, 54) << kind;
    EXPECT_EQ(good, result.slices.front().good) << kind;
  }
}

TEST(Collector, ManyWindowsGiveTheSameTotalsAsOne) {
  Config config = metrics_config(2);
  const RunResult fine = play_a_minute(config);
  config.metrics.window = 60s;
  const RunResult coarse = play_a_minute(config);
  EXPECT_EQ(coarse.windows.size(), 1U);
  EXPECT_EQ(fine.fingerprint, coarse.fingerprint);
  for (std::size_t i = 0; i < fine.slices.size(); ++i) {
    EXPECT_EQ(fine.slices[i].ttft.count, coarse.slices[i].ttft.count);
    EXPECT_EQ(fine.slices[i].e2el.percentiles, coarse.slices[i].e2el.percentiles);
    EXPECT_EQ(fine.slices[i].tpot.std, coarse.slices[i].tpot.std);
  }
}

TEST(Collector, WarmUpIsCountedButNotMeasured) {
  Config config = metrics_config();
  config.warm_up = 15s;  // cuts the second window in two
  const RunResult result = play_a_minute(config);
  EXPECT_EQ(result.windows.size(), 7U);  // to 10, 15, 25, 35, 45, 55 and 60 s
  EXPECT_EQ(result.slices.front().arrived, 60);
  EXPECT_EQ(result.slices.front().measured, 45 - 5);  // 15 .. 59 without 19, 29, 39, 49, 59
  EXPECT_EQ(result.slices.front().unfinished, 5);
  EXPECT_EQ(result.slices.front().billed_output_tokens, 54 * 11);
  EXPECT_DOUBLE_EQ(result.slices.front().request_throughput, 40 / 45.0);
}

TEST(Collector, ALostRequestIsNoticed) {
  const Config config = metrics_config();
  MetricsCollector collector{config};
  play(collector, served_request(0, 0));
  collector.on_arrival(1, 0, at_ms(500));
  const auto gauges = gauges_at(config, at_ms(10'000));
  EXPECT_THROW(collector.close_window(at_ms(10'000), gauges, 0), InternalError);
  EXPECT_THROW(collector.close_window(at_ms(10'000), gauges, 2), InternalError);
  EXPECT_NO_THROW(collector.close_window(at_ms(10'000), gauges, 1));
}

TEST(Collector, MissingGpuTimeIsNoticed) {
  const Config config = metrics_config();
  MetricsCollector collector{config};
  auto gauges = gauges_at(config, at_ms(10'000));
  gauges[0].idle_ns -= 1;
  EXPECT_THROW(collector.close_window(at_ms(10'000), gauges, 0), InternalError);
}

TEST(Collector, GoodputTakesEverySloOfTheTier) {
  Config config = metrics_config();
  config.tiers[0].slo.ttft = 100ms;  // met exactly
  config.tiers[0].slo.tpot = 20ms;
  config.tiers[1].slo.ttft = 100ms;
  config.tiers[1].slo.e2e = 299ms;  // missed by 1 ms
  const RunResult result = play_a_minute(config);
  EXPECT_EQ(result.slices[1].name, "free");
  EXPECT_EQ(result.slices[1].good, result.slices[1].measured);
  EXPECT_EQ(result.slices[2].good, 0);
  EXPECT_GT(result.slices[2].measured, 0);
  config.tiers[0].slo.tpot = 20ms - 1ns;
  EXPECT_EQ(play_a_minute(config).slices[1].good, 0);
  config.tiers[0].slo.tpot.reset();
  config.tiers[0].slo.queue = 9ms;
  EXPECT_EQ(play_a_minute(config).slices[1].good, 0);
}

TEST(Collector, StepRunsBecomeGapsTokensAndBatches) {
  const Config config = metrics_config();
  MetricsCollector collector{config};
  StepRun prefill;
  prefill.steps = 1;
  prefill.prompt_tokens = 512;
  prefill.first_tokens = 2;
  prefill.first_step = 80'000'000'000'000;
  collector.on_steps(prefill);
  StepRun decode;
  decode.steps = 9;
  decode.sequences = 2;
  decode.first_step = 20'000'000'000'000;  // 20 ms
  collector.on_steps(decode);
  collector.on_resumed_token(0, 500ms);
  const RunResult result =
      collector.finish(at_ms(1000), at_ms(1000), gauges_at(config, at_ms(1000)), 0);
  EXPECT_EQ(result.windows[0].output_tokens, 20);
  EXPECT_EQ(result.windows[0].prompt_tokens, 512);
  EXPECT_EQ(result.slices[0].itl.count, 19);  // a prefill's first tokens have no gap before them
  EXPECT_DOUBLE_EQ(result.slices[0].itl.max, 500.0);
  EXPECT_DOUBLE_EQ(result.slices[0].itl.mean, (18 * 20.0 + 500.0) / 19);
  EXPECT_DOUBLE_EQ(result.pools[0].mean_batch, 18.0 / 10);
}

TEST(Collector, FingerprintIgnoresOrderWithinAnInstantAndSeesEveryChange) {
  const Config config = metrics_config();
  const auto fingerprint = [&](RequestId first, RequestId second, std::int64_t shift) {
    MetricsCollector collector{config};
    collector.on_arrival(first, 0, at_ms(1));
    collector.on_arrival(second, 0, at_ms(1) + Duration{shift});
    return collector.fingerprint();
  };
  EXPECT_EQ(fingerprint(0, 1, 0), fingerprint(1, 0, 0));
  EXPECT_NE(fingerprint(0, 1, 0), fingerprint(0, 1, 1));
  EXPECT_NE(fingerprint(0, 1, 0), fingerprint(0, 2, 0));
}

TEST(Collector, TheWindowWriterGetsEveryWindowAndNoneIsHeld) {
  const Config config = metrics_config();
  MetricsCollector collector{config};
  std::int64_t written = 0;
  collector.set_window_writer([&](const WindowSummary&) { ++written; });
  for (int i = 1; i <= 100; ++i) {
    collector.close_window(at_ms(i * 10'000), gauges_at(config, at_ms(i * 10'000)), 0);
  }
  const RunResult result =
      collector.finish(at_ms(1'000'000), at_ms(1'000'000), gauges_at(config, at_ms(1'000'000)), 0);
  EXPECT_EQ(written, 100);
  EXPECT_EQ(result.windows_closed, 100);
  EXPECT_TRUE(result.windows.empty());
}

TEST(Collector, ThresholdsOverTheRunATierAndEachWindow) {
  Config config = metrics_config();
  config.thresholds.push_back(threshold("ttft_ms", "p", 99, "<=", 100));
  config.thresholds.push_back(threshold("ttft_ms", "avg", 0, "<", 100));
  config.thresholds.push_back(threshold("availability", "value", 0, ">=", 0.89));
  config.thresholds.push_back(threshold("availability", "value", 0, ">=", 0.91));
  config.thresholds.push_back(threshold("e2el_ms", "max", 0, "<", 301));
  config.thresholds.back().tag_key = "tier";
  config.thresholds.back().tag_value = "plus";
  config.thresholds.push_back(threshold("gpu_utilization", "value", 0, "<", 0.2));
  config.thresholds.back().tag_key = "pool";
  config.thresholds.back().tag_value = "pool0";
  config.thresholds.push_back(threshold("itl_ms", "p", 50, "<", 1e9));  // no step was played
  const RunResult result = play_a_minute(config);
  const bool expected[] = {true, false, true, false, true, false, false};
  for (std::size_t i = 0; i < result.thresholds.size(); ++i) {
    EXPECT_EQ(result.thresholds[i].holds, expected[i]) << i;
  }
  EXPECT_DOUBLE_EQ(result.thresholds[3].value, 0.9);
  EXPECT_FALSE(result.thresholds[6].measured);
  EXPECT_EQ(result.verdict.kind, VerdictKind::fails);
  EXPECT_EQ(result.verdict.reasons.size(), 5U);  // four failures, and a tenth unanswered
}

TEST(Collector, AThresholdOnEveryWindowRemembersTheWorst) {
  Config config = metrics_config();
  config.thresholds.push_back(threshold("ttft_ms", "max", 0, "<", 500));
  config.thresholds.push_back(threshold("ttft_ms", "p", 50, "<", 500));
  config.thresholds[1].every_window = true;
  MetricsCollector collector{config};
  for (int w = 0; w < 5; ++w) {
    for (int i = 0; i < 10; ++i) {
      RequestRecord record = served_request(static_cast<RequestId>(w * 10 + i), w * 10'000 + i);
      if (w == 3) {
        record.first_token = record.arrived + 700ms;
        record.finished = record.arrived + 900ms;
      }
      play(collector, record);
    }
    collector.close_window(at_ms((w + 1) * 10'000), gauges_at(config, at_ms((w + 1) * 10'000)), 0);
  }
  const RunResult result =
      collector.finish(at_ms(50'000), at_ms(50'000), gauges_at(config, at_ms(50'000)), 0);
  EXPECT_FALSE(result.thresholds[0].holds);
  EXPECT_FALSE(result.thresholds[1].holds);
  EXPECT_LT(result.thresholds[1].value, 500);  // over the run the median is fine
  EXPECT_EQ(result.thresholds[1].worst_window, at_ms(30'000));
  ASSERT_FALSE(result.worst_windows.empty());
  EXPECT_EQ(result.worst_windows[0].metric, "ttft_p99");
  EXPECT_EQ(result.worst_windows[0].window.begin, at_ms(30'000));
}

TEST(Collector, TheSampleIsUniformSortedAndBlindToOrder) {
  Config config = metrics_config();
  config.metrics.sample_requests = 50;
  const auto sample_of = [&](bool backwards) {
    RequestSample sample{config.seed, config.metrics.sample_requests};
    for (int i = 0; i < 5000; ++i) {
      const int id = backwards ? 4999 - i : i;
      sample.offer(served_request(static_cast<RequestId>(id), id));
    }
    return sample.sorted();
  };
  const auto forward = sample_of(false);
  const auto backward = sample_of(true);
  ASSERT_EQ(forward.size(), 50U);
  double mean = 0;
  for (std::size_t i = 0; i < forward.size(); ++i) {
    EXPECT_EQ(forward[i].id, backward[i].id);
    EXPECT_TRUE(i == 0 || forward[i - 1].id < forward[i].id);
    mean += static_cast<double>(forward[i].id) / 50;
  }
  EXPECT_NEAR(mean, 2500, 4 * 5000 / std::sqrt(12.0 * 50));  // four standard errors
}

}  // namespace
}  // namespace plimsoll
