// Queue edf: earliest deadline first.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "unit/policies/queue/queue_harness.hpp"

namespace plimsoll {
namespace {

using testing::Line;

PolicyConfig edf(const std::string& promise = "ttft") {
  PolicyConfig config;
  config.policy = "edf";
  config.params.set_text("promise", promise);
  config.params.set_number("otherwise", 60e9);
  return config;
}

PolicyConfig fcfs() {
  PolicyConfig config;
  config.policy = "fcfs";
  return config;
}

/// One request on one server, in milliseconds; `work` is carried in the prompt.
struct Job {
  int arrival = 0;
  int work = 1;
  int promised = 0;  // after the arrival
};

RequestView view_of(const Job& job) {
  RequestView request;
  request.arrived = sim_start + std::chrono::milliseconds{job.arrival};
  request.prompt_tokens = job.work;
  request.ttft_objective = std::chrono::milliseconds{job.promised};
  return request;
}

/// The largest lateness (end - deadline) when a server that never idles takes the first in line.
int lateness_of(const PolicyConfig& config, const std::vector<Job>& jobs) {
  Line line{config};
  int now = 0;
  int worst = -1'000'000;
  std::size_t next = 0;
  while (next < jobs.size() || !line.empty()) {
    if (line.empty()) {
      now = std::max(now, jobs[next].arrival);
    }
    for (; next < jobs.size() && jobs[next].arrival <= now; ++next) {
      line.join(view_of(jobs[next]));
    }
    const RequestView served = line.serve();
    now += served.prompt_tokens;
    const auto deadline = (served.arrived + served.ttft_objective).time_since_epoch();
    worst = std::max(
        worst, now - static_cast<int>(
                         std::chrono::duration_cast<std::chrono::milliseconds>(deadline).count()));
  }
  return worst;
}

/// The least largest lateness over every order of the jobs, each begun as soon as it can.
int best_lateness(const std::vector<Job>& jobs) {
  std::vector<std::size_t> order(jobs.size());
  std::iota(order.begin(), order.end(), 0U);
  int best = 1'000'000;
  do {
    int now = 0;
    int worst = -1'000'000;
    for (const std::size_t i : order) {
      now = std::max(now, jobs[i].arrival) + jobs[i].work;
      worst = std::max(worst, now - jobs[i].arrival - jobs[i].promised);
    }
    best = std::min(best, worst);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

std::vector<Job> random_jobs(Draws& draws, bool together) {
  const std::uint32_t count = 2 + draws.below(5);
  std::vector<Job> jobs(count);
  for (Job& job : jobs) {
    const std::uint32_t arrival = draws.below(8);
    const std::uint32_t work = draws.below(6);
    const std::uint32_t promised = draws.below(20);
    job.arrival = together ? 0 : static_cast<int>(arrival);
    job.work = together ? 1 + static_cast<int>(work) : 1;
    job.promised = 1 + static_cast<int>(promised);
  }
  std::sort(jobs.begin(), jobs.end(),
            [](const Job& a, const Job& b) { return a.arrival < b.arrival; });
  return jobs;
}

TEST(Edf, IsOptimalForRequestsThatWaitTogether) {
  // Jackson's rule: of any order, earliest deadline first has the least largest lateness.
  Draws draws = RandomStream{5, "jackson"}.of(0);
  int fcfs_worse = 0;
  for (int i = 0; i < 400; ++i) {
    const std::vector<Job> jobs = random_jobs(draws, true);
    const int best = best_lateness(jobs);
    ASSERT_EQ(lateness_of(edf(), jobs), best) << "case " << i;
    fcfs_worse += lateness_of(fcfs(), jobs) > best ? 1 : 0;
  }
  EXPECT_GT(fcfs_worse, 200);
}

TEST(Edf, MeetsEveryDeadlineOfASchedulableSetWhereFcfsMisses) {
  // Unit requests that come one by one: whatever any order can meet, edf meets.
  Draws draws = RandomStream{6, "unit"}.of(0);
  int schedulable = 0;
  int fcfs_misses = 0;
  for (int i = 0; i < 400; ++i) {
    const std::vector<Job> jobs = random_jobs(draws, false);
    if (best_lateness(jobs) <= 0) {
      ++schedulable;
      ASSERT_LE(lateness_of(edf(), jobs), 0) << "case " << i;
      fcfs_misses += lateness_of(fcfs(), jobs) > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(schedulable, 200);
  EXPECT_GT(fcfs_misses, 20);
}

TEST(Edf, TakesTheOtherPromiseAndThenTheDefault) {
  const auto rank = [](const std::string& deadline, Duration ttft, Duration wait) {
    RequestView request;
    request.arrived = sim_start + Duration{1000};
    request.ttft_objective = ttft;
    request.longest_wait = wait;
    return builtin_policies().queues.make(edf(deadline))->rank(request);
  };
  constexpr Duration none = Duration::max();
  EXPECT_EQ(rank("ttft", Duration{5}, Duration{7}), 1005);
  EXPECT_EQ(rank("wait", Duration{5}, Duration{7}), 1007);
  EXPECT_EQ(rank("ttft", none, Duration{7}), 1007);
  EXPECT_EQ(rank("wait", Duration{5}, none), 1005);
  EXPECT_EQ(rank("wait", none, none), 60'000'001'000);
}

TEST(Edf, CountsFirstTokensFromTheClientAndWaitsFromTheDoor) {
  RequestView request;
  request.arrived = sim_start + Duration{1000};
  request.on_the_way = Duration{300};
  request.ttft_objective = Duration{500};
  request.longest_wait = Duration{400};
  EXPECT_EQ(builtin_policies().queues.make(edf("ttft"))->rank(request), 1200);
  EXPECT_EQ(builtin_policies().queues.make(edf("wait"))->rank(request), 1400);
}

}  // namespace
}  // namespace plimsoll
