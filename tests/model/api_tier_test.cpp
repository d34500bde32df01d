// The API tier against queueing theory: M/M/c by Erlang C, M/D/1 by Pollaczek and Khinchine.
//
// Requests come as a Poisson process and need 10 ms of CPU in the mean. Waits are means over all
// requests after a warm-up, from ten fixed seeds; the interval is Student's at 99.9 %.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/random/exponential_distribution.hpp>
#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "service/api_tier.hpp"
#include "support/child_process.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

constexpr int seeds = 10;
constexpr double t_quantile_9 = 4.781;
constexpr int requests = 200'000;
constexpr int warm_up = 20'000;
constexpr double mean_ms = 10;

/// A Poisson stream of requests into a tier.
class Stream : public ApiTierListener {
 public:
  Stream(std::uint64_t seed, const ApiTierConfig& config, double rate)
      : gaps_{seed, "gaps"}, rate_{rate}, tier_{seed, config, engine_, *this} {}

  /// The mean wait in ms, and the utilization.
  std::string play() {
    next();
    engine_.run();
    const ApiTier::WorkerTime time = tier_.worker_time();
    return fmt::format("{:.9f} {:.9f}", wait_ns_ / (requests - warm_up) / 1e6,
                       time.busy / time.all);
  }
  void on_api_done(std::uint32_t, std::uint64_t id, Duration wait, Duration) override {
    wait_ns_ += id >= warm_up ? static_cast<double>(wait.count()) : 0.0;
  }
  bool still_there(std::uint32_t, std::uint64_t) const override { return true; }

 private:
  void next() {
    if (id_ == requests) {
      return;
    }
    Draws draws = gaps_.of(id_);
    boost::random::exponential_distribution<double> gap{rate_};
    const SimTime at = engine_.now() + from_seconds(gap(draws));
    engine_.at(at, EventPriority::arrival, [this] {
      tier_.enter(0, id_, 1);
      ++id_;
      next();
    });
  }
  Engine engine_{PlatformSpec{}};
  RandomStream gaps_;
  double rate_;
  ApiTier tier_;
  std::uint64_t id_ = 0;
  double wait_ns_ = 0;
};

void expect_wait(const ApiTierConfig& config, double rho, double expected) {
  const double servers = static_cast<double>(config.instances) * config.workers;
  const double rate = rho * servers / (mean_ms / 1000);
  std::vector<std::function<std::string()>> bodies;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    bodies.emplace_back([=] { return Stream{seed, config, rate}.play(); });
  }
  double sum = 0;
  double squares = 0;
  for (const std::string& text : test::in_children(bodies)) {
    const double wait = std::stod(text);
    sum += wait;
    squares += wait * wait;
    EXPECT_NEAR(std::stod(text.substr(text.find(' '))), rho, 0.02) << text;
  }
  const double mean = sum / seeds;
  const double deviation = std::sqrt((squares - sum * mean) / (seeds - 1));
  const double half = t_quantile_9 * deviation / std::sqrt(static_cast<double>(seeds));
  EXPECT_NEAR(mean, expected, half) << "c = " << servers << ", rho = " << rho;
  EXPECT_LT(half, 0.1 * expected) << "the interval is too wide to say anything";
}

double erlang_c_wait(int servers, double rho) {
  const double offered = rho * servers;
  double erlang_b = 1;
  for (int c = 1; c <= servers; ++c) {
    erlang_b = offered * erlang_b / (c + offered * erlang_b);
  }
  const double waits = erlang_b / (1 - rho * (1 - erlang_b));
  return waits / (servers * (1 - rho)) * mean_ms;
}

ApiTierConfig tier_of(int instances, int workers, LatencyLaw::Kind kind) {
  ApiTierConfig config;
  config.instances = instances;
  config.workers = workers;
  config.cpu.kind = kind;
  config.cpu.mean = 10ms;
  config.queue = 1'000'000;
  return config;
}

TEST(ApiTierTheory, WaitsAreThoseOfErlangC) {
  expect_wait(tier_of(1, 1, LatencyLaw::Kind::exponential), 0.7, erlang_c_wait(1, 0.7));
  expect_wait(tier_of(4, 1, LatencyLaw::Kind::exponential), 0.8, erlang_c_wait(4, 0.8));
  expect_wait(tier_of(5, 4, LatencyLaw::Kind::exponential), 0.9, erlang_c_wait(20, 0.9));
}

TEST(ApiTierTheory, AFixedTimeHalvesTheWaitOfOneServer) {
  expect_wait(tier_of(1, 1, LatencyLaw::Kind::fixed), 0.7, 0.7 / (2 * 0.3) * mean_ms);
}

}  // namespace
}  // namespace plimsoll
