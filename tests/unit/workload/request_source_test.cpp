// Request streams as a whole: independence of streams, classes, limits, closed loops, traces.
#include "plimsoll/workload.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <numbers>

#include "plimsoll/errors.hpp"
#include "support/workload_builders.hpp"

namespace plimsoll {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::draw_arrivals;
using testing::open_loop_config;
using testing::TemporaryFolder;
using testing::write_plain;

LengthLaw lognormal(double mean) {
  LengthLaw law;
  law.kind = LengthLaw::Kind::lognormal;
  law.mean = mean;
  return law;
}

Config lognormal_config() {
  Config config = open_loop_config(20);
  config.workload.prompt = lognormal(812);
  config.workload.output = lognormal(92);
  return config;
}

RequestClassConfig class_of(const char* name, double share) {
  RequestClassConfig request_class;
  request_class.name = name;
  request_class.share = share;
  return request_class;
}

template <class Member>
std::vector<std::int64_t> column(const std::vector<Arrival>& arrivals, Member member) {
  std::vector<std::int64_t> values;
  for (const Arrival& arrival : arrivals) {
    values.push_back(member(arrival));
  }
  return values;
}
std::vector<std::int64_t> times(const std::vector<Arrival>& arrivals) {
  return column(arrivals, [](const Arrival& a) { return a.at.time_since_epoch().count(); });
}
std::vector<std::int64_t> prompts(const std::vector<Arrival>& arrivals) {
  return column(arrivals, [](const Arrival& a) { return a.prompt_tokens; });
}
std::vector<std::int64_t> outputs(const std::vector<Arrival>& arrivals) {
  return column(arrivals, [](const Arrival& a) { return a.output_tokens; });
}

TEST(RequestSource, SameSeedSameRequestsOtherSeedOthers) {
  Config config = lognormal_config();
  const auto one = draw_arrivals(config, 2000);
  const auto same = draw_arrivals(config, 2000);
  EXPECT_EQ(times(one), times(same));
  EXPECT_EQ(prompts(one), prompts(same));
  EXPECT_EQ(outputs(one), outputs(same));
  config.seed += 1;
  const auto other = draw_arrivals(config, 2000);
  EXPECT_NE(times(one), times(other));
  EXPECT_NE(prompts(one), prompts(other));
  EXPECT_NE(outputs(one), outputs(other));
}

TEST(RequestSource, ChangingOneLawShiftsNoOtherDraw) {
  const Config config = lognormal_config();
  const auto base = draw_arrivals(config, 2000);

  Config other_output = config;
  other_output.workload.output.kind = LengthLaw::Kind::exponential;
  const auto a = draw_arrivals(other_output, 2000);
  EXPECT_EQ(times(base), times(a));
  EXPECT_EQ(prompts(base), prompts(a));
  EXPECT_NE(outputs(base), outputs(a));

  Config more_classes = config;
  more_classes.workload.classes = {class_of("free", 0.7), class_of("plus", 0.3)};
  const auto b = draw_arrivals(more_classes, 2000);
  EXPECT_EQ(times(base), times(b));
  EXPECT_EQ(prompts(base), prompts(b));
  EXPECT_EQ(outputs(base), outputs(b));

  Config other_arrivals = config;
  other_arrivals.workload.arrivals.process = ArrivalProcess::gamma;
  other_arrivals.workload.arrivals.cv = 3;
  const auto c = draw_arrivals(other_arrivals, 2000);
  EXPECT_NE(times(base), times(c));
  EXPECT_EQ(prompts(base), prompts(c));
  EXPECT_EQ(outputs(base), outputs(c));
}

TEST(RequestSource, PromptAndOutputAreUncorrelated) {
  const auto arrivals = draw_arrivals(lognormal_config(), 50000);
  double sum = 0;
  for (const Arrival& a : arrivals) {
    // Signs against the medians: a product of mean 0 and variance 1.
    sum += (a.prompt_tokens > 812 / std::sqrt(2.0) ? 1 : -1) *
           (a.output_tokens > 92 / std::sqrt(2.0) ? 1 : -1);
  }
  const double n = static_cast<double>(arrivals.size());
  EXPECT_NEAR(sum / n, 0.0, 4 / std::sqrt(n) + 1e-3);
}

TEST(RequestSource, ClassesComeByShareWithTheirOwnLengths) {
  Config config = open_loop_config(20);
  LengthLaw long_prompt;
  long_prompt.mean = 3000;
  config.workload.classes = {class_of("free", 6), class_of("none", 0), class_of("plus", 3),
                             class_of("batch", 1)};
  config.workload.classes[3].prompt = long_prompt;
  constexpr int count = 50000;
  std::vector<double> seen(4, 0.0);
  for (const Arrival& a : draw_arrivals(config, count)) {
    seen.at(a.request_class) += 1;
    ASSERT_EQ(a.prompt_tokens, a.request_class == 3 ? 3000 : 100);
    ASSERT_EQ(a.output_tokens, 10);
  }
  const double shares[] = {0.6, 0.0, 0.3, 0.1};
  for (std::size_t i = 0; i < 4; ++i) {
    const double p = shares[i];
    EXPECT_NEAR(seen[i], count * p, 4 * std::sqrt(count * p * (1 - p))) << i;
  }
}

TEST(RequestSource, ClassesFollowRhythmsOfTheirOwn) {
  Config config = open_loop_config(100);
  config.workload.classes.resize(2);
  const auto peak_at = [&](std::size_t index, Duration at) {
    RateShape wave;
    wave.kind = RateShape::Kind::diurnal;
    wave.period = seconds{1000};
    wave.peak_at = at;
    wave.peak_to_mean = 1.8;
    config.workload.classes[index].shapes = {wave};
  };
  const std::vector<Arrival> plain = draw_arrivals(config, 100'000);
  peak_at(0, seconds{0});
  peak_at(1, seconds{500});
  const std::vector<Arrival> shaped = draw_arrivals(config, 100'000);
  // Shares (1 +- 0.8 cos) / 2 of one period: in its first and last quarter the first class has
  // 1/2 + 0.8 / pi of what arrives.
  double near_peak = 0;
  double of_first = 0;
  for (std::size_t i = 0; i < shaped.size(); ++i) {
    ASSERT_EQ(shaped[i].at, plain[i].at) << "who comes does not change when somebody comes";
    ASSERT_EQ(shaped[i].prompt_tokens, plain[i].prompt_tokens);
    const Duration t = shaped[i].at.time_since_epoch() % Duration{seconds{1000}};
    if (t < seconds{250} || t >= seconds{750}) {
      near_peak += 1;
      of_first += shaped[i].request_class == 0 ? 1 : 0;
    }
  }
  EXPECT_NEAR(of_first / near_peak, 0.5 + 0.8 / std::numbers::pi, 0.01);
}

TEST(RequestSource, StopsAtTheDurationAndStaysStopped) {
  Config config = open_loop_config(100);
  config.duration = seconds{10};
  const auto source = make_request_source(config, {});
  Arrival arrival;
  double count = 0;
  SimTime last{};
  while (source->next(arrival)) {
    ASSERT_GE(arrival.at, last);
    ASSERT_LT(arrival.at, SimTime{seconds{10}});
    last = arrival.at;
    ++count;
  }
  EXPECT_NEAR(count, 1000, 4 * std::sqrt(1000.0));
  EXPECT_FALSE(source->next(arrival));
  EXPECT_FALSE(source->closed_loop());
  EXPECT_EQ(source->skipped_rows(), 0);
}

TEST(RequestSource, MaxRequestsEndsEveryKind) {
  Config config = open_loop_config(100);
  config.workload.max_requests = 17;
  EXPECT_EQ(draw_arrivals(config, 100).size(), 17U);
  config.workload.arrivals.process = ArrivalProcess::closed_loop;
  config.workload.arrivals.concurrency = 30;
  EXPECT_EQ(draw_arrivals(config, 100).size(), 17U);
}

TEST(ClosedLoop, OneArrivalPerFinishedRequest) {
  Config config = lognormal_config();
  config.workload.arrivals.process = ArrivalProcess::closed_loop;
  config.workload.arrivals.concurrency = 3;
  const auto source = make_request_source(config, {});
  EXPECT_TRUE(source->closed_loop());
  Arrival arrival;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(source->next(arrival));
    EXPECT_EQ(arrival.at, sim_start);
  }
  EXPECT_FALSE(source->next(arrival));
  source->on_finished(SimTime{milliseconds{5}});
  source->on_finished(SimTime{milliseconds{5}});
  ASSERT_TRUE(source->next(arrival));
  EXPECT_EQ(arrival.at, SimTime{milliseconds{5}});
  source->on_finished(SimTime{milliseconds{9}});
  ASSERT_TRUE(source->next(arrival));
  EXPECT_EQ(arrival.at, SimTime{milliseconds{5}});
  ASSERT_TRUE(source->next(arrival));
  EXPECT_EQ(arrival.at, SimTime{milliseconds{9}});
  EXPECT_FALSE(source->next(arrival));
}

TEST(ClosedLoop, UsersThinkForAnExponentialTimeAndTheEarliestComesFirst) {
  Config config = lognormal_config();
  config.workload.arrivals.process = ArrivalProcess::closed_loop;
  config.workload.arrivals.concurrency = 20'000;
  config.workload.arrivals.think_time = milliseconds{50};
  const auto source = make_request_source(config, {});
  Arrival arrival;
  SimTime before = sim_start;
  double sum = 0;
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(source->next(arrival));
    ASSERT_GE(arrival.at, before);
    before = arrival.at;
    sum += to_seconds(arrival.at.time_since_epoch());
  }
  EXPECT_NEAR(sum / 20'000, 0.050, 4 * 0.050 / std::sqrt(20'000.0));
  // An arrival that waits gives way to one that became available earlier.
  SimTime pending = SimTime{seconds{1000}};
  EXPECT_FALSE(source->swap_for_earlier(pending));
  source->on_finished(SimTime{seconds{10}});
  EXPECT_TRUE(source->swap_for_earlier(pending));
  EXPECT_LT(pending, SimTime{seconds{20}});
  ASSERT_TRUE(source->next(arrival));
  EXPECT_EQ(arrival.at, SimTime{seconds{1000}});
}

TEST(ClosedLoop, LengthsAreThoseOfTheOpenLoop) {
  const Config open = lognormal_config();
  Config closed = open;
  closed.workload.arrivals.process = ArrivalProcess::closed_loop;
  closed.workload.arrivals.concurrency = 500;
  EXPECT_EQ(prompts(draw_arrivals(open, 500)), prompts(draw_arrivals(closed, 500)));
}

TEST(ClosedLoop, NothingComesOnceTheDurationIsOver) {
  Config config = open_loop_config(1);
  config.duration = seconds{1};
  config.workload.arrivals.process = ArrivalProcess::closed_loop;
  config.workload.arrivals.concurrency = 1;
  const auto source = make_request_source(config, {});
  Arrival arrival;
  ASSERT_TRUE(source->next(arrival));
  source->on_finished(SimTime{seconds{1}});
  EXPECT_FALSE(source->next(arrival));
}

class TraceSource : public ::testing::Test {
 protected:
  TraceSource() : config_{open_loop_config(1)} { config_.workload.trace = folder_.file("t.csv"); }
  void write(const std::string& rows) {
    write_plain(config_.workload.trace, "arrival_s,prompt_tokens,output_tokens\n" + rows);
  }

  TemporaryFolder folder_;
  Config config_;
};

TEST_F(TraceSource, ReplacesArrivalsAndLengths) {
  write("0,374,44\n0,5,6\n4.315,396,109\n");
  const auto arrivals = draw_arrivals(config_, 10);
  EXPECT_EQ(times(arrivals), (std::vector<std::int64_t>{0, 0, 4'315'000'000}));
  EXPECT_EQ(prompts(arrivals), (std::vector<std::int64_t>{374, 5, 396}));
  EXPECT_EQ(outputs(arrivals), (std::vector<std::int64_t>{44, 6, 109}));
}

TEST_F(TraceSource, SpeedDividesTimes) {
  write("0,1,1\n1,1,1\n10.000000001,1,1\n");
  config_.workload.trace_speed = 4;
  EXPECT_EQ(times(draw_arrivals(config_, 10)),
            (std::vector<std::int64_t>{0, 250'000'000, 2'500'000'000}));
  config_.workload.trace_speed = 1e-12;
  EXPECT_THROW(draw_arrivals(config_, 10), ConfigError);
}

TEST_F(TraceSource, EndsAtTheDurationOrAtMaxRequestsWithoutReadingOn) {
  write("0,1,1\n1,1,1\n2,1,1\n2,1,bad\n");
  config_.duration = seconds{2};
  EXPECT_EQ(draw_arrivals(config_, 10).size(), 2U);
  config_.duration = Duration::zero();
  config_.workload.max_requests = 3;
  EXPECT_EQ(draw_arrivals(config_, 10).size(), 3U);
  config_.workload.max_requests = 0;
  EXPECT_THROW(draw_arrivals(config_, 10), ConfigError);
}

TEST_F(TraceSource, WithoutARowIsRefused) {
  write("");
  EXPECT_THROW(draw_arrivals(config_, 10), ConfigError);
  write("x,1,1\n1,0,1\n");
  EXPECT_THROW(testing::skip_bad_rows(config_), ConfigError) << "all are skipped";
}

TEST_F(TraceSource, CountsSkippedRows) {
  write("0,1,1\nx,1,1\n1,0,1\n2,1,1\n");
  const testing::SkippedRows rows = testing::skip_bad_rows(config_);
  EXPECT_EQ(rows.good, 2);
  EXPECT_EQ(rows.skipped, 2);
}

TEST_F(TraceSource, ClassesAreDrawnAsWithoutATrace) {
  std::string rows;
  for (int i = 0; i < 500; ++i) {
    rows += std::to_string(i) + ",1,1\n";
  }
  write(rows);
  config_.workload.classes = {class_of("free", 0.7), class_of("plus", 0.3)};
  Config open = config_;
  open.workload.trace.clear();
  const auto class_column = [](const Arrival& a) { return a.request_class; };
  EXPECT_EQ(column(draw_arrivals(config_, 500), class_column),
            column(draw_arrivals(open, 500), class_column));
}

}  // namespace
}  // namespace plimsoll
