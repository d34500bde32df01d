// What clients do by themselves: back-off with and without jitter, patience, further turns.
#include "service/clients.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

Config config_with(ClientConfig clients) {
  Config config;
  config.workload.prompt.mean = 100;
  config.workload.output.mean = 10;
  config.workload.classes.resize(1);
  config.path.emplace().clients = std::move(clients);
  return config;
}

ClientConfig retrying(Jitter jitter) {
  RetryConfig retries;
  retries.attempts = 5;
  retries.base = 100ms;
  retries.factor = 3;
  retries.maximum = 1s;
  retries.jitter = jitter;
  ClientConfig clients;
  clients.retries = retries;
  return clients;
}

TEST(Clients, BackOffGrowsByItsFactorUpToItsMaximum) {
  const Clients clients{config_with(retrying(Jitter::none)), 1};
  EXPECT_EQ(clients.back_off(7, 1), 100ms);
  EXPECT_EQ(clients.back_off(7, 2), 300ms);
  EXPECT_EQ(clients.back_off(7, 3), 900ms);
  EXPECT_EQ(clients.back_off(7, 4), 1s);
}

TEST(Clients, FullJitterIsUniformBelowTheBackOff) {
  const Clients clients{config_with(retrying(Jitter::full)), 1};
  double sum = 0;
  constexpr int count = 20'000;
  for (std::uint64_t id = 0; id < count; ++id) {
    const Duration wait = clients.back_off(id, 2);
    ASSERT_LT(wait, 300ms);
    sum += to_seconds(wait);
  }
  EXPECT_NEAR(sum / count, 0.15, 4 * 0.3 / std::sqrt(12.0 * count));
}

TEST(Clients, TryAgainOnlyWhereItMayHelp) {
  const Clients clients{config_with(retrying(Jitter::none)), 1};
  for (const Outcome outcome : {Outcome::rate_limited, Outcome::shed, Outcome::queue_full,
                                Outcome::timed_out, Outcome::failed}) {
    EXPECT_TRUE(clients.tries_again(outcome, 4)) << outcome_name(outcome);
    EXPECT_FALSE(clients.tries_again(outcome, 5)) << "attempts are counted in all";
  }
  for (const Outcome outcome :
       {Outcome::completed, Outcome::cached, Outcome::degraded, Outcome::blocked,
        Outcome::over_context, Outcome::abandoned, Outcome::unauthorized}) {
    EXPECT_FALSE(clients.tries_again(outcome, 1)) << outcome_name(outcome);
  }
  EXPECT_FALSE(Clients(config_with({}), 1).tries_again(Outcome::shed, 1));
}

TEST(Clients, WaitAsLongAsTheirPatience) {
  ClientConfig patient;
  patient.patience = LatencyLaw{};
  patient.patience->mean = 30s;
  patient.timeout = 5s;
  const Clients clients{config_with(patient), 1};
  EXPECT_EQ(clients.patience_ends(3, sim_start + 2s), sim_start + 32s);
  EXPECT_EQ(clients.attempt_ends(sim_start + 2s), sim_start + 7s);
  const Clients stoic{config_with({}), 1};
  EXPECT_EQ(stoic.patience_ends(3, sim_start), never);
  EXPECT_EQ(stoic.attempt_ends(sim_start), never);
}

TEST(Clients, TurnsCarryTheConversationAsFarAsItFits) {
  ClientConfig talking;
  talking.sessions = SessionConfig{};
  talking.sessions->go_on = 0.25;
  talking.sessions->think.mean = 4s;
  const Clients clients{config_with(talking), 1};
  EXPECT_EQ(clients.make_turn(0, 0, {500, {}}, 4096).prompt_tokens, 600);
  EXPECT_EQ(clients.make_turn(0, 0, {5000, {}}, 4096).prompt_tokens, 4096 - 10);
  EXPECT_EQ(clients.make_turn(0, 0, {500, {}}, 4096).output_tokens, 10);
  int turns = 0;
  constexpr int count = 40'000;
  for (std::uint64_t id = 0; id < count; ++id) {
    const auto think = clients.next_turn(id);
    turns += think ? 1 : 0;
    EXPECT_EQ(think.value_or(4s), 4s);
  }
  EXPECT_NEAR(turns / static_cast<double>(count), 0.25, 4 * std::sqrt(0.25 * 0.75 / count));
}

TEST(Clients, TurnsGoOnFromTheirSession) {
  ClientConfig talking;
  talking.sessions = SessionConfig{};
  talking.sessions->think.mean = 4s;
  const Clients clients{config_with(talking), 1};
  const PrefixId session = Clients::session_of(7);
  const SharedPrefix system_prompt{9, 64, session, 0};
  const Arrival turn = clients.make_turn(0, 0, {500, system_prompt}, 4096);
  EXPECT_EQ(turn.prefix.session, session);
  EXPECT_EQ(turn.prefix.common, 9U);
  EXPECT_EQ(turn.prefix.common_tokens, 64);
  EXPECT_EQ(turn.prefix.history_tokens, 500);
  const Arrival cut = clients.make_turn(1, 0, {5000, system_prompt}, 4096);
  EXPECT_EQ(cut.prefix.history_tokens, 0) << "the oldest is gone: it begins otherwise";
  EXPECT_EQ(cut.prefix.common, no_prefix);
  EXPECT_NE(cut.prefix.session, session);
  EXPECT_NE(cut.prefix.session, no_prefix);

  talking.sessions->keeps_context = false;
  const Clients forgetful{config_with(talking), 1};
  const Arrival fresh = forgetful.make_turn(0, 0, {500, system_prompt}, 4096);
  EXPECT_EQ(fresh.prefix.session, session) << "it is the same user";
  EXPECT_EQ(fresh.prefix.history_tokens, 0);
  EXPECT_EQ(fresh.prompt_tokens, 100);
}

}  // namespace
}  // namespace plimsoll
