// Sessions and keys that a trace names: who goes on from whom, and who is who.
#include "workload/trace_sessions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "plimsoll/errors.hpp"
#include "support/workload_builders.hpp"
#include "workload/trace_keys.hpp"

namespace plimsoll {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::draw_arrivals;
using ::testing::HasSubstr;
using testing::open_loop_config;
using testing::TemporaryFolder;
using testing::write_plain;

class NamedSessions : public ::testing::Test {
 protected:
  explicit NamedSessions(const Config& config = open_loop_config(1)) : maker{config.workload, 1} {}

  Arrival row(TraceSessions& sessions, const char* name, std::int32_t prompt, std::int32_t output,
              std::int32_t reusable = 0) {
    Arrival arrival;
    arrival.prompt_tokens = prompt;
    arrival.output_tokens = output;
    arrival.reusable_prefix_tokens = reusable;
    at += seconds{1};
    sessions.fill(name, at, id++, arrival);
    return arrival;
  }

  RequestMaker maker;
  Duration at{};
  RequestId id = 0;
};

TEST_F(NamedSessions, APromptThatIsLongEnoughGoesOnFromTheTurnBefore) {
  TraceSessions sessions{maker, hours{24}, false};
  const Arrival a1 = row(sessions, "a", 100, 20);
  const Arrival b1 = row(sessions, "b", 30, 10);
  const Arrival a2 = row(sessions, "a", 150, 5);
  const Arrival b2 = row(sessions, "b", 40, 1);
  const Arrival a3 = row(sessions, "a", 155, 5);
  EXPECT_EQ(a1.prefix.history_tokens, 0);
  EXPECT_EQ(b1.prefix.history_tokens, 0);
  EXPECT_EQ(a2.prefix.history_tokens, 120);
  EXPECT_EQ(b2.prefix.history_tokens, 40) << "all of it: the same prompt and answer again";
  EXPECT_EQ(a3.prefix.history_tokens, 155);
  EXPECT_EQ(a1.prefix.session, a2.prefix.session);
  EXPECT_EQ(a1.prefix.session, a3.prefix.session);
  EXPECT_NE(a1.prefix.session, b1.prefix.session);
  for (const Arrival& turn : {a1, a2, a3}) {
    EXPECT_EQ(turn.session_began, 0U) << "the first request of the session";
  }
  EXPECT_EQ(b2.session_began, 1U);
}

TEST_F(NamedSessions, AShorterPromptBeginsANewContextOfTheSameSession) {
  TraceSessions sessions{maker, hours{24}, false};
  const Arrival first = row(sessions, "a", 100, 20);
  const Arrival dropped = row(sessions, "a", 119, 20);
  const Arrival next = row(sessions, "a", 139, 1);
  EXPECT_EQ(dropped.prefix.history_tokens, 0);
  EXPECT_NE(dropped.prefix.session, first.prefix.session) << "nothing of the old context is found";
  EXPECT_EQ(owner_of(dropped.prefix.session), owner_of(first.prefix.session));
  EXPECT_EQ(dropped.session_began, first.session_began);
  EXPECT_EQ(next.prefix.session, dropped.prefix.session);
  EXPECT_EQ(next.prefix.history_tokens, 139);
}

TEST_F(NamedSessions, ATraceMaySayHowMuchOfItsSessionAPromptHas) {
  TraceSessions sessions{maker, hours{24}, true};
  row(sessions, "a", 100, 20, 90);
  EXPECT_EQ(row(sessions, "a", 60, 10, 50).prefix.history_tokens, 50) << "whatever its length";
  EXPECT_EQ(row(sessions, "a", 500, 10, 400).prefix.history_tokens, 70) << "no more than there was";
  const Arrival before = row(sessions, "a", 500, 10, 1);
  const Arrival anew = row(sessions, "a", 900, 10, 0);
  EXPECT_EQ(anew.prefix.history_tokens, 0);
  EXPECT_NE(anew.prefix.session, before.prefix.session);
}

TEST_F(NamedSessions, WhoHasBeenSilentForLongIsForgotten) {
  TraceSessions sessions{maker, seconds{60}, false};
  std::set<PrefixId> owners;
  for (int i = 0; i < 5000; ++i) {
    const std::string name = "s" + std::to_string(i % 1000);
    owners.insert(owner_of(row(sessions, name.c_str(), 100, 20).prefix.session));
    ASSERT_LE(sessions.alive(), 61U) << "one a second for a minute";
  }
  EXPECT_EQ(owners.size(), 5000U) << "a name that comes again after 1,000 s is another session";
  TraceSessions lasting{maker, seconds{60}, false};
  const Arrival first = row(lasting, "a", 10, 1);
  for (int i = 0; i < 59; ++i) {
    row(lasting, "b", 10, 1);
  }
  EXPECT_EQ(row(lasting, "a", 50, 1).prefix.session, first.prefix.session) << "just within it";
  EXPECT_EQ(lasting.alive(), 2U);
}

Config with_common_beginnings() {
  Config config = open_loop_config(1);
  config.workload.prefix = PrefixLaw{64, 1000, 0.0};
  return config;
}

class SessionsThatBeginAlike : public NamedSessions {
 protected:
  SessionsThatBeginAlike() : NamedSessions(with_common_beginnings()) {}
};

TEST_F(SessionsThatBeginAlike, ASessionKeepsItsSystemPromptWhateverItDrops) {
  TraceSessions sessions{maker, hours{24}, false};
  std::set<PrefixId> groups;
  for (int s = 0; s < 50; ++s) {
    const std::string name = "s" + std::to_string(s);
    const Arrival first = row(sessions, name.c_str(), 100, 20);
    const Arrival second = row(sessions, name.c_str(), 130, 20);
    const Arrival dropped = row(sessions, name.c_str(), 90, 20);
    EXPECT_EQ(second.prefix.common, first.prefix.common);
    EXPECT_EQ(dropped.prefix.common, first.prefix.common);
    EXPECT_EQ(dropped.prefix.common_tokens, 64);
    groups.insert(first.prefix.common);
  }
  EXPECT_GT(groups.size(), 40U) << "sessions draw theirs from 1,000";
}

TraceRow sent_by(const char* tenant, const char* key) {
  TraceRow row;
  row.tenant = tenant;
  row.key = key;
  return row;
}

LimitsConfig six_keys() {
  LimitsConfig limits;
  limits.keys.count = 6;
  limits.keys.per_tenant = 2;
  limits.class_keys.push_back({1, KeysConfig{3, 1.0, 1}});
  return limits;
}

TraceColumns columns(bool tenant, bool key) {
  TraceColumns columns;
  columns.tenant = tenant;
  columns.key = key;
  return columns;
}

TEST(TraceKeys, AKeyIsOneOfItsTenants) {
  TraceKeys keys{six_keys(), 2, columns(true, true)};
  EXPECT_EQ(keys.number(0, sent_by("a", "x")), 0U);
  EXPECT_EQ(keys.number(0, sent_by("b", "x")), 2U) << "the same name of another tenant";
  EXPECT_EQ(keys.number(0, sent_by("a", "y")), 1U);
  EXPECT_EQ(keys.number(0, sent_by("b", "x")), 2U);
  EXPECT_EQ(keys.number(1, sent_by("b", "x")), 0U) << "keys of a class of its own";
  EXPECT_THROW(keys.number(0, sent_by("a", "z")), UnfitName) << "a third key of two";
  EXPECT_EQ(keys.number(0, sent_by("c", "z")), 4U);
  try {
    keys.number(0, sent_by("d", "z"));
    ADD_FAILURE() << "a fourth tenant of three";
  } catch (const UnfitName& unfit) {
    EXPECT_EQ(unfit.column, "tenant");
    EXPECT_THAT(unfit.message, HasSubstr("\"d\" is one more than the 3 that there are"));
    EXPECT_THAT(unfit.hint, HasSubstr("per_tenant"));
  }
}

TEST(TraceKeys, OneOfTheTwoColumnsIsEnough) {
  TraceKeys tenants{six_keys(), 2, columns(true, false)};
  EXPECT_EQ(tenants.number(0, sent_by("a", "")), 0U);
  EXPECT_EQ(tenants.number(0, sent_by("b", "")), 2U);
  EXPECT_EQ(tenants.number(0, sent_by("a", "")), 0U);
  TraceKeys keys{six_keys(), 2, columns(false, true)};
  for (std::uint32_t k = 0; k < 6; ++k) {
    EXPECT_EQ(keys.number(0, sent_by("", std::to_string(k).c_str())), k);
  }
  EXPECT_THROW(keys.number(0, sent_by("", "6")), UnfitName);
}

/// A scenario of two classes that plays a trace with more columns.
class NamedRows : public ::testing::Test {
 protected:
  NamedRows() : config_{open_loop_config(1)} {
    config_.workload.trace = folder_.file("t.csv");
    RequestClassConfig plus;
    plus.name = "plus";
    config_.workload.classes.push_back(plus);
  }
  void write(const std::string& more, const std::string& rows) {
    write_plain(config_.workload.trace,
                "arrival_s,prompt_tokens,output_tokens," + more + "\n" + rows);
  }
  /// The one finding that drawing ends with.
  Diagnostic failure() {
    try {
      draw_arrivals(config_, 100);
    } catch (const ConfigError& error) {
      return error.diagnostics().front();
    }
    ADD_FAILURE() << "the trace is taken";
    return {};
  }

  TemporaryFolder folder_;
  Config config_;
};

TEST_F(NamedRows, SayTheirClasses) {
  write("class", "0,1,1,plus\n1,1,1,all\n2,1,1,plus\n");
  std::vector<int> classes;
  for (const Arrival& arrival : draw_arrivals(config_, 10)) {
    classes.push_back(arrival.request_class);
  }
  EXPECT_EQ(classes, (std::vector<int>{1, 0, 1}));
}

TEST_F(NamedRows, OfAnUnknownClassAreBadAndMayBeSkipped) {
  write("class", "0,1,1,plus\n1,1,1,pluss\n2,1,1,all\n");
  const Diagnostic found = failure();
  EXPECT_EQ(found.line, 3);
  EXPECT_EQ(found.key_path, "class");
  EXPECT_EQ(found.message, "the scenario has no class \"pluss\"");
  EXPECT_THAT(found.hint, HasSubstr("did you mean plus? workload.classes has all, plus"));
  EXPECT_THAT(found.hint, HasSubstr("--skip-bad-rows"));
  const testing::SkippedRows rows = testing::skip_bad_rows(config_);
  EXPECT_EQ(rows.good, 2);
  EXPECT_EQ(rows.skipped, 1);
}

TEST_F(NamedRows, SayTheirKeysWhereThereAreLimits) {
  write("tenant,key", "0,1,1,a,x\n1,1,1,b,x\n2,1,1,a,x\n3,1,1,a,y\n4,1,1,c,z\n");
  EXPECT_EQ(draw_arrivals(config_, 10).at(1).key, no_key);
  EXPECT_EQ(make_request_source(config_, {})->notes().size(), 1U) << "nobody asks for them";
  config_.path.emplace().limits = six_keys();
  config_.path->limits->class_keys.clear();
  config_.path->limits->keys = KeysConfig{4, 1.0, 2};
  EXPECT_TRUE(make_request_source(config_, {})->notes().empty());
  config_.workload.max_requests = 4;
  std::vector<std::uint32_t> keys;
  for (const Arrival& arrival : draw_arrivals(config_, 4)) {
    keys.push_back(arrival.key);
  }
  EXPECT_EQ(keys, (std::vector<std::uint32_t>{0, 2, 0, 1}));
  config_.workload.max_requests = 0;
  EXPECT_EQ(failure().line, 6) << "a third tenant of two";
}

TEST_F(NamedRows, OfNoSessionAreByThemselves) {
  write("session", "0,10,1,a\n1,50,1,\n2,50,1,a\n3,50,1,\n");
  const auto arrivals = draw_arrivals(config_, 10);
  EXPECT_EQ(arrivals.at(0).session_began, 0U);
  EXPECT_EQ(arrivals.at(1).session_began, no_request);
  EXPECT_EQ(arrivals.at(1).prefix.session, no_prefix);
  EXPECT_EQ(arrivals.at(2).session_began, 0U);
  EXPECT_EQ(arrivals.at(2).prefix.history_tokens, 11);
  EXPECT_EQ(arrivals.at(3).prefix.session, no_prefix);
}

TEST_F(NamedRows, TheScenarioAsksForWhatTheTraceSays) {
  config_.workload.trace_prefix.emplace();
  write("session", "0,10,1,a\n");
  EXPECT_EQ(failure().key_path, "workload.trace_prefix") << "sessions need not be guessed at";
  config_.workload.trace_prefix.reset();
  config_.path.emplace().conversation_cache.emplace().bytes_per_token = Bytes::of(40);
  EXPECT_EQ(draw_arrivals(config_, 10).size(), 1U);
  write("key", "0,10,1,a\n");
  EXPECT_EQ(failure().key_path, "path.conversation_cache.bytes_per_token");
}

}  // namespace
}  // namespace plimsoll
