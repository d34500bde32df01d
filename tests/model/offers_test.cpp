// Laws of nodes that are bought from several offers: what the cheapest rule pays in closed form,
// when a price, a stock-out or an outage moves orders elsewhere, and who goes first. A token takes
// 1 ms; a replica fills a node of two GPUs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "cost/unit_costs.hpp"
#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/rng.hpp"
#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"
#include "support/incidents.hpp"
#include "support/plain_hardware.hpp"

namespace plimsoll {
namespace {

using test::Overrides;

std::string price(const std::string& name, const std::string& keys) {
  return "\n    " + name + ": {gpu: one, provider: " + name + ", " + keys +
         ", as_of: today, source: a test}";
}

/// A pool of `offers` and `pool`, more keys of it, for 1000 s.
Config market(const std::string& prices, const std::string& offers, const std::string& pool,
              const std::string& rest = "", const std::string& rule = "cheapest") {
  const std::string text = "name: market\ncatalog:" + test::plain_gpu(2) + R"(
  models:
    tiny:
      {parameters: 1000000, layers: 2, hidden: 128, heads: 2, ffn: 512, vocab: 1000,
       max_context: 4096, source: a test}
  profiles:
    tokens: {form: linear, linear_token: 1ms, source: a test}
  prices:)" + prices + R"(
stores:
  weights: {uplink: 1MB/s, latency: 5ms}
  far: {uplink: 10MB/s, latency: 5ms, region: f, wan: 1MB/s}
duration: 1000s
drain: 0
workload:
  arrivals: {rate: 1/s}
  lengths: {prompt: {kind: fixed, mean: 300}, output: {kind: fixed, mean: 1}}
metrics: {window: 100s, sample_requests: 1}
)" + rest + R"(
pools:
  main:
    gpu: one
    model: tiny
    profile: tokens
    tp: 2
    max_num_seqs: 4
    store: weights
    )" + pool + R"(
    procurement:
      placement: {policy: )" +
                           rule + "}\n" + offers;
  return load_scenario_text(text, "market.yaml", {}, policy_catalog(builtin_policies())).config;
}

/// "orders deliveries reclaims lost sold_out most_nodes rented_s micro-dollars" by offer, a line
/// each.
std::string seen(const Config& config) {
  const RunResult result = run_scenario(config, {});
  std::string text;
  for (const OfferUse& use : result.pools[0].elasticity->offers) {
    text += fmt::format("{} {} {} {} {} {} {} {}\n", use.orders, use.deliveries, use.reclaims,
                        use.lost, use.sold_out, use.most_nodes, use.rented_ns / 1'000'000'000,
                        offer_cost(result.cost.money, "main", use.offer).count());
  }
  return text;
}

/// What `gpu_seconds` cost at `dollars` an hour, in micro-dollars, halves up.
std::int64_t micro(std::int64_t gpu_seconds, std::int64_t dollars) {
  return (gpu_seconds * dollars * 1'000'000 + 1800) / 3600;
}

TEST(Offers, TheResolvedScenarioIsTheScenario) {
  const LoadedScenario loaded = test::load_shipped("tiny/placement_by_price.yaml", {});
  const LoadedScenario again = load_scenario_text(loaded.resolved_yaml, "resolved.yaml", {},
                                                  policy_catalog(builtin_policies()));
  EXPECT_EQ(again.resolved_yaml, loaded.resolved_yaml);
  EXPECT_EQ(again.config.pools[0].procurement->offers.size(), 4U);
}

constexpr const char* three_prices_orders = R"(
      orders: [{at: 100s, replicas: 2}, {at: 300s, replicas: 1}]
      offers:
        a: {price: north, stock: 2, lead_time: {mean: 50s}}
        b: {price: south, stock: 3, lead_time: {mean: 50s}}
        c: {price: west, lead_time: {mean: 50s}}
)";
const std::string three_prices = price("north", "on_demand: $2/h") +
                                 price("south", "on_demand: $1/h") +
                                 price("west", "on_demand: $3/h");

TEST(Offers, TheCheapestRulePaysTheClosedForm) {
  // Two replicas for 1000 s, two for 850, one for 650. Three are had for $1, the next two for $2.
  const Config config = market(three_prices, three_prices_orders, "replicas: 2");
  EXPECT_EQ(test::in_child([&] { return seen(config); }),
            fmt::format("2 2 0 0 0 2 {} {}\n3 3 0 0 2 3 {} {}\n0 0 0 0 0 0 0 0\n", 850 + 650,
                        micro(2 * (850 + 650), 2), 2000 + 850, micro(2 * (2000 + 850), 1)));
}

/// Share of the answers of a pool that buys at `bought` beside one that costs $2/h per GPU. Either
/// could give them all.
double answered_by_bought(const std::string& router, const std::string& bought) {
  const Config config =
      market(price("north", "on_demand: " + bought) + price("south", "on_demand: $2/h"),
             "      offers:\n        a: {price: north, lead_time: {mean: 1s}}\n"
             "  fixed: {gpu: one, model: tiny, profile: tokens, tp: 2, max_num_seqs: 4, "
             "price: south, replicas: 1}\n",
             "replicas: 1", "service: {router: {policy: " + router + "}}\n");
  return std::stod(test::in_child([&] {
    const RunResult result = run_scenario(config, {});
    const auto completed = [&](const std::string& pool) {
      for (const SliceSummary& slice : result.slices) {
        if (slice.kind == "pool" && slice.name == pool) {
          return static_cast<double>(slice.outcomes[static_cast<std::size_t>(Outcome::completed)]);
        }
      }
      return std::nan("");
    };
    return fmt::format("{}", completed("main") / (completed("main") + completed("fixed")));
  }));
}

TEST(Offers, RoutersKnowWhatIsBoughtByItsPrice) {
  for (const char* const router : {"cost_aware", "slo_aware"}) {
    EXPECT_GT(answered_by_bought(router, "$1/h"), 0.8) << router;
    EXPECT_LT(answered_by_bought(router, "$3/h"), 0.2) << router << ": it is not free";
  }
}

/// A market of which every rule has all that it asks for, at prices that stay.
std::string random_offers(Draws& draws, std::string& prices) {
  std::string offers = "      orders: [";
  for (int i = 0; i < 3; ++i) {
    const auto at = static_cast<int>(draws.uniform() * 800);
    const auto replicas = 1 + static_cast<int>(draws.uniform() * 3);
    offers += fmt::format("{{at: {}s, replicas: {}}}, ", at, replicas);
  }
  offers += "{at: 900s, replicas: 1}]\n      offers:\n";
  for (int i = 0; i < 4; ++i) {
    const auto cents = 1 + static_cast<int>(draws.uniform() * 900);
    const auto stock = static_cast<int>(draws.uniform() * 5);
    const std::string name = "p" + std::to_string(i);
    prices += price(name, fmt::format("on_demand: ${}/h", cents / 100.0));
    offers += fmt::format("        {}: {{price: {}, lead_time: {{mean: 20s}}, stock: {}}}\n", name,
                          name, i == 3 ? 100 : std::max(stock, 1));
  }
  return offers;
}

TEST(Offers, NoRulePaysLessThanTheCheapestWhilePricesStay) {
  const RandomStream stream{7, "markets"};
  int dearer = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    Draws draws = stream.of(seed);
    std::string prices;
    const std::string offers = random_offers(draws, prices);
    std::vector<std::function<std::string()>> bodies;
    for (const PolicyDoc& rule : builtin_policies().placements.docs()) {
      const Config config = market(prices, offers, "replicas: 2", "", rule.name);
      bodies.emplace_back([config, name = rule.name] {
        const RunResult result = run_scenario(config, {});
        return fmt::format("{} {}", result.cost.money.total.count(), name);
      });
    }
    const std::vector<std::string> bills = test::in_children(bodies);
    const auto cheapest = std::find_if(bills.begin(), bills.end(), [](const std::string& bill) {
      return bill.find(" cheapest") != std::string::npos;
    });
    ASSERT_NE(cheapest, bills.end());
    for (const std::string& bill : bills) {
      EXPECT_LE(std::stoll(*cheapest), std::stoll(bill)) << bill << " in market " << seed;
      dearer += std::stoll(*cheapest) < std::stoll(bill) ? 1 : 0;
    }
  }
  EXPECT_GT(dearer, 6) << "the rules all do the same: this law says nothing";
}

TEST(Offers, TheDayAPriceFallsOrdersGoThereAndBothPricesAreBilled) {
  // North falls from $5 to $1 at 200 s; south stays at $2. One order before, one after.
  const std::string prices = price("north", "on_demand: $5/h, until: 2023-03-01, then: later") +
                             price("later", "on_demand: $1/h") + price("south", "on_demand: $2/h");
  const std::string offers = R"(
      orders: [{at: 100s, replicas: 1}, {at: 300s, replicas: 1}]
      offers:
        n: {price: north}
        s: {price: south}
)";
  const Config config = market(prices, offers, "replicas: 1", "start: 2023-02-28T23:56:40Z");
  EXPECT_EQ(test::in_child([&] { return seen(config); }),
            fmt::format("1 1 0 0 0 1 700 {}\n2 2 0 0 0 2 1900 {}\n", micro(2 * 700, 1),
                        micro(2 * 1900, 2)));
  // Fastest takes north all the time (no lead times; the first of equal ones is the cheapest, and
  // south is dear): it pays two prices for the same nodes.
  const std::string slow_south = R"(
      orders: [{at: 100s, replicas: 1}]
      offers:
        n: {price: north}
        s: {price: south, lead_time: {mean: 1s}}
)";
  const Config fast =
      market(prices, slow_south, "replicas: 1", "start: 2023-02-28T23:56:40Z", "fastest");
  EXPECT_EQ(test::in_child([&] { return seen(fast); }),
            fmt::format("2 2 0 0 0 2 1900 {}\n0 0 0 0 0 0 0 0\n",
                        micro(2 * 300, 5) + micro(2 * 1600, 1)));
}

TEST(Offers, WhoIsSoldOutLosesTheOrderToTheNext) {
  const std::string prices = price("north", "on_demand: $1/h") + price("south", "on_demand: $2/h");
  const std::string offers = R"(
      orders: [{at: 100s, replicas: 1}, {at: 400s, replicas: 1}]
      offers:
        n: {price: north, stock_outs: [{at: 50s, lasting: 100s}]}
        s: {price: south}
)";
  const Config config = market(prices, offers, "replicas: 1");
  EXPECT_EQ(test::in_child([&] { return seen(config); }),
            fmt::format("2 2 0 0 1 2 1600 {}\n1 1 0 0 0 1 900 {}\n", micro(2 * 1600, 1),
                        micro(2 * 900, 2)));
}

TEST(Offers, AnOrderThatNobodyTakesWaitsForTheEndOfTheStockOut) {
  const std::string offers = R"(
      orders: [{at: 100s, replicas: 1}]
      offers:
        n: {price: north, stock_outs: [{at: 50s, lasting: 100s}, {at: 150s, lasting: 50s}]}
)";
  const Config config = market(price("north", "on_demand: $1/h"), offers, "replicas: 1");
  EXPECT_EQ(test::in_child([&] {
              const RunResult result = run_scenario(config, {});
              const ElasticitySummary& seen = *result.pools[0].elasticity;
              return fmt::format("{} {} {}", seen.offers[0].sold_out, seen.times[0] / 1'000'000'000,
                                 seen.offers[0].rented_ns / 1'000'000'000);
            }),
            "1 100 1800")
      << "from 100 to 200 s, then it is there";
}

TEST(Offers, AReservedNodeIsPaidForThroughoutAndUsedFirst) {
  // One replica for 1000 s and one for 600: of two reserved nodes ($2) 400 s are paid for in vain;
  // on demand ($1) is cheaper, but costs more than what is paid for anyway.
  const std::string prices =
      price("north", "on_demand: $3/h, reserved: $2/h") + price("south", "on_demand: $1/h");
  const std::string offers = R"(
      orders: [{at: 400s, replicas: 1}]
      offers:
        n: {price: north, contract: reserved, stock: 2}
        s: {price: south}
)";
  const Config config = market(prices, offers, "replicas: 1");
  EXPECT_EQ(test::in_child([&] { return seen(config); }),
            fmt::format("2 2 0 0 0 2 1600 {}\n0 0 0 0 0 0 0 0\n",
                        micro(2 * 1600, 2) + micro(2 * 400, 2)));
}

TEST(Offers, TheDearestNodeGoesFirst) {
  // Three at t = 0 ($1, $2, $3), two from 200 s, one from 500 s on; nobody has lead times.
  const std::string offers = R"(
      offers:
        a: {price: west, stock: 1}
        b: {price: south, stock: 1}
        c: {price: north, stock: 1}
)";
  const std::string scaled = R"(replicas: 3
    autoscale:
      policy: scheduled
      schedule: "00:00=3 00:03=2 00:08=1"
      max_replicas: 3
      interval: 60s)";
  const Config config = market(three_prices, offers, scaled);
  EXPECT_EQ(test::in_child([&] {
              const RunResult result = run_scenario(config, {});
              std::string text;
              for (const OfferUse& use : result.pools[0].elasticity->offers) {
                text += fmt::format("{} ", (use.rented_ns + 500'000'000) / 1'000'000'000);
              }
              return text;
            }),
            "180 1000 480 ")
      << "west ($3) at 180 s, north ($2) at 480 s, south ($1) stays";
}

TEST(Offers, ReclaimedNodesAreReplacedFromTheNextOfferAndNobodyIsLost) {
  const std::string prices = price("north", "on_demand: $4/h, spot: $1/h");
  const std::string offers = R"(
      offers:
        firm: {price: north}
        spot: {price: north, contract: spot, stock: 2, reclaim_mean: 150s, notice: 20s,
               gone_for: 2000s}
)";
  const Config config = market(prices, offers, "replicas: 2");
  const std::string text = test::in_child([&] {
    const RunResult result = run_scenario(config, {});
    const ElasticitySummary& all = *result.pools[0].elasticity;
    const OfferUse& firm = all.offers[0];
    const OfferUse& spot = all.offers[1];
    return fmt::format("{} {} {} {} {}", spot.orders, spot.reclaims == all.reclaims,
                       firm.orders == spot.reclaims, spot.reclaims > 0, all.reclaim_losses->lost);
  });
  EXPECT_EQ(text, "2 true true true 0") << "each spot node goes once, and a firm one comes";
  const std::string incidents = test::incidents_of(config);
  EXPECT_EQ(test::rows_of(incidents, "notice"), 2) << incidents;
  EXPECT_EQ(test::rows_of(incidents, "serves"), 2) << "those in their place: " << incidents;
  // Replacements are ordered at the notice, while who goes still has his node: of four there are
  // two to be had, of two only those whose replicas have nothing to end.
  const auto replaced = [&](int stock) {
    Config back = config;
    back.pools[0].procurement->offers[1].gone_for = Duration::zero();
    back.pools[0].procurement->offers[1].stock = stock;
    return test::in_child([&] {
      const RunResult result = run_scenario(back, {});
      const auto& all = result.pools[0].elasticity->offers;
      return fmt::format("{} {}", all[0].orders > 0,
                         all[0].orders + all[1].orders == 2 + all[1].reclaims);
    });
  };
  EXPECT_EQ(replaced(4), "false true") << "what comes back at once is the cheapest again";
  EXPECT_EQ(replaced(2), "true true");
}

TEST(Offers, AnOutageTakesTheNodesOfAProviderAndOthersReplaceThem) {
  // North is away from 300 to 500 s: its two nodes go, and what is ordered meanwhile goes south.
  const std::string prices = price("north", "on_demand: $1/h") + price("south", "on_demand: $2/h");
  const std::string offers = R"(
      orders: [{at: 400s, replicas: 1}, {at: 600s, replicas: 1}]
      offers:
        n: {price: north}
        s: {price: south}
)";
  const std::string outage = R"(
faults:
  processes:
    away: {scope: offers, provider: north, law: timeline, at: 300s, for: 200s}
)";
  const Config config = market(prices, offers, "replicas: 2", outage);
  EXPECT_EQ(
      test::in_child([&] { return seen(config); }),
      fmt::format("3 3 0 2 3 2 {} {}\n3 3 0 0 0 3 {} {}\n", 2 * 300 + 400,
                  micro(2 * (2 * 300 + 400), 1), 2 * 700 + 600, micro(2 * (2 * 700 + 600), 2)));
}

TEST(Offers, AnOutageOfEverybodyLetsOrdersWaitUntilItIsOver) {
  const std::string offers = R"(
      offers:
        n: {price: north, region: here}
)";
  const std::string outage = R"(
faults:
  processes:
    away: {scope: offers, region: here, law: timeline, at: 300s, for: 200s}
)";
  const Config config = market(price("north", "on_demand: $1/h"), offers, "replicas: 2", outage);
  EXPECT_EQ(test::in_child([&] { return seen(config); }),
            fmt::format("4 4 0 2 2 2 {} {}\n", 2 * 800, micro(2 * 2 * 800, 1)));
}

TEST(Offers, WithNoticeOfTheLongestRequestNothingIsLostHoweverLongTheNotice) {
  // Requests take 0.3 s and wait little; starts take 30 s and more, so that notices of every length
  // meet some. The only spot offer has what the pool wants.
  const std::string prices = price("north", "spot: $1/h") + price("south", "on_demand: $9/h");
  std::vector<std::function<std::string()>> bodies;
  for (const char* const notice : {"5s", "20s", "60s", "200s"}) {
    for (int seed = 1; seed <= 4; ++seed) {
      bodies.emplace_back([prices, notice, seed] {
        const Config config =
            market(prices,
                   fmt::format("      offers:\n        spot: {{price: north, contract: spot, "
                               "reclaim_mean: 200s, notice: {}, lead_time: {{mean: 10s}}}}\n"
                               "        firm: {{price: south, stock: 1}}\n",
                               notice),
                   "replicas: 6\n    provision: 20s", fmt::format("seed: {}\n", seed));
        const RunResult result = run_scenario(config, {});
        const ElasticitySummary& all = *result.pools[0].elasticity;
        const OutageSummary& outages = result.operations.outages.at(0);
        const auto reclaim = static_cast<std::size_t>(DownCause::reclaim);
        const auto up = static_cast<double>(outages.up_ns);
        const auto lacked =
            static_cast<double>(outages.lacks.absent[reclaim] + outages.down_by_cause[reclaim]);
        return fmt::format("{} {} {} {} {}", all.reclaims > 3, all.reclaim_losses->lost,
                           outages.lacks.taken_away == all.reclaims,
                           outages.lacks.absent[reclaim] > 0 && outages.availability < 1,
                           std::abs(outages.availability - up / (up + lacked)) < 1e-12);
      });
    }
  }
  const std::vector<std::string> seen = test::in_children(bodies);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i], "true 0 true true true") << "notice " << i / 4 << ", seed " << i % 4 + 1;
  }
}

/// Stock-outs, reclaims, outages, faults of nodes and a load that comes and goes, all by chance.
Config troubled_market(Draws& draws, const std::string& rule) {
  std::string prices;
  std::string offers = "      offers:\n";
  for (int i = 0; i < 4; ++i) {
    const std::string name = "p" + std::to_string(i);
    const bool spot = draws.below(2) == 0;
    const auto cents = 1 + draws.below(900);
    prices += price(name, fmt::format("{}: ${}/h", spot ? "spot" : "on_demand",
                                      static_cast<double>(cents) / 100));
    const auto stock = i == 0 ? 3U : draws.below(4) + 1;
    const auto lead = draws.below(20);
    const auto sold_out = draws.below(900);
    offers += fmt::format(
        "        {0}: {{price: {0}, stock: {1}, lead_time: {{mean: {2}s, cv: 0.5}}, region: r{3}, "
        "stock_outs: [{{at: {4}s, lasting: 60s}}]",
        name, stock, lead, i % 2, sold_out);
    if (spot) {
      const auto notice = draws.below(2) * 5;
      const auto gone = draws.below(3) * 20;
      offers += fmt::format(", contract: spot, reclaim_mean: 60s, notice: {}s, gone_for: {}s",
                            notice, gone);
    }
    offers += "}\n";
  }
  const bool scaled = draws.below(2) == 0;
  const std::string size = scaled ? R"(replicas: 2
    autoscale: {policy: target_utilization, scale_metric: outstanding, target: 0.2, max_replicas: 6,
                interval: 5s, behavior: {scale_down: {stabilization: 10s}}})"
                                  : "replicas: 3";
  const auto first = draws.below(900);
  const auto second = draws.below(900);
  const std::string rest = fmt::format(R"(
seed: {}
faults:
  request_timeout: 1s
  processes:
    here: {{scope: offers, region: r0, law: timeline, at: {}s, for: 30s}}
    one: {{scope: offers, provider: p1, law: timeline, at: {}s, for: 90s}}
    nodes: {{scope: node, mtbf: 200s, repair: {{all: {{share: 1, minimum: 1s, maximum: 20s}}}}}}
)",
                                       draws.below(1000) + 1, first, second);
  return market(prices, offers, size, rest, rule);
}

/// What a run broke; empty when it broke nothing.
std::string broken(const Config& config) {
  const RunResult result = run_scenario(config, {});
  const SliceSummary& all = result.slices.front();
  std::int64_t ended = 0;
  for (const std::int64_t count : all.outcomes) {
    ended += count;
  }
  std::string text;
  if (ended + all.in_flight != all.arrived) {
    text += "requests are lost; ";
  }
  const PoolSummary& pool = result.pools[0];
  std::int64_t rented = 0;
  MicroUsd paid;
  const std::vector<OfferConfig>& offers = config.pools[0].procurement->offers;
  for (std::size_t o = 0; o < offers.size(); ++o) {
    const OfferUse& use = pool.elasticity->offers[o];
    rented += use.rented_ns;
    paid = paid + offer_cost(result.cost.money, pool.name, use.offer);
    if (use.most_nodes > *offers[o].stock || use.reclaims + use.lost > use.deliveries) {
      text += use.offer + " has more nodes than there are; ";
    }
  }
  if (rented != pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns) {
    text += "rented time is lost; ";
  }
  if (paid != result.cost.money.total) {
    text += "dollars are lost; ";
  }
  return text;
}

TEST(Offers, WhateverHappensNodesAndDollarsAddUpAndNoRequestIsLost) {
  const RandomStream stream{11, "troubled markets"};
  std::vector<std::function<std::string()>> bodies;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    for (const PolicyDoc& rule : builtin_policies().placements.docs()) {
      bodies.emplace_back([stream, seed, name = rule.name] {
        Draws draws = stream.of(seed);
        return broken(troubled_market(draws, name));
      });
    }
  }
  const std::vector<std::string> findings = test::in_children(bodies);
  for (std::size_t i = 0; i < findings.size(); ++i) {
    EXPECT_EQ(findings[i], "") << "market " << i / 4 << ", rule " << i % 4;
  }
}

TEST(Offers, NodesPullFromTheStoreAndOverTheWanOfTheirRegion) {
  // 2 MB of weights: 2 s from the pool's store (1 MB/s) and over the wan (1 MB/s) of far, 0.2 s
  // within the region of far (10 MB/s). In tenths of seconds.
  const std::string prices = price("north", "on_demand: $1/h") + price("south", "on_demand: $2/h");
  const auto longest = [&](const std::string& keys) {
    const Config config = market(prices,
                                 "      orders: [{at: 100s, replicas: 1}]\n      offers:\n"
                                 "        n: {price: north, " +
                                     keys + "}\n        s: {price: south}\n",
                                 "replicas: 1");
    return test::in_child([&] {
      const RunResult result = run_scenario(config, {});
      const ElasticitySummary& seen = *result.pools[0].elasticity;
      return fmt::format("{} {}", (seen.longest_start_ns + 50'000'000) / 100'000'000,
                         seen.pulled_from.size());
    });
  };
  EXPECT_EQ(longest("stock: 9"), "20 0");
  EXPECT_EQ(longest("region: g, store: far"), "20 2") << "over the wan";
  EXPECT_EQ(longest("region: f, store: far"), "2 2") << "in its region there is no wan";
}

}  // namespace
}  // namespace plimsoll
