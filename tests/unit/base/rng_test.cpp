// Random streams: Philox4x32-10 by known answers and by an independent implementation, and what
// the counter layout promises.
#include "plimsoll/rng.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace plimsoll {
namespace {

using Block = std::array<std::uint32_t, 4>;

/// Philox4x32-10 as the paper defines it (SC'11, section 4.3), written for this test.
Block philox(Block c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xD2511F53ULL * c[0];
    const std::uint64_t p1 = 0xCD9E8D57ULL * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return c;
}

std::vector<std::uint32_t> first(Draws draws, int count) {
  std::vector<std::uint32_t> values;
  for (int i = 0; i < count; ++i) {
    values.push_back(draws());
  }
  return values;
}

// Random123's own vectors for philox4x32, 10 rounds.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, 0, 0), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, ones, ones),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  EXPECT_EQ(first(Draws{0, 0}, 4),
            (std::vector<std::uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}

TEST(Draws, AreBlocksOfEntityAndPosition) {
  const std::uint64_t key = 0x0123456789abcdefULL;
  const std::uint64_t entity = 0xfedcba9876543210ULL;
  const std::vector<std::uint32_t> values = first(Draws{key, entity}, 12);
  for (std::uint32_t position = 0; position < 3; ++position) {
    const Block block = philox({0x76543210, 0xfedcba98, position, 0}, 0x89abcdef, 0x01234567);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(values[position * 4 + i], block[i]) << position << " " << i;
    }
  }
}

TEST(RandomStream, DependsOnSeedNameAndEntityAlone) {
  const RandomStream stream{1, "arrivals"};
  EXPECT_EQ(first(stream.of(5), 8), first(RandomStream(1, "arrivals").of(5), 8));
  std::set<std::vector<std::uint32_t>> different;
  for (const std::uint64_t seed : {0ULL, 1ULL, 2ULL}) {
    for (const char* name : {"arrivals", "prompt_tokens", "output_tokens", "class"}) {
      for (const std::uint64_t entity : {0ULL, 1ULL, 1ULL << 32, ~0ULL}) {
        different.insert(first(RandomStream(seed, name).of(entity), 4));
      }
    }
  }
  EXPECT_EQ(different.size(), 3U * 4U * 4U);
}

TEST(RandomStream, HashOfTheNameIsFixed) {
  // FNV-1a's published test values: results of old runs depend on them.
  EXPECT_EQ(stable_hash(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(stable_hash("a"), 0xaf63dc4c8601ec8cULL);
  EXPECT_EQ(stable_hash("foobar"), 0x85944171f73967e8ULL);
}

TEST(Draws, UniformCoversTheUnitIntervalEvenly) {
  constexpr int count = 100000;
  const RandomStream stream{3, "uniform"};
  double sum = 0;
  double squares = 0;
  for (std::uint64_t entity = 0; entity < count; ++entity) {
    Draws draws = stream.of(entity);
    const double u = draws.uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    sum += u;
    squares += u * u;
  }
  const double mean = sum / count;
  EXPECT_NEAR(mean, 0.5, 4 * std::sqrt(1.0 / 12 / count));
  // Var(u^2) = 1/5 - 1/9.
  EXPECT_NEAR(squares / count, 1.0 / 3, 4 * std::sqrt((1.0 / 5 - 1.0 / 9) / count));
}

TEST(Draws, BelowIsEvenOverItsRange) {
  constexpr int count = 70000;
  constexpr std::uint32_t bound = 7;
  Draws draws = RandomStream{3, "below"}.of(0);
  std::array<int, bound> seen{};
  for (int i = 0; i < count; ++i) {
    ++seen.at(draws.below(bound));
  }
  const double expected = static_cast<double>(count) / bound;
  const double sigma = std::sqrt(expected * (1 - 1.0 / bound));
  for (const int n : seen) {
    EXPECT_NEAR(n, expected, 4 * sigma);
  }
  EXPECT_EQ(draws.below(1), 0U);
}

}  // namespace
}  // namespace plimsoll
