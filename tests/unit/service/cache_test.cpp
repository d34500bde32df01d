// Caches: Zipf's law in groups, Che's approximation against a played LRU order.
#include "service/cache.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

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

/// Hits of `count` look-ups after as many to fill it.
double played_hits(Cache& cache, const Popularity& popularity, int count) {
  const RandomStream stream{11, "asked"};
  int hits = 0;
  for (int i = 0; i < 2 * count; ++i) {
    Draws draws = stream.of(static_cast<std::uint64_t>(i));
    AskedObject object;
    object.group = popularity.group_of(draws());
    object.rank = static_cast<std::uint32_t>(popularity.rank_of(object.group, draws()));
    const StageResult found = cache.look_up(static_cast<std::uint64_t>(i), object, sim_start);
    hits += found.hit && i >= count ? 1 : 0;
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
