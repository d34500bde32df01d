// Law: whatever breaks, is ordered, taken back, rolled out and scaled meanwhile, a run ends, every
// request has exactly one outcome or is in flight at the horizon, and GPU time adds up: random
// schedules on tiny fleets, with machines of their own and on shared GPUs, each in a process of its
// own.
//
// PLIMSOLL_SCHEDULE_CASES=N plays N cases of both, PLIMSOLL_SCHEDULE_SEED=S those from seed S on
// (one, unless CASES says more), PLIMSOLL_SCHEDULE_FOLDER=DIR writes their scenarios there. The
// seeds are printed, and so is, of a case that fails, the simplest one found that still does, as a
// scenario.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "plimsoll/errors.hpp"
#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"
#include "support/outcomes.hpp"
#include "support/schedules.hpp"

namespace plimsoll {
namespace {

using test::draw_schedule;
using test::load_schedule;
using test::Schedule;
using test::SchedulePart;

std::string broken_laws_of_sharing(const RunResult& result) {
  std::string text;
  const auto expect = [&](bool holds, const std::string& sentence) {
    text += holds ? "" : sentence + "\n";
  };
  const SharedGpusSummary& shared = result.allocation->shared.front();
  std::int64_t sum = shared.unallocated_ns + shared.down_ns;
  for (const PoolShare& share : shared.pools) {
    const PoolSummary& pool = result.pools[share.pool];
    const std::int64_t rented = pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
    expect(rented * pool.gpus_per_replica == share.gpu_ns, pool.name + ": it had other GPU time");
    sum += share.gpu_ns;
    const ClaimSummary& claims = share.claims;
    expect(claims.claims == claims.granted + claims.withdrawn + claims.waiting,
           pool.name + ": a claim came to nothing");
    expect(claims.preempted_busy <= claims.preempted, pool.name + ": preempted out of nowhere");
  }
  expect(sum == shared.total_ns, "time of shared GPUs does not add up");
  expect(shared.down_ns <= shared.broken_ns && shared.broken_ns <= shared.total_ns,
         "broken for longer than they were there");
  expect(shared.blocked_ns <= shared.unallocated_ns, "blocked, and not free");
  expect(shared.most_allocated <= shared.gpus, "more GPUs in use than there are");
  return text;
}

/// Rows of requests.csv, which has all that ended.
struct Answers {
  std::vector<double> ids;
  std::vector<std::string> outcomes;
  std::vector<std::string> pools;
  std::vector<double> arrived;
  std::vector<double> finished;
};

Answers answers_in(const std::string& folder) {
  const test::CsvTable table{test::bytes_of_file(folder + "/requests.csv")};
  return {table.numbers("id"), table.column("outcome"), table.column("pool"),
          table.numbers("arrived_s"), table.numbers("finished_s")};
}

/// Each request ends once: rows that are written as requests end, against what was counted.
std::string broken_laws_of_requests(const RunResult& result, const Answers& answers) {
  std::string text;
  const auto expect = [&](bool holds, const std::string& sentence) {
    text += holds ? "" : sentence + "\n";
  };
  const SliceSummary& all = result.slices.front();
  const std::set<double> ids(answers.ids.begin(), answers.ids.end());
  expect(ids.size() == answers.ids.size(), "a request ended twice");
  expect(ids.empty() || *ids.rbegin() < static_cast<double>(all.arrived),
         "a request ended that never came");
  std::map<std::string, std::int64_t> by_outcome;
  for (const std::string& outcome : answers.outcomes) {
    ++by_outcome[outcome];
  }
  for (int outcome = 0; outcome < outcome_count; ++outcome) {
    const std::string name{outcome_name(static_cast<Outcome>(outcome))};
    const std::int64_t counted = all.outcomes[static_cast<std::size_t>(outcome)];
    expect(by_outcome[name] == counted,
           fmt::format("{} requests were {}, and {} are counted", by_outcome[name], name, counted));
  }
  const auto rows = static_cast<std::int64_t>(answers.ids.size());
  expect(all.arrived - rows == all.in_flight,
         fmt::format("{} of {} have no outcome, and {} are in flight", all.arrived - rows,
                     all.arrived, all.in_flight));
  return text;
}

/// Once a rollout is over, all replicas have its version, or none has.
std::string broken_laws_of_versions(const Config& config, const RunResult& result,
                                    const Answers& answers) {
  std::string text;
  const auto& rollouts = result.operations.rollouts;
  for (std::size_t r = 0; r < rollouts.size(); ++r) {
    const RolloutSummary& rollout = rollouts[r];
    const auto written =
        std::find_if(config.rollouts.begin(), config.rollouts.end(),
                     [&](const RolloutConfig& other) { return other.name == rollout.name; });
    const bool first = r == 0 || rollouts[r - 1].pool != rollout.pool;
    const bool last = r + 1 == rollouts.size() || rollouts[r + 1].pool != rollout.pool;
    const double until = last || rollouts[r + 1].began_s < 0 ? 1e9 : rollouts[r + 1].began_s;
    std::string never;
    if (rollout.outcome == "completed" && written->version_corrupt == 1) {
      never = "completed";
    } else if (rollout.outcome == "rolled_back" && first) {
      never = "degraded";
    }
    for (std::size_t i = 0; i < answers.ids.size() && !never.empty(); ++i) {
      if (answers.pools[i] == rollout.pool && answers.arrived[i] > rollout.ended_s &&
          answers.finished[i] < until && answers.outcomes[i] == never) {
        text += fmt::format("request {} was {} by another version than after {}\n", answers.ids[i],
                            never, rollout.name);
        break;
      }
    }
    if (rollout.corrupt_loads > rollout.loads || rollout.degraded > rollout.answers) {
      text += rollout.name + ": a part is more than the whole\n";
    }
  }
  return text;
}

/// What a run broke of the laws; empty when nothing. INV-1 and INV-3 are checked within the run,
/// too, and what breaks them is thrown.
std::string broken_laws(const Config& config, const RunResult& result, const Answers& answers) {
  std::string text = broken_laws_of_requests(result, answers);
  text += broken_laws_of_versions(config, result, answers);
  const auto expect = [&](bool holds, const std::string& sentence) {
    text += holds ? "" : sentence + "\n";
  };
  const SliceSummary& all = result.slices.front();
  expect(all.arrived > 50, fmt::format("only {} requests arrived", all.arrived));
  const std::int64_t elapsed = result.end.time_since_epoch().count();
  expect(result.end <= sim_start + config.duration + config.drain, "it went on after its end");
  for (std::size_t p = 0; p < result.pools.size(); ++p) {
    const PoolSummary& pool = result.pools[p];
    const std::int64_t rented = pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
    expect(rented + pool.off_ns == replica_slots(config.pools[p]) * elapsed,
           pool.name + ": GPU time does not add up");
    std::int64_t down = 0;
    for (const std::int64_t part : pool.down_by_cause) {
      expect(part >= 0, pool.name + ": negative time");
      down += part;
    }
    expect(down == pool.down_ns, pool.name + ": time down is not the sum of its causes");
  }
  if (result.allocation) {
    text += broken_laws_of_sharing(result);
  }
  const LossSummary& losses = result.operations.losses;
  expect(losses.lost == losses.retried + losses.failed, "a lost attempt came to nothing");
  return text;
}

constexpr const char* broken = "broken: ";
constexpr const char* refused = "refused: ";

bool begins_with(const std::string& text, const std::string& word) {
  return text.rfind(word, 0) == 0;
}
/// "child: " is what was thrown, or a process that died.
bool is_finding(const std::string& text) {
  return begins_with(text, broken) || begins_with(text, "child: ");
}

/// What a play shows beside findings.
struct Shown {
  std::uint64_t fingerprint = 0;
  std::int64_t arrived = 0;
  std::int64_t incidents = 0;
  std::int64_t lost = 0;
  std::int64_t loads = 0;     // of versions, by pools that scale
  std::int64_t rollouts = 0;  // of such pools, that began in time
  std::int64_t ended = 0;     // of these

  std::string text() const {
    return fmt::format("{:x} {} {} {} {} {} {}", fingerprint, arrived, incidents, lost, loads,
                       rollouts, ended);
  }
};

Shown shown_of(const std::string& text) {
  Shown shown;
  std::istringstream words{text};
  words >> std::hex >> shown.fingerprint >> std::dec >> shown.arrived >> shown.incidents >>
      shown.lost >> shown.loads >> shown.rollouts >> shown.ended;
  return shown;
}

/// Rollouts of pools that scale, in what a run showed.
void note_rollouts(Shown& shown, const Config& config, const RunResult& result) {
  constexpr double in_time = 15;  // seconds: 20 are left
  for (const RolloutSummary& rollout : result.operations.rollouts) {
    for (const PoolConfig& pool : config.pools) {
      if (pool.name == rollout.pool && (pool.autoscale || pool.procurement)) {
        shown.loads += rollout.loads;
        const bool began = rollout.began_s >= 0 && rollout.began_s < in_time;
        shown.rollouts += began ? 1 : 0;
        shown.ended += began && rollout.ended_s >= 0 ? 1 : 0;
      }
    }
  }
}

/// Plays a schedule in this process: what it showed, or what went wrong.
std::string play_here(const Schedule& schedule, bool fast_forward) {
  alarm(20);  // a run that hangs dies
  try {
    const Config config = load_schedule(schedule, fast_forward).config;
    const test::TemporaryFolder folder;
    RunOptions options;
    options.out_folder = folder.path();
    const RunResult result = run_scenario(config, options);
    const std::string laws = broken_laws(config, result, answers_in(folder.path()));
    if (!laws.empty()) {
      return broken + laws;
    }
    Shown shown;
    shown.fingerprint = result.fingerprint;
    shown.arrived = result.slices.front().arrived;
    shown.incidents = result.operations.incidents;
    shown.lost = result.operations.losses.lost;
    note_rollouts(shown, config, result);
    return shown.text();
  } catch (const ConfigError& error) {
    return refused + std::string{error.what()};
  }
}

/// In a child; step by step, too, when `twice`: then another result is a finding.
std::string play(const Schedule& schedule, bool twice) {
  const std::string text = test::in_child([&] { return play_here(schedule, true); });
  if (!twice || is_finding(text)) {
    return text;
  }
  const std::string slow = test::in_child([&] { return play_here(schedule, false); });
  return slow == text ? text : broken + ("step by step it is another run: " + slow);
}

/// The simplest schedule that still has a finding, as a scenario to replay.
std::string shrunk(const Schedule& schedule, bool twice) {
  const Schedule simplest = test::shrink(
      schedule, [&](const Schedule& candidate) { return is_finding(play(candidate, twice)); });
  std::string text = play(simplest, twice) + "\nas a scenario, of which these are set:\n";
  for (const SchedulePart& part : simplest.parts) {
    for (const auto& [path, value] : part.overrides) {
      text += fmt::format("#  {}: {}\n", path, value);
    }
  }
  return text + load_schedule(simplest, true).resolved_yaml;
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Every fifth case is played step by step, too, and once more with nothing happening.
constexpr std::uint64_t step_by_step = 5;

/// The same requests come to a fleet to which nothing happens.
Schedule bare(const Schedule& schedule) {
  Schedule bare;
  std::copy_if(schedule.parts.begin(), schedule.parts.end(), std::back_inserter(bare.parts),
               [](const SchedulePart& part) { return part.name == "seed"; });
  return bare;
}

struct Tally {
  std::uint64_t refused = 0;
  std::uint64_t with_losses = 0;
  std::uint64_t with_loads = 0;
  std::int64_t rollouts = 0;
  std::int64_t ended = 0;
};

/// What the plays of one seed showed: fast, and every fifth slowly and bare.
void judge(std::uint64_t seed, const Schedule& schedule, const std::string* texts, bool thrice,
           Tally& tally) {
  const bool other = thrice && texts[1] != texts[0];
  if (is_finding(texts[0]) || other) {
    ADD_FAILURE() << "seed " << seed << ": " << texts[0]
                  << (other ? "\nstep by step: " + texts[1] : "")
                  << "\nshrunk: " << shrunk(schedule, other && !is_finding(texts[0]));
  }
  if (begins_with(texts[0], refused)) {
    ++tally.refused;
    std::fprintf(stderr, "seed %llu %s\n", static_cast<unsigned long long>(seed), texts[0].c_str());
    return;
  }
  const Shown shown = shown_of(texts[0]);
  if (thrice && !schedule.has("clients")) {
    EXPECT_EQ(shown_of(texts[2]).arrived, shown.arrived) << "seed " << seed << ": others arrived";
  }
  tally.with_losses += shown.lost > 0 ? 1 : 0;
  tally.with_loads += shown.loads > 0 ? 1 : 0;
  tally.rollouts += shown.rollouts;
  tally.ended += shown.ended;
}

#ifdef PLIMSOLL_SANITIZED
constexpr std::uint64_t usual_cases = 200;
#else
constexpr std::uint64_t usual_cases = 1000;
#endif

void play_schedules(bool shared) {
  const std::uint64_t first = number_from("PLIMSOLL_SCHEDULE_SEED", 0);
  const std::uint64_t cases =
      number_from("PLIMSOLL_SCHEDULE_CASES",
                  std::getenv("PLIMSOLL_SCHEDULE_SEED") == nullptr ? usual_cases : 1);
  std::printf("seeds %llu to %llu\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + cases - 1));
  std::vector<std::function<std::string()>> bodies;
  const char* const folder = std::getenv("PLIMSOLL_SCHEDULE_FOLDER");
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    if (folder != nullptr) {
      std::ofstream{fmt::format("{}/{}{}.yaml", folder, shared ? "shared" : "own", seed)}
          << load_schedule(draw_schedule(seed, shared), true).resolved_yaml;
    }
    bodies.emplace_back([=] { return play_here(draw_schedule(seed, shared), true); });
    if (seed % step_by_step == 0) {
      bodies.emplace_back([=] { return play_here(draw_schedule(seed, shared), false); });
      bodies.emplace_back([=] { return play_here(bare(draw_schedule(seed, shared)), true); });
    }
  }
  const std::vector<std::string> texts = test::in_children(bodies);
  std::size_t next = 0;
  Tally tally;
  for (std::uint64_t seed = first; seed < first + cases; ++seed) {
    const bool thrice = seed % step_by_step == 0;
    judge(seed, draw_schedule(seed, shared), &texts[next], thrice, tally);
    next += thrice ? 3 : 1;
  }
  const std::string summary = fmt::format(
      "{} refused, {} with lost attempts, {} with versions of pools that scale; of {} rollouts of "
      "such pools that began in time {} ended",
      tally.refused, tally.with_losses, tally.with_loads, tally.rollouts, tally.ended);
  std::puts(summary.c_str());
  if (cases >= 1000) {
    EXPECT_EQ(tally.refused, 0U) << "what is drawn goes together";
    EXPECT_GT(tally.with_losses, cases / 3) << "faults that hit nobody show nothing";
    EXPECT_GT(tally.with_loads, cases / 4) << "hardly a pool that scales got a version";
    // A gate that sees too few answers waits for longer than these runs last.
    EXPECT_GT(3 * tally.ended, 2 * tally.rollouts) << "rollouts do not end while pools grow";
  }
}

TEST(Operations, RandomSchedulesLoseNoRequestAndNoTime) {
  play_schedules(false);
}

TEST(Operations, RandomSchedulesOnSharedGpusLoseNoRequestAndNoTime) {
  play_schedules(true);
}

// ---- shrinking ----

TEST(Shrinking, HalvesEachNumberByItself) {
  EXPECT_EQ(test::halved("750ms"), (std::vector<std::string>{"375ms"}));
  EXPECT_EQ(test::halved("[{at: 9s, replicas: 1}, {at: 40ms, replicas: 2}]"),
            (std::vector<std::string>{"[{at: 4s, replicas: 1}, {at: 40ms, replicas: 2}]",
                                      "[{at: 9s, replicas: 1}, {at: 20ms, replicas: 2}]",
                                      "[{at: 9s, replicas: 1}, {at: 40ms, replicas: 1}]"}));
  EXPECT_TRUE(test::halved("1s").empty());
  EXPECT_TRUE(test::halved("0.7").empty());
  EXPECT_TRUE(test::halved("h100").empty()) << "that is a name";
}

/// Milliseconds of an override of a part whose name begins so; 0: there is none.
int milliseconds_of(const Schedule& schedule, const std::string& part, const std::string& key) {
  for (const SchedulePart& other : schedule.parts) {
    for (const auto& [path, value] : other.overrides) {
      if (begins_with(other.name, part) && path.size() > key.size() &&
          path.substr(path.size() - key.size()) == key) {
        return std::stoi(value);
      }
    }
  }
  return 0;
}

TEST(Shrinking, APlantedLawIsBrokenByTheLeastThatBreaksIt) {
  // A law that fails when a fault of 100 ms or more meets a rollout: any schedule that breaks it
  // shrinks to one value of each, the fault's below 200 ms.
  const auto fails = [](const Schedule& schedule) {
    return milliseconds_of(schedule, "fault", ".for") >= 100 &&
           milliseconds_of(schedule, "rollout", ".at") >= 1;
  };
  int found = 0;
  for (std::uint64_t seed = 0; found < 20; ++seed) {
    const Schedule schedule = draw_schedule(seed, seed % 2 == 0);
    if (!fails(schedule)) {
      continue;
    }
    ++found;
    const Schedule simplest = test::shrink(schedule, fails);
    ASSERT_EQ(simplest.parts.size(), 2U) << "seed " << seed;
    EXPECT_EQ(simplest.parts[0].overrides.size() + simplest.parts[1].overrides.size(), 2U);
    EXPECT_LT(milliseconds_of(simplest, "fault", ".for"), 200);
    EXPECT_EQ(milliseconds_of(simplest, "rollout", ".at"), 1);
  }
}

TEST(Shrinking, NothingCanBeLeftOutOfACaseThatWasPlayed) {
  // Planted: no attempt dies with a replica. What breaks that is played, and what is refused on the
  // way is no simpler case.
  const auto dies = [](const Schedule& schedule) {
    const std::string text = play(schedule, false);
    return !begins_with(text, refused) && shown_of(text).lost > 0;
  };
  std::uint64_t seed = 0;
  while (!dies(draw_schedule(seed, false))) {
    ++seed;
  }
  const Schedule schedule = draw_schedule(seed, false);
  const Schedule simplest = test::shrink(schedule, dies);
  EXPECT_TRUE(dies(simplest));
  EXPECT_LT(2 * simplest.parts.size(), schedule.parts.size());
  for (std::size_t i = 0; i < simplest.parts.size(); ++i) {
    Schedule less = simplest;
    less.parts.erase(less.parts.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(dies(less)) << simplest.parts[i].name << " is needless";
  }
}

}  // namespace
}  // namespace plimsoll
