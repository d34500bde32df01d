// What happens to requests when more come than can be served: waiting rooms, attacks, fallbacks,
// shares of tenants, buckets; against closed forms.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "support/path_play.hpp"

namespace plimsoll {
namespace {

using test::numbers_of;
using test::numbers_of_text;
using test::row;
using test::share;
using test::slice;

/// A replica that works on one request at a time, for 100 ms each: 10 requests/s.
std::string slow_pool(const std::string& model) {
  return "{gpu: one, model: " + model +
         ", profile: steps, replicas: 1, max_num_seqs: 1, kv_blocks: 4000, "
         "max_num_batched_tokens: 1024}";
}

std::string slow_scenario(const std::string& rest) {
  return test::scenario_with_pools("pools:\n  main: " + slow_pool("tiny") +
                                   "\nmetrics: {window: 1000s, sample_requests: 0}\n" + rest);
}

std::string ten_tokens(double rate, int seconds) {
  return fmt::format(R"(
duration: {}s
workload:
  arrivals: {{rate: {}/s}}
  lengths: {{prompt: {{kind: fixed, mean: 10}}, output: {{kind: fixed, mean: 10}}}}
)",
                     seconds, rate);
}

TEST(Overload, OfARunOfLessThanAWindowIsFound) {
  const auto overloaded = [](double rate, const std::string& window) {
    std::string text = slow_scenario(ten_tokens(rate, 60));
    text.replace(text.find("1000s"), 5, window);
    return numbers_of_text(text, [](const RunResult& result) {
      return fmt::format("{} {}", result.verdict.kind == VerdictKind::overloaded ? 1 : 0,
                         result.verdict.overload_unknown.size());
    });
  };
  for (const char* const window : {"1000s", "20s", "1s"}) {
    EXPECT_EQ(overloaded(20, window)[0], 1) << "twice of what it can, window " << window;
    EXPECT_EQ(overloaded(5, window)[0], 0) << "half of it, window " << window;
    EXPECT_EQ(overloaded(5, window)[1], 0) << "and that is known, window " << window;
    EXPECT_GT(overloaded(0.5, window)[1], 0) << "some fifteen requests, window " << window;
  }
}

// A twentieth more than is served for 800 s: growth that only its floors show, whatever the window.
TEST(Overload, OfASlowlyGrowingLineDoesNotHangOnTheWindow) {
  for (const char* const window : {"80s", "40s", "32s", "20s", "10s", "5s"}) {
    std::string text = slow_scenario(ten_tokens(10.5, 800));
    text.replace(text.find("1000s"), 5, window);
    const std::vector<double> found = numbers_of_text(text, [](const RunResult& result) {
      return fmt::format("{}", result.verdict.kind == VerdictKind::overloaded ? 1 : 0);
    });
    EXPECT_EQ(found[0], 1) << "window " << window;
  }
}

TEST(Verdict, OfRequestsThatNoReplicaCanTakeDoesNotHold) {
  const std::vector<double> found = numbers_of_text(
      slow_scenario(R"(
duration: 60s
workload:
  arrivals: {rate: 10/s}
  lengths: {prompt: {kind: fixed, mean: 5000}, output: {kind: fixed, mean: 10}}
)"),
      [](const RunResult& result) {
        return fmt::format("{} {} {}", result.verdict.kind == VerdictKind::fails ? 1 : 0,
                           share(result, Outcome::over_context), result.verdict.reasons.size());
      });
  EXPECT_EQ(found[0], 1);
  EXPECT_EQ(found[1], 1) << "max_context is 4,096";
  EXPECT_EQ(found[2], 3)
      << "none was answered, how many were not, and what is nearest to its limit";
}

TEST(WaitingRoom, UnderFcfsTheWaitThatIsShownIsTheWait) {
  const std::vector<double> found =
      numbers_of_text(slow_scenario(R"(
warm_up: 300s
service:
  queue:
    capacity: 50
    max_outstanding: 1
    waiting_room: {capacity: 100000, shows: wait, averaging: 30s}
)" + ten_tokens(12, 900)),
                      [](const RunResult& result) {
                        const WaitingRoomSummary& room = result.waiting_rooms.front();
                        return fmt::format("{} {} {} {} {}", room.told_wait.mean, room.waited.mean,
                                           room.mean_error_ms, room.served, room.position.max);
                      });
  // The line grows by 2/s: those who come after 300 s wait for more than 60 s.
  EXPECT_GT(found[1], 60'000);
  EXPECT_NEAR(found[0], found[1], 0.01 * found[1]);
  EXPECT_LT(found[2], 0.01 * found[1]);
  EXPECT_NEAR(found[3], 12 * 600, 4 * 85);
  EXPECT_NEAR(found[4], 2 * 900, 0.2 * 1800) << "positions in requests";
}

TEST(WaitingRoom, WhoLeavesForHisPositionIsTheExcessOverCapacity) {
  const std::vector<double> found = numbers_of_text(
      slow_scenario("service: {queue: {capacity: 10, max_outstanding: 1, waiting_room: {capacity: "
                    "1000}}}\npath: {clients: {leaves_beyond_position: 19}}\n" +
                    ten_tokens(20, 2000)),
      [](const RunResult& result) {
        const WaitingRoomSummary& room = result.waiting_rooms.front();
        return fmt::format("{} {} {} {}", share(result, Outcome::abandoned), room.waited.max,
                           room.no_room, room.left_when_shown);
      });
  EXPECT_NEAR(found[0], 0.5, 0.01);
  EXPECT_LE(found[1], 20 * 100.0 + 1) << "20 in line at most";
  EXPECT_GT(found[1], 19 * 100.0);
  EXPECT_EQ(found[2], 0);
  EXPECT_GT(found[3], 0);
}

TEST(WaitingRoom, QueueAndRoomHoldNoMoreThanTheirCapacities) {
  const std::vector<double> found = numbers_of_text(
      slow_scenario("service: {queue: {capacity: 10, max_outstanding: 1, waiting_room: {capacity: "
                    "30}}}\n" +
                    ten_tokens(20, 1000)),
      [](const RunResult& result) {
        const WaitingRoomSummary& room = result.waiting_rooms.front();
        return fmt::format("{} {} {}", room.position.max, share(result, Outcome::queue_full),
                           static_cast<double>(room.no_room + room.served));
      });
  EXPECT_EQ(found[0], 39) << "the last place of 40";
  EXPECT_NEAR(found[1], 0.5, 0.02);
}

/// Users send 50/s for 400 s; for 200 s of them attackers send 450/s; the balancer does 100/s.
std::vector<double> under_attack(const std::string& per_source) {
  return numbers_of(R"(
duration: 400s
workload:
  arrivals: {rate: 50/s}
  lengths: {prompt: {kind: fixed, mean: 10}, output: {kind: fixed, mean: 1}}
  classes: {chat: {share: 1}, flood: {share: 0}}
path:
  load_balancer: {capacity: 100/s, queue: 20)" +
                        per_source + R"(}
  attacks: [{class: flood, at: 100s, lasting: 200s, rate: 450/s, sources: 20}]
)",
                    [](const RunResult& result) {
                      const PathSummary& path = result.path;
                      return fmt::format("{} {} {} {} {}",
                                         static_cast<double>(path.users_answered) /
                                             static_cast<double>(path.users_attacked),
                                         path.attack_requests, path.attack_answered,
                                         path.attack_dropped, path.users_dropped);
                    });
}

TEST(Attack, TheBalancerServesUsersAndAttackersAlikeUnlessItTellsThemApart) {
  const std::vector<double> open = under_attack("");
  // Whoever comes finds room with the same probability (PASTA): 100 of 500.
  EXPECT_NEAR(open[0], 0.2, 0.02);
  EXPECT_NEAR(open[1], 450 * 200, 4 * 300);
  EXPECT_NEAR(open[2], 90 * 200, 0.02 * 90 * 200);
  EXPECT_EQ(open[3], 0);
  const std::vector<double> shed =
      under_attack(", per_source: {sources: 100000, requests: 1/s, request_burst: 1}");
  // 20 addresses have 1/s each: 70 of 100 turns a second are wanted. A user's address is busy with
  // probability 50 / 100,000.
  EXPECT_GT(shed[0], 0.998);
  EXPECT_EQ(shed[1], open[1]) << "the same attack";
  EXPECT_NEAR(shed[2], 20 * 200, 0.05 * 20 * 200);
  EXPECT_EQ(shed[2] + shed[3], shed[1]) << "an attacker's request is answered or dropped";
}

/// 50/s of users for 100 s, all answered; 450/s of attackers for 50 s, of whom nine of ten are
/// dropped by their source. `share`: of users who send what attackers do.
std::vector<double> beside_attackers(const std::string& share) {
  std::string text = test::scenario_with(R"(
duration: 100s
workload:
  arrivals: {rate: 50/s}
  lengths: {prompt: {kind: fixed, mean: 10}, output: {kind: fixed, mean: 10}}
  classes: {chat: {share: 1}, flood: {share: )" +
                                         share + R"(}}
path:
  load_balancer: {capacity: 1000/s, queue: 1000, per_source: {sources: 50000000, requests: 1/s}}
  attacks: [{class: flood, at: 40s, lasting: 50s, rate: 450/s, sources: 45}]
thresholds:
  availability: ["value>=0.99"]
  "availability{class:flood}": ["value<0.2"]
)");
  text.replace(
      text.find("  profiles:"), 0,
      "  prices:\n    rent: {gpu: one, provider: test, on_demand: $3.60/h, as_of: 2025-01-01, "
      "source: a test}\n");
  text.replace(text.find("main: {"), 7, "main: {price: rent, ");
  return numbers_of_text(text, [](const RunResult& result) {
    const SliceSummary& all = result.slices.front();
    const SliceSummary& flood = slice(result, "class", "flood");
    double tiers = 0;
    double flood_cost = 0;
    for (const UnitCost& unit : result.cost.money.units) {
      const double cost = to_dollars(unit.prompt_cost + unit.output_cost);
      tiers += unit.kind == "tier" ? cost : 0;
      flood_cost += unit.kind == "class" ? cost : 0;
    }
    return fmt::format(
        "{} {} {} {} {} {} {} {}", result.verdict.kind == VerdictKind::holds ? 1 : 0,
        all.availability, flood.arrived - result.path.attack_requests,
        result.cost.per_request * static_cast<double>(all.measured) - result.cost.total,
        tiers + flood_cost - result.cost.total, flood_cost / tiers,
        static_cast<double>(result.path.attack_answered) / static_cast<double>(all.measured),
        slice(result, "class", "chat").arrived - all.arrived);
  });
}

// 45 addresses have 1/s each, and use what they have after 100 ms: 2,250 / 1.1 of 22,500 requests
// pass, beside 5,000 of users.
TEST(Attack, RequestsOfAttackersAreNotThoseOfUsers) {
  const std::vector<double> apart = beside_attackers("0");
  EXPECT_EQ(apart[0], 1) << "users get what they were promised";
  EXPECT_EQ(apart[1], 1.0);
  EXPECT_EQ(apart[2], 0) << "the class has the attack and nothing else";
  EXPECT_NEAR(apart[3], 0, 1e-9) << "users' requests bear all costs";
  EXPECT_NEAR(apart[4], 0, 1e-9) << "who caused what adds up";
  EXPECT_NEAR(apart[5], apart[6], 0.01 * apart[6]) << "equal requests cost the same";
  EXPECT_NEAR(apart[6], 0.45 / 1.1, 0.03);
  EXPECT_EQ(apart[7], 0);
  const std::vector<double> mixed = beside_attackers("0.001");
  EXPECT_EQ(mixed[0], 0) << "nobody tells them apart";
  EXPECT_LT(mixed[1], 0.5);
}

TEST(Attack, UsersBehindOneAddressAreDroppedWithIt) {
  const std::vector<double> found =
      under_attack(", per_source: {sources: 1, requests: 4/s, request_burst: 5}");
  EXPECT_NEAR(found[0], 0.08, 0.01) << "4 of 50";
  EXPECT_NEAR(found[4], 46 * 400, 4 * 150);
}

/// Two models with a replica each, of 10 requests/s; all ask for the first, at `rate`.
std::vector<double> with_fallback(double rate, const std::string& service) {
  std::string text = test::scenario_with_pools(
      "pools:\n  a: " + slow_pool("tiny") + "\n  b: " + slow_pool("other") +
      "\nmetrics: {window: 1000s, sample_requests: 0}\n" + service + ten_tokens(rate, 300) +
      "  classes: {chat: {share: 1, model: tiny}}\n"
      "path: {model_router: {spillovers: [{from: tiny, to: other, waiting: 3}]}}\n");
  text.replace(text.find("  profiles:"), 0, "    other: {extends: tiny}\n");
  return numbers_of_text(text, [](const RunResult& result) {
    const SliceSummary& all = result.slices.front();
    return fmt::format("{} {} {} {}", share(result, Outcome::degraded), all.queue.max,
                       to_seconds(result.end.time_since_epoch()), all.queue.mean);
  });
}

/// 15/s ask for tokens of a model that does 10/s, half of them more than the fallback's context
/// has. `split`: before that, to another model of that context.
std::vector<double> with_short_fallback(const std::string& split) {
  std::string text =
      test::scenario_with_pools("pools:\n  a: " + slow_pool("tiny") +
                                "\n  b: " + slow_pool("other") +
                                "\nmetrics: {window: 1000s, sample_requests: 0}\n" + R"(
duration: 300s
workload:
  arrivals: {rate: 15/s}
  lengths: {prompt: {kind: fixed, mean: 10}, output: {kind: fixed, mean: 10}}
  classes:
    short: {share: 1, model: tiny}
    long: {share: 1, model: tiny, lengths: {prompt: {kind: fixed, mean: 100}}}
path:
  model_router: {)" + split + R"(spillovers: [{from: tiny, to: other, waiting: 3}]}
)");
  text.replace(text.find("  profiles:"), 0, "    other: {extends: tiny, max_context: 64}\n");
  return numbers_of_text(text, [](const RunResult& result) {
    const SliceSummary& all = result.slices.front();
    const auto outcome = [&](Outcome one) { return all.outcomes[static_cast<std::size_t>(one)]; };
    return fmt::format("{} {} {} {} {} {} {}", outcome(Outcome::over_context),
                       outcome(Outcome::degraded), outcome(Outcome::completed), all.arrived,
                       all.unfinished, all.e2el.count, all.availability);
  });
}

// Whom the fallback has no room for waits for the model that he asked for; an answer of a fallback
// is one, in unfinished, TPOT and E2E, if not what was asked for.
TEST(Spillover, LeavesWhatIsTooLongAndItsAnswersAreAnswers) {
  for (const char* split : {"", "splits: [{to: other, share: 50%}], "}) {
    const std::vector<double> found = with_short_fallback(split);
    EXPECT_EQ(found[0], 0) << split;
    EXPECT_GT(found[1], 100) << split;
    EXPECT_EQ(found[1] + found[2], found[3]) << split;
    EXPECT_EQ(found[4], 0) << split;
    EXPECT_EQ(found[5], found[3]) << split;
    EXPECT_NEAR(found[6], found[2] / found[3], 1e-12) << split;
  }
}

/// All are to go to a model of 64 tokens, with outputs of 20 tokens in the mean: the share that
/// ends there as too long, that is completed there, and that is completed by the model that was
/// asked for.
std::vector<double> split_to_short(int prompt) {
  std::string text = test::scenario_with_pools("pools:\n  a: {" + test::plain_pool + "}\n  b: {" +
                                               test::plain_pool +
                                               "}\nmetrics: {window: 1000s, sample_requests: 0}\n" +
                                               fmt::format(R"(
duration: 300s
workload:
  arrivals: {{rate: 10/s}}
  lengths: {{prompt: {{kind: fixed, mean: {}}}, output: {{kind: exponential, mean: 20}}}}
  classes: {{chat: {{share: 1, model: tiny}}}}
path: {{model_router: {{splits: [{{to: other, share: 100%}}]}}}}
)",
                                                           prompt));
  text.replace(text.find("model: tiny", text.find("\n  b: {")), 11, "model: other");
  text.replace(text.find("  profiles:"), 0, "    other: {extends: tiny, max_context: 64}\n");
  return numbers_of_text(text, [](const RunResult& result) {
    const auto completed = [&](const char* pool) {
      return static_cast<double>(test::slice(result, "pool", pool)
                                     .outcomes[static_cast<std::size_t>(Outcome::completed)]) /
             static_cast<double>(result.slices.front().arrived);
    };
    return fmt::format("{} {} {}", share(result, Outcome::over_context), completed("b"),
                       completed("a"));
  });
}

TEST(Spillover, IsChosenByTheExpectedLengthAndNotByTheTrueOne) {
  const std::vector<double> fits = split_to_short(40);
  EXPECT_NEAR(fits[0], std::exp(-24.0 / 20), 0.06) << "40 + 20 fit, but some outgrow them";
  EXPECT_NEAR(fits[0] + fits[1], 1, 1e-9);
  EXPECT_EQ(fits[2], 0) << "nobody knew";
  const std::vector<double> none = split_to_short(50);
  EXPECT_EQ(none[0], 0);
  EXPECT_EQ(none[2], 1) << "50 + 20 do not, though most outputs would";
}

TEST(Spillover, TakesTheExcessAlsoWhereNobodyWaitsCentrally) {
  for (const char* service : {"", "service: {queue: {max_outstanding: 2}}\n"}) {
    const std::vector<double> found = with_fallback(15, service);
    EXPECT_GT(found[0], 1.0 / 3 - 0.03) << service;
    EXPECT_LT(found[0], 0.5) << service;
    EXPECT_LT(found[1], 5000) << "both keep up: " << service;
  }
}

TEST(Spillover, UnderOverloadBothLinesGrowAlike) {
  const std::vector<double> found = with_fallback(30, "");
  // 10/s more than both can do: each line grows by 5/s, and takes 150 s to end.
  EXPECT_NEAR(found[0], 0.5, 0.02);
  EXPECT_NEAR(found[2], 450, 20);
  EXPECT_NEAR(found[1], 150'000, 15'000);
}

/// Tier a has four tenants, tier b one; each tier sends 15/s to a replica that does 10/s.
std::vector<double> shared_by(const std::string& by, const std::string& workload) {
  return numbers_of_text(
      slow_scenario("tiers: {a: {}, b: {}}\nservice: {queue: {policy: weighted_fair, by: " + by +
                    ", max_outstanding: 1, deadline: 20s}}\n" + workload +
                    "  classes: {of_a: {share: 1, tier: a}, of_b: {share: 1, tier: b}}\n"
                    "path: {limits: {class_keys: [{class: of_a, keys: {count: 4, exponent: 0}}, "
                    "{class: of_b, keys: {count: 1}}]}}\n"),
      [](const RunResult& result) {
        const auto completed = [&](const char* tier) {
          return slice(result, "tier", tier).outcomes[static_cast<std::size_t>(Outcome::completed)];
        };
        if (result.fairness.empty()) {
          return fmt::format("{} {} 0 0 0", completed("a"), completed("b"));
        }
        const TenantSummary& most = result.fairness.front().largest.front();
        return fmt::format("{} {} {} {} {}", completed("a"), completed("b"),
                           result.fairness.front().tenants, result.fairness.front().jain,
                           static_cast<double>(most.served) / static_cast<double>(most.asked));
      });
}

TEST(WeightedFairTenants, EachTenantGetsAsMuchAsAnother) {
  const std::vector<double> by_tenant = shared_by("tenant", ten_tokens(30, 1000));
  // Not exactly: who gives up gives his share back, and some of it is lost.
  EXPECT_NEAR(by_tenant[0] / by_tenant[1], 4.0, 0.3);
  // 2/s for each of the five, of 15/s that the tenant of b asks for and 3.75/s of the others.
  EXPECT_EQ(by_tenant[2], 5);
  EXPECT_GT(by_tenant[3], 0.995);
  EXPECT_NEAR(by_tenant[4], 2.0 / 15, 0.01);
  const std::vector<double> by_tier = shared_by("tier", ten_tokens(30, 1000));
  EXPECT_NEAR(by_tier[0] / by_tier[1], 1.0, 0.1);
  EXPECT_EQ(by_tier[2], 0) << "nobody asked how tenants share";
}

TEST(WeightedFairTenants, AreCountedUntilTheLastArrivalWhereNoDurationIsGiven) {
  std::string endless = ten_tokens(30, 0);
  endless.insert(endless.find("  arrivals"), "  max_requests: 30000\n");
  const std::vector<double> found = shared_by("tenant", endless);
  EXPECT_EQ(found[2], 5);
  EXPECT_GT(found[3], 0.995);
  EXPECT_NEAR(found[4], 2.0 / 15, 0.01);
}

/// Tokens/s that a replica computes for a key whose prompts are mostly blocked before it.
double computed_rate(const std::string& charge) {
  return numbers_of(R"(
duration: 1000s
workload:
  arrivals: {rate: 20/s}
  lengths: {prompt: {kind: fixed, mean: 19}, output: {kind: fixed, mean: 1}}
path:
  limits: {charge: )" + charge +
                        R"(, keys: {count: 1}, key: {tokens: 100/s, token_burst: 200}}
  safety_before: {blocked: 50%}
)",
                    [](const RunResult& result) {
                      return fmt::format("{}",
                                         20.0 / 1000 * share(result, Outcome::completed) *
                                             static_cast<double>(result.slices.front().arrived));
                    })[0];
}

TEST(TokenBuckets, ChargeWhatWasComputedWhenToldTo) {
  EXPECT_NEAR(computed_rate("expected"), 50, 3) << "half of what was charged was not computed";
  EXPECT_NEAR(computed_rate("used"), 100, 3);
}

}  // namespace
}  // namespace plimsoll
