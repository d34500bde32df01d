// Caches: Zipf's law in groups, Che's approximation against a played LRU order.
#include "service/cache.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "service/edge_caches.hpp"
#include "service/session_cache.hpp"

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

std::vector<double> flow_of(const Popularity& popularity) {
  std::vector<double> flow;
  for (const Popularity::Group& group : popularity.groups()) {
    flow.push_back(group.share);
  }
  return flow;
}

TEST(Popularity, IsZipfs) {
  constexpr std::int64_t objects = 100'000;
  for (const double s : {0.0, 0.7, 1.0, 1.4}) {
    const Popularity popularity{objects, s};
    double harmonic = 0;
    for (std::int64_t i = 1; i <= objects; ++i) {
      harmonic += std::pow(static_cast<double>(i), -s);
    }
    double sum = 0;
    for (const Popularity::Group& group : popularity.groups()) {
      sum += group.share * static_cast<double>(group.count);
      const double middle =
          static_cast<double>(group.first) + (static_cast<double>(group.count) + 1) / 2;
      EXPECT_NEAR(group.share * harmonic * std::pow(middle, s), 1.0, 1e-4) << "rank " << middle;
    }
    EXPECT_NEAR(sum, 1.0, 1e-12);
    EXPECT_LT(popularity.groups().size(), 4000U);
  }
}

TEST(Popularity, DrawsAsOftenAsItSays) {
  const Popularity popularity{50'000, 0.9};
  const RandomStream stream{5, "draws"};
  constexpr int count = 400'000;
  int first = 0;
  int tail = 0;
  for (std::uint64_t id = 0; id < count; ++id) {
    Draws draws = stream.of(id);
    const std::uint32_t group = popularity.group_of(draws());
    const std::int64_t rank = popularity.rank_of(group, draws());
    ASSERT_LT(rank, 50'000);
    first += rank == 0 ? 1 : 0;
    tail += rank >= 5000 ? 1 : 0;
  }
  double tail_share = 0;
  for (const Popularity::Group& group : popularity.groups()) {
    tail_share += group.first >= 5000 ? group.share * static_cast<double>(group.count) : 0.0;
  }
  const auto near = [](int found, double p) {
    EXPECT_NEAR(found / static_cast<double>(count), p, 4 * std::sqrt(p * (1 - p) / count) + 1e-3);
  };
  near(first, popularity.groups().front().share);
  near(tail, tail_share);
}

/// A look-up, whose miss is answered at once. True: a hit.
bool asked(Cache& cache, std::uint64_t id, const AskedObject& object) {
  const bool hit = cache.look_up(id, object, sim_start).hit;
  if (!hit) {
    cache.store(id, object, sim_start);
  }
  return hit;
}

/// Hits of `count` look-ups after as many to fill it.
double played_hits(Cache& cache, const Popularity& popularity, int count) {
  const RandomStream stream{11, "asked"};
  int hits = 0;
  for (int i = 0; i < 2 * count; ++i) {
    Draws draws = stream.of(static_cast<std::uint64_t>(i));
    AskedObject object;
    object.group = popularity.group_of(draws());
    object.rank = static_cast<std::uint32_t>(popularity.rank_of(object.group, draws()));
    hits += asked(cache, static_cast<std::uint64_t>(i), object) && i >= count ? 1 : 0;
  }
  return hits / static_cast<double>(count);
}

CacheConfig cache_of(std::int64_t objects, CacheMethod method, double size_cv) {
  CacheConfig config;
  config.object_size = Bytes::of(1000);
  config.object_size_cv = size_cv;
  config.capacity = Bytes::of(1000 * objects);
  config.method = method;
  return config;
}

TEST(Cache, CheAgreesWithThePlayedOrder) {
  constexpr int count = 300'000;
  for (const double exponent : {0.6, 0.9, 1.2}) {
    const Popularity popularity{20'000, exponent};
    for (const std::int64_t held : {200, 2000, 10'000}) {
      Cache che{1, "cache", cache_of(held, CacheMethod::che, 0), popularity, flow_of(popularity)};
      Cache lru{1, "cache", cache_of(held, CacheMethod::lru, 0), popularity, flow_of(popularity)};
      const double expected = che.expected_hits();
      EXPECT_NEAR(played_hits(lru, popularity, count), expected, 0.005) << exponent << " " << held;
      EXPECT_NEAR(played_hits(che, popularity, count), expected,
                  4 * std::sqrt(expected * (1 - expected) / count));
    }
  }
}

TEST(Cache, UnlikeSizesLeaveHitsNearTheirMeans) {
  const Popularity popularity{20'000, 0.9};
  Cache che{1, "cache", cache_of(4000, CacheMethod::che, 0.5), popularity, flow_of(popularity)};
  Cache lru{1, "cache", cache_of(4000, CacheMethod::lru, 0.5), popularity, flow_of(popularity)};
  EXPECT_NEAR(played_hits(lru, popularity, 300'000), che.expected_hits(), 0.01);
  EXPECT_NEAR(lru.utilization(), 1.0, 0.01);
}

TEST(Cache, TwoLevelsShareThePopularObjects) {
  const Popularity popularity{20'000, 0.9};
  Cache first{1, "a", cache_of(1000, CacheMethod::che, 0), popularity, flow_of(popularity)};
  Cache second{1, "b", cache_of(1000, CacheMethod::che, 0), popularity, first.miss_flow()};
  Cache alone{1, "c", cache_of(1000, CacheMethod::che, 0), popularity, flow_of(popularity)};
  EXPECT_LT(second.expected_hits(), 0.7 * alone.expected_hits());
  EXPECT_GT(second.expected_hits(), 0.0);
}

/// Share of the misses of a played LRU of `first` objects in each of `locations` that a played one
/// of `second` objects behind them has, after as many requests to fill them.
double played_behind(const Popularity& popularity, std::int64_t first, std::int64_t second,
                     int locations) {
  const std::vector<double> flow = flow_of(popularity);
  Cache front{1, "a", cache_of(first, CacheMethod::lru, 0), popularity, flow, locations};
  Cache behind{1, "b", cache_of(second, CacheMethod::lru, 0), popularity, flow};
  const RandomStream stream{11, "asked"};
  constexpr std::uint64_t count = 400'000;
  int hits = 0;
  int misses = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    Draws draws = stream.of(i);
    AskedObject object;
    object.group = popularity.group_of(draws());
    object.rank = static_cast<std::uint32_t>(popularity.rank_of(object.group, draws()));
    if (!asked(front, i, object)) {
      const bool hit = asked(behind, i, object);
      misses += i >= count / 2 ? 1 : 0;
      hits += i >= count / 2 && hit ? 1 : 0;
    }
  }
  return hits / static_cast<double>(misses);
}

// What a cache in front has just missed it holds itself: for a while nobody asks behind it.
TEST(Cache, BehindAnotherOneAgreesWithTwoPlayedOrders) {
  struct Case {
    double exponent;
    std::int64_t first;
    std::int64_t second;
    int locations;
  };
  for (const Case& one :
       {Case{0.9, 1000, 500, 1}, Case{0.9, 1000, 1000, 1}, Case{0.9, 1000, 2000, 1},
        Case{0.9, 4000, 8000, 1}, Case{0.6, 1000, 2000, 1}, Case{1.2, 1000, 2000, 1},
        Case{0.9, 1000, 2000, 2}, Case{0.9, 1000, 2000, 10}}) {
    const Popularity popularity{20'000, one.exponent};
    const Cache front{1,
                      "a",
                      cache_of(one.first, CacheMethod::che, 0),
                      popularity,
                      flow_of(popularity),
                      one.locations};
    const Cache behind{1,
                       "b",
                       cache_of(one.second, CacheMethod::che, 0),
                       popularity,
                       front.miss_flow(),
                       1,
                       {front.as_front(1)}};
    EXPECT_NEAR(behind.expected_hits(),
                played_behind(popularity, one.first, one.second, one.locations), 0.025)
        << one.exponent << " " << one.first << " " << one.second << " " << one.locations;
    EXPECT_NEAR(behind.utilization(), 1, 1e-9) << "what nobody finds is held all the same";
  }
}

TEST(Cache, GrowsAndShrinks) {
  const Popularity popularity{20'000, 0.9};
  Cache che{1, "cache", cache_of(1000, CacheMethod::che, 0), popularity, flow_of(popularity)};
  Cache lru{1, "cache", cache_of(1000, CacheMethod::lru, 0), popularity, flow_of(popularity)};
  const double before = che.expected_hits();
  EXPECT_NEAR(played_hits(lru, popularity, 50'000), before, 0.01);
  for (Cache* cache : {&che, &lru}) {
    cache->set_capacity(Bytes::of(1'500'000));
  }
  EXPECT_GT(che.expected_hits(), before + 0.03);
  EXPECT_NEAR(played_hits(lru, popularity, 100'000), che.expected_hits(), 0.01);
  lru.set_capacity(Bytes::of(500'000));
  EXPECT_LE(lru.utilization(), 1.0);
}

/// Share of hits of the look-ups [from, to) of one stream.
double hits_between(Cache& cache, const Popularity& popularity, int from, int to) {
  const RandomStream stream{11, "asked"};
  int hits = 0;
  for (int i = from; i < to; ++i) {
    Draws draws = stream.of(static_cast<std::uint64_t>(i));
    AskedObject object;
    object.group = popularity.group_of(draws());
    object.rank = static_cast<std::uint32_t>(popularity.rank_of(object.group, draws()));
    hits += asked(cache, static_cast<std::uint64_t>(i), object) ? 1 : 0;
  }
  return hits / static_cast<double>(to - from);
}

// What a cache that is not full holds is what it was asked for, by either method.
TEST(Cache, FillsByWhatItIsAskedFor) {
  const Popularity popularity{200'000, 0.8};
  CacheConfig config = cache_of(20'000, CacheMethod::che, 0);
  config.filled = 0;
  Cache che{1, "cache", config, popularity, flow_of(popularity)};
  config.method = CacheMethod::lru;
  Cache lru{1, "cache", config, popularity, flow_of(popularity)};
  EXPECT_EQ(che.utilization(), 0.0);
  double before = 0;
  for (const int from : {0, 5000, 10'000, 20'000, 40'000}) {
    const int to = from == 0 ? 5000 : 2 * from;
    const double played = hits_between(lru, popularity, from, to);
    EXPECT_NEAR(hits_between(che, popularity, from, to), played, 0.02) << "from " << from;
    EXPECT_NEAR(che.utilization(), lru.utilization(), 0.02) << "after " << to;
    EXPECT_GT(played, before);
    before = played;
  }
  hits_between(che, popularity, 80'000, 200'000);
  EXPECT_NEAR(che.utilization(), 1.0, 1e-9);
  EXPECT_NEAR(hits_between(che, popularity, 200'000, 400'000), che.expected_hits(), 0.005);
}

// Room that is added is filled by look-ups, however many hits it will give once it is full.
TEST(Cache, GrowthIsPaidForByLookUps) {
  const Popularity popularity{200'000, 0.8};
  Cache che{1, "cache", cache_of(10'000, CacheMethod::che, 0), popularity, flow_of(popularity)};
  Cache lru{1, "cache", cache_of(10'000, CacheMethod::lru, 0), popularity, flow_of(popularity)};
  hits_between(lru, popularity, 0, 200'000);
  const double before = che.expected_hits();
  for (Cache* cache : {&che, &lru}) {
    cache->set_capacity(Bytes::of(40'000 * 1000));
    EXPECT_NEAR(cache->utilization(), 0.25, 0.001);
    EXPECT_NEAR(hits_between(*cache, popularity, 200'000, 204'000), before, 0.03);
    EXPECT_LT(cache->utilization(), 0.35);
  }
  for (int from = 204'000; from < 300'000; from += 32'000) {
    const double played = hits_between(lru, popularity, from, from + 32'000);
    EXPECT_NEAR(hits_between(che, popularity, from, from + 32'000), played, 0.015);
    EXPECT_NEAR(che.utilization(), lru.utilization(), 0.02);
  }
  hits_between(che, popularity, 300'000, 600'000);
  EXPECT_GT(che.expected_hits(), before + 0.08);
  EXPECT_NEAR(hits_between(che, popularity, 600'000, 800'000), che.expected_hits(), 0.005);
  che.set_capacity(Bytes::of(10'000 * 1000));
  EXPECT_NEAR(che.utilization(), 1.0, 1e-9) << "less room is full at once";
  EXPECT_NEAR(che.expected_hits(), before, 1e-9);
}

TEST(Cache, HoldsNoAnswerThatNobodyMade) {
  const Popularity popularity{1000, 0.8};
  const RandomStream stream{11, "asked"};
  for (const CacheMethod method : {CacheMethod::che, CacheMethod::lru}) {
    CacheConfig config = cache_of(500, method, 0);
    config.filled = 0;
    config.outages = {{1s, 1s, 1.0}};
    Cache cache{1, "cache", config, popularity, flow_of(popularity)};
    for (std::uint64_t i = 0; i < 2000; ++i) {
      Draws draws = stream.of(i);
      AskedObject object;
      object.group = popularity.group_of(draws());
      object.rank = static_cast<std::uint32_t>(popularity.rank_of(object.group, draws()));
      ASSERT_FALSE(cache.look_up(i, object, sim_start).hit);
      cache.store(i, object, sim_start + 1s);  // in an outage
      cache.store(i, AskedObject{}, sim_start);
    }
    EXPECT_EQ(cache.utilization(), 0.0);
    EXPECT_GT(hits_between(cache, popularity, 0, 2000), 0.3) << "what is answered is held";
  }
}

TEST(Cache, MayBeFilledInPartAtFirst) {
  const Popularity popularity{200'000, 0.8};
  for (const CacheMethod method : {CacheMethod::che, CacheMethod::lru}) {
    CacheConfig config = cache_of(10'000, method, 0);
    config.filled = 0.4;
    Cache cache{1, "cache", config, popularity, flow_of(popularity)};
    EXPECT_NEAR(cache.utilization(), 0.4, 1e-3);
    config.filled = 1;
    Cache full{1, "cache", config, popularity, flow_of(popularity)};
    EXPECT_NEAR(full.utilization(), 1.0, 1e-3);
    EXPECT_LT(hits_between(cache, popularity, 0, 2000), hits_between(full, popularity, 0, 2000));
  }
}

// Each location holds what it was asked for itself: all of them together hit as one of them does,
// and fill as many times more slowly.
TEST(Cache, LocationsDoNotHelpEachOther) {
  const Popularity popularity{20'000, 0.9};
  for (const CacheMethod method : {CacheMethod::che, CacheMethod::lru}) {
    CacheConfig config = cache_of(1000, method, 0);
    config.filled = 0;
    Cache one{1, "cdn", config, popularity, flow_of(popularity), 1};
    Cache four{1, "cdn", config, popularity, flow_of(popularity), 4};
    hits_between(one, popularity, 0, 1000);
    hits_between(four, popularity, 0, 4000);
    EXPECT_NEAR(four.utilization(), one.utilization(), 0.02);
    hits_between(four, popularity, 4000, 100'000);
    const double hits = hits_between(four, popularity, 100'000, 300'000);
    config.method = CacheMethod::che;
    const Cache small{1, "cdn", config, popularity, flow_of(popularity), 1};
    EXPECT_NEAR(hits, small.expected_hits(), 0.006);
    config.capacity = Bytes::of(4 * config.capacity.count());
    const Cache large{1, "cdn", config, popularity, flow_of(popularity), 1};
    EXPECT_LT(hits, large.expected_hits() - 0.1) << "as if all were one cache";
  }
}

EdgeConfig two_regions() {
  EdgeConfig edge;
  edge.regions.resize(2);
  edge.regions[0].share = 3;
  edge.regions[1].share = 1;
  edge.cdn = cache_of(1000, CacheMethod::che, 0);
  return edge;
}

TEST(EdgeCaches, AreOneUnlessRegionsNameTheirLocations) {
  const Popularity popularity{20'000, 0.9};
  EdgeConfig edge = two_regions();
  const EdgeCaches one{1, edge, popularity, flow_of(popularity)};
  const Cache alone{1, "cdn", *edge.cdn, popularity, flow_of(popularity)};
  EXPECT_EQ(one.expected_hits(), alone.expected_hits());
  EXPECT_EQ(one.miss_flow(), alone.miss_flow());
  edge.regions[0].locations = 40;
  edge.regions[1].locations = 2;
  const EdgeCaches many{1, edge, popularity, flow_of(popularity)};
  EXPECT_NEAR(many.expected_hits(), alone.expected_hits(), 1e-12)
      << "the capacity is that of each location";
  edge.regions[1].cdn_capacity = Bytes::of(10'000'000);
  const EdgeCaches unlike{1, edge, popularity, flow_of(popularity)};
  const Cache large{1, "cdn", cache_of(10'000, CacheMethod::che, 0), popularity,
                    flow_of(popularity)};
  EXPECT_NEAR(unlike.expected_hits(), 0.75 * alone.expected_hits() + 0.25 * large.expected_hits(),
              1e-9);
}

TEST(EdgeCaches, AnOutageHitsOneRegion) {
  const Popularity popularity{20'000, 0.9};
  EdgeConfig edge = two_regions();
  edge.regions[0].locations = 1;
  edge.regions[1].locations = 1;
  edge.cdn->capacity = Bytes::of(20'000 * 1000);
  edge.regions[1].cdn_outages = {{1s, 1s, 1.0}};
  EdgeCaches caches{1, edge, popularity, flow_of(popularity)};
  AskedObject object;
  object.group = 3;
  EXPECT_TRUE(caches.look_up(1, 0, object, sim_start + 1s).hit);
  EXPECT_FALSE(caches.look_up(1, 1, object, sim_start + 1s).hit);
  EXPECT_TRUE(caches.look_up(1, 1, object, sim_start + 2s).hit);
}

SessionCache session_cache(std::int64_t capacity) {
  ConversationCacheConfig config;
  config.cache.capacity = Bytes::of(capacity);
  config.cache.latency.mean = 1ms;
  config.cache.outages = {{10s, 1s, 1.0}};
  config.bytes_per_token = Bytes::of(10);
  config.fetch.mean = 30ms;
  return SessionCache{1, config};
}

TEST(SessionCache, HoldsContextsAsLargeAsTheirTokens) {
  SessionCache cache = session_cache(10'000);
  cache.store(1, 1, 400, sim_start);
  cache.store(2, 2, 500, sim_start);
  EXPECT_DOUBLE_EQ(cache.utilization(), 0.9);
  const StageResult found = cache.look_up(3, 1, 400, sim_start);
  EXPECT_TRUE(found.hit);
  EXPECT_EQ(found.ahead, 1ms);
  cache.store(3, 1, 450, sim_start);  // it has grown
  EXPECT_DOUBLE_EQ(cache.utilization(), 0.95);
  cache.store(4, 3, 100, sim_start);
  EXPECT_EQ(cache.sessions(), 2) << "the second, used least recently, made room";
  const StageResult missed = cache.look_up(5, 2, 500, sim_start);
  EXPECT_FALSE(missed.hit);
  EXPECT_EQ(missed.ahead, 31ms) << "it is fetched, and then it is there";
  EXPECT_TRUE(cache.look_up(6, 2, 500, sim_start).hit);
  cache.store(7, 4, 1001, sim_start);
  EXPECT_FALSE(cache.look_up(8, 4, 1001, sim_start).hit) << "larger than the whole cache";
}

TEST(SessionCache, LosesNothingInAnOutageAndTakesNothingIn) {
  SessionCache cache = session_cache(10'000);
  cache.store(1, 1, 400, sim_start);
  EXPECT_FALSE(cache.look_up(2, 1, 400, sim_start + 10s).hit);
  cache.store(3, 2, 100, sim_start + 10s);
  EXPECT_TRUE(cache.look_up(4, 1, 400, sim_start + 11s).hit);
  EXPECT_FALSE(cache.look_up(5, 2, 100, sim_start + 11s).hit);
  cache.set_capacity(Bytes::of(1000));
  EXPECT_EQ(cache.sessions(), 1) << "of 100 tokens";
}

/// The same calls on a cache that is told of ends and one that is not: every other session ends
/// once it has been answered, the others come back, and all contexts are equally large.
TEST(SessionCache, ForgetsWhoEndedButNotTheirBytes) {
  SessionCache told = session_cache(40 * 1'000);
  SessionCache untold = session_cache(40 * 1'000);
  int hits = 0;
  constexpr PrefixId sessions = 400;
  for (PrefixId session = 1; session <= sessions; ++session) {
    for (SessionCache* const cache : {&told, &untold}) {
      cache->store(session, session, 100, sim_start);
    }
    if (session % 2 == 0) {
      told.end(session);
    }
    ASSERT_DOUBLE_EQ(told.utilization(), untold.utilization());
    ASSERT_LE(told.sessions(), 30) << "of 40 contexts ten ended, at least";
    const PrefixId earlier = session - session % 7 * 8;  // some are still there, some not
    if (session > 56 && earlier % 2 == 1) {
      const bool hit = told.look_up(1000 + session, earlier, 100, sim_start).hit;
      ASSERT_EQ(hit, untold.look_up(1000 + session, earlier, 100, sim_start).hit) << session;
      hits += hit ? 1 : 0;
    }
  }
  EXPECT_GT(hits, 80);
  EXPECT_LT(hits, 172);
  told.set_capacity(Bytes::of(10'000));
  EXPECT_DOUBLE_EQ(told.utilization(), 1.0);
  EXPECT_LE(told.sessions(), 10);
  told.end(sessions - 1);
  told.store(1, 1, 1000, sim_start);
  EXPECT_EQ(told.sessions(), 1) << "lumps go, too";
}

TEST(Cache, HoldsEverythingWhenItCan) {
  const Popularity popularity{100, 1.0};
  Cache che{1, "cache", cache_of(100, CacheMethod::che, 0), popularity, flow_of(popularity)};
  EXPECT_NEAR(che.expected_hits(), 1.0, 1e-9);
}

TEST(Cache, MissesDuringAnOutageAndWhatItDoesNotHold) {
  const Popularity popularity{100, 1.0};
  CacheConfig config = cache_of(100, CacheMethod::che, 0);
  config.outages = {{1s, 1s, 1.0}};
  Cache cache{1, "cache", config, popularity, flow_of(popularity)};
  AskedObject object;
  object.group = 3;
  EXPECT_TRUE(cache.look_up(1, object, sim_start).hit);
  EXPECT_FALSE(cache.look_up(1, object, sim_start + 1s).hit);
  EXPECT_TRUE(cache.look_up(1, object, sim_start + 2s).hit);
  EXPECT_FALSE(cache.look_up(1, AskedObject{}, sim_start).hit);
}

TEST(Cache, LookUpsHaveTurns) {
  const Popularity popularity{100, 1.0};
  CacheConfig config;
  config.capacity = Bytes::of(1000);
  config.object_size = Bytes::of(10);
  config.lookups = Frequency::of(10);
  Cache cache{1, "cache", config, popularity, flow_of(popularity)};
  EXPECT_TRUE(cache.in_order());
  EXPECT_EQ(cache.look_up(1, {0, 0}, sim_start).wait, 0ms);
  EXPECT_EQ(cache.look_up(2, {0, 0}, sim_start).wait, 100ms);
}

}  // namespace
}  // namespace plimsoll
