// Whole micro-dollars: rounded once, split without loss.
#include "cost/amounts.hpp"

#include <gtest/gtest.h>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

std::int64_t sum(const std::vector<MicroUsd>& parts) {
  std::int64_t total = 0;
  for (const MicroUsd part : parts) {
    total += part.count();
  }
  return total;
}

std::uint64_t wide(Draws& draws) {
  const std::uint64_t high = draws();
  const std::uint64_t low = draws();
  return (high << 32) | low;
}

TEST(Amounts, AreRoundedOnceHalvesUp) {
  const UnitPrice dollar = UnitPrice::of(1);
  EXPECT_EQ(amount_of(1, 2'000'000, dollar).count(), 1);  // half a micro-dollar
  EXPECT_EQ(amount_of(1, 2'000'001, dollar).count(), 0);
  EXPECT_EQ(amount_of(3, 1, UnitPrice::of(4.096)).count(), 12'288'000);
}

TEST(Amounts, AFleetOf14000GpusForTenYearsFits) {
  const Int128 gpu_ns = static_cast<Int128>(14'000) * 87'600 * 3'600'000'000'000;
  EXPECT_EQ(amount_of(gpu_ns, 3'600'000'000'000, UnitPrice::of(12.29)).count(),
            std::int64_t{14'000} * 87'600 * 12'290'000);
}

TEST(Split, PartsAddUpToTheTotalWhateverTheWeights) {
  Draws draws = RandomStream{7, "split"}.of(0);
  for (int trial = 0; trial < 2'000; ++trial) {
    const auto total = static_cast<std::int64_t>(wide(draws) >> 14);  // below 10^15
    std::vector<Int128> weights(1 + draws.below(20));
    for (Int128& weight : weights) {
      const std::uint64_t size = draws.below(100);
      const std::uint64_t bits = wide(draws);
      weight =
          size < 20 ? 0 : static_cast<Int128>(bits >> (size % 60)) * (size < 40 ? 1'000'000 : 1);
    }
    weights.front() += 1;
    const std::vector<MicroUsd> parts = split(MicroUsd::of(total), weights);
    ASSERT_EQ(sum(parts), total);
    Int128 whole = 0;
    for (const Int128 weight : weights) {
      whole += weight;
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const double fair =
          static_cast<double>(total) * static_cast<double>(weights[i]) / static_cast<double>(whole);
      ASSERT_NEAR(static_cast<double>(parts[i].count()), fair, 1 + fair * 1e-9);
      ASSERT_GE(parts[i].count(), 0);
    }
  }
}

TEST(Split, WithoutWeightsNobodyPays) {
  EXPECT_EQ(sum(split(MicroUsd::of(100), {0, 0})), 0);
  EXPECT_TRUE(split(MicroUsd::of(100), {}).empty());
}

}  // namespace
}  // namespace plimsoll
