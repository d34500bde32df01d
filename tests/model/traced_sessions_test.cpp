// Traces that name sessions, classes and keys: what a turn finds, where it goes and who limits it,
// by counting rows.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "support/path_play.hpp"
#include "support/workload_builders.hpp"

namespace plimsoll {
namespace {

using test::numbers_of_text;
using test::plain_pool;
using test::row;
using test::share;
using test::slice;

constexpr int turns = 8;
// Tokens by which each turn grows the context: 91 of the prompt, 10 of the answer. No multiple of
// it is one of a block's 16 tokens, so that the last token, which no step computes, hides no block.
constexpr int context = 101;

/// `sessions` conversations that interleave, a turn every second; nothing overlaps.
std::string conversations(int sessions) {
  std::string rows = "arrival_s,prompt_tokens,output_tokens,session\n";
  for (int turn = 0; turn < turns; ++turn) {
    for (int s = 0; s < sessions; ++s) {
      rows += fmt::format("{},{},10,s{}\n", turn * sessions + s, turn * context + 91, s);
    }
  }
  return rows;
}

/// What a conversation's further turns find at best: whole blocks of 16 of each context so far.
std::int64_t found_at_best(int sessions) {
  std::int64_t found = 0;
  for (int turn = 1; turn < turns; ++turn) {
    found += turn * context / 16 * 16;
  }
  return sessions * found;
}

/// The trace before four replicas, each a pool of its own; `rest` says more of the scenario.
std::string scenario_of(const testing::TemporaryFolder& folder, const std::string& trace,
                        const std::string& rest) {
  testing::write_plain(folder.file("t.csv"), trace);
  std::string pools = "pools:\n";
  for (const char name : {'a', 'b', 'c', 'd'}) {
    pools += fmt::format("  {}: {{{}, prefix_cache: true}}\n", name, plain_pool);
  }
  return test::scenario_with_pools(
      pools + "metrics: {window: 1000s, sample_requests: 0}\nduration: 0\nworkload:\n  trace: " +
      folder.file("t.csv") + "\n" + rest);
}

std::string without_sessions(std::string rows) {
  std::string plain;
  std::size_t begin = 0;
  while (begin < rows.size()) {
    const std::size_t end = rows.find('\n', begin);
    const std::string line = rows.substr(begin, end - begin);
    plain += line.substr(0, line.rfind(',')) + "\n";
    begin = end + 1;
  }
  return plain;
}

std::int64_t hit_tokens(const RunResult& result) {
  std::int64_t sum = 0;
  for (const PoolSummary& pool : result.pools) {
    sum += pool.prefix ? pool.prefix->hit_tokens : 0;
  }
  return sum;
}

double hits_of(const std::string& text) {
  return numbers_of_text(
      text, [](const RunResult& result) { return fmt::format("{}", hit_tokens(result)); })[0];
}

TEST(TracedSessions, TurnsFindTheirContextWithTheirReplica) {
  const testing::TemporaryFolder folder;
  const std::string affinity = "service: {router: {policy: session_affinity}}\n";
  const std::string rows = conversations(30);
  const auto best = static_cast<double>(found_at_best(30));
  EXPECT_EQ(hits_of(scenario_of(folder, rows, affinity)), best);
  const double by_lot = hits_of(scenario_of(folder, rows, "service: {router: {policy: random}}\n"));
  EXPECT_LT(by_lot, 0.6 * best) << "one of four replicas had the turn before";
  EXPECT_GT(by_lot, 0.1 * best);
  EXPECT_EQ(hits_of(scenario_of(folder, without_sessions(rows), affinity)), 0.0);
}

TEST(TracedSessions, WhoDropsTheContextStaysWithTheReplicaAndFindsNothing) {
  const testing::TemporaryFolder folder;
  std::string rows = "arrival_s,prompt_tokens,output_tokens,session\n";
  for (int i = 0; i < 40; ++i) {
    rows += fmt::format("{},{},10,s\n", i, i % 2 == 0 ? 90 : 190);
  }
  const std::vector<double> found = numbers_of_text(
      scenario_of(folder, rows, "service: {router: {policy: session_affinity}}\n"),
      [](const RunResult& result) {
        std::int64_t most = 0;
        for (const char* pool : {"a", "b", "c", "d"}) {
          most = std::max(
              most,
              slice(result, "pool", pool).outcomes[static_cast<std::size_t>(Outcome::completed)]);
        }
        return fmt::format("{} {}", most, hit_tokens(result));
      });
  EXPECT_EQ(found[0], 40.0) << "all by one replica";
  // Every second row goes on from the 100 tokens of the one before, and the others begin anew.
  EXPECT_EQ(found[1], 20.0 * (100 / 16 * 16));
}

TEST(TracedSessions, ConversationCachesAreAskedByFurtherTurnsOnly) {
  const testing::TemporaryFolder folder;
  const auto looked_up = [&](const std::string& capacity) {
    return numbers_of_text(
        scenario_of(folder, conversations(30),
                    "service: {router: {policy: session_affinity}}\npath:\n  conversation_cache: "
                    "{cache: {capacity: " +
                        capacity + "}, bytes_per_token: 1 B, fetch: {mean: 5ms}}\n"),
        [](const RunResult& result) {
          const StageSummary& stage = row(result, Stage::conversation_cache);
          return fmt::format("{} {} {}", stage.hits, hit_tokens(result), stage.latency.mean);
        });
  };
  const std::vector<double> large = looked_up("1 GB");
  EXPECT_EQ(large[0], 30.0 * (turns - 1));
  EXPECT_EQ(large[1], static_cast<double>(found_at_best(30)));
  EXPECT_EQ(large[2], 0.0);
  const std::vector<double> none = looked_up("50 B");
  EXPECT_EQ(none[0], 0.0);
  EXPECT_EQ(none[1], 0.0) << "what was not found is computed anew";
  EXPECT_NEAR(none[2], 5.0 * (turns - 1) / turns, 1e-9);
}

TEST(TracedSessions, ASplitDecidesOnceForASession) {
  const testing::TemporaryFolder folder;
  std::string text = scenario_of(folder, conversations(1),
                                 "  classes: {chat: {model: tiny}}\n"
                                 "path: {model_router: {splits: [{to: other, share: 50%}]}}\n");
  std::string other = plain_pool;
  other.replace(other.find("model: tiny"), 11, "model: other");
  text.replace(text.find("metrics:"), 0, "  other: {" + other + "}\n");
  text.replace(text.find("  profiles:"), 0, "    other: {extends: tiny}\n");
  int on_other = 0;
  for (int seed = 1; seed <= 12; ++seed) {
    const double found =
        numbers_of_text(text + fmt::format("seed: {}\n", seed), [](const RunResult& result) {
          return fmt::format("{}", slice(result, "pool", "other")
                                       .outcomes[static_cast<std::size_t>(Outcome::completed)]);
        })[0];
    EXPECT_TRUE(found == 0.0 || found == turns) << found << " of " << turns;
    on_other += found > 0 ? 1 : 0;
  }
  EXPECT_GT(on_other, 1);
  EXPECT_LT(on_other, 11);
}

/// A row a second; of tenant a with keys x and y, of tenant b with key x.
std::string of_keys() {
  std::string rows = "arrival_s,prompt_tokens,output_tokens,tenant,key,class\n";
  const char* senders[] = {"a,x,free", "a,x,free", "a,y,plus", "b,x,free"};
  for (int i = 0; i < 40; ++i) {
    rows += fmt::format("{},10,1,{}\n", i, senders[i % 4]);
  }
  return rows;
}

double refused(const testing::TemporaryFolder& folder, const std::string& limits) {
  return numbers_of_text(
      scenario_of(
          folder, of_keys(),
          "  classes: {free: {tier: free}, plus: {tier: plus}}\ntiers: {free: {}, plus: {}}\n"
          "path: {limits: {keys: {count: 4, per_tenant: 2}, " +
              limits + "}}\n"),
      [](const RunResult& result) {
        const auto arrived = [&](const char* tier) { return slice(result, "tier", tier).arrived; };
        EXPECT_EQ(arrived("free"), 30) << "three of four rows";
        EXPECT_EQ(arrived("plus"), 10);
        return fmt::format("{}", share(result, Outcome::rate_limited) * 40);
      })[0];
}

TEST(TracedSessions, EachKeyAndEachTenantHasTheLimitsThatItsRowsName) {
  const testing::TemporaryFolder folder;
  const std::string once = ": {requests: 0.000001/s, request_burst: 1}";
  EXPECT_EQ(refused(folder, "key" + once), 40 - 3.0) << "one request of each of three keys";
  EXPECT_EQ(refused(folder, "tenant" + once), 40 - 2.0) << "one of each of two tenants";
  EXPECT_EQ(refused(folder, "tiers: [{tier: plus, limit" + once + "}]"), 10 - 1.0)
      << "the class of a row has its tier";
}

/// Of a trace with a row every `gap_ms` for a minute, before a replica that works on one request at
/// a time, for 100 ms: whether it is overloaded, and whether nobody could tell.
std::vector<double> overload_of_trace(int gap_ms) {
  const testing::TemporaryFolder folder;
  std::string rows = "arrival_s,prompt_tokens,output_tokens\n";
  for (int i = 0; i < 60'000 / std::max(gap_ms, 50); ++i) {
    rows += fmt::format("{}.{:03},10,10\n", i * gap_ms / 1000, i * gap_ms % 1000);
  }
  testing::write_plain(folder.file("t.csv"), rows);
  return numbers_of_text(
      test::scenario_with_pools(
          "pools:\n  main: {gpu: one, model: tiny, profile: steps, replicas: 1, max_num_seqs: 1, "
          "kv_blocks: 4000, max_num_batched_tokens: 1024}\n"
          "metrics: {window: 1000s, sample_requests: 0}\nduration: 0\nworkload:\n  trace: " +
          folder.file("t.csv") + "\n"),
      [](const RunResult& result) {
        return fmt::format("{} {}", result.verdict.kind == VerdictKind::overloaded ? 1 : 0,
                           result.verdict.overload_unknown.empty() ? 0 : 1);
      });
}

TEST(TraceOverload, IsFoundThoughItsEndIsNotKnownBefore) {
  const std::vector<double> twice = overload_of_trace(50);
  EXPECT_EQ(twice[0], 1) << "twice of what the replica can";
  const std::vector<double> half = overload_of_trace(200);
  EXPECT_EQ(half[0], 0);
  EXPECT_EQ(half[1], 0) << "looked for, and not found";
  const std::vector<double> at_once = overload_of_trace(0);
  EXPECT_EQ(at_once[0], 0);
  EXPECT_EQ(at_once[1], 1) << "there is no second half";
}

}  // namespace
}  // namespace plimsoll
