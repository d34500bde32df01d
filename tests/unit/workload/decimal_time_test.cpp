// Decimal seconds to nanoseconds: exact values, rounding, and what is refused.
#include "workload/decimal_time.hpp"

#include <gtest/gtest.h>

#include <string>

namespace plimsoll {
namespace {

struct Good {
  const char* text;
  std::int64_t ns;
};

TEST(DecimalTime, ReadsExactly) {
  const Good cases[] = {
      {"0", 0},
      {"-0.0", 0},
      {"0.000", 0},
      {"12", 12'000'000'000},
      {"+4.", 4'000'000'000},
      {".25", 250'000'000},
      {"4.315", 4'315'000'000},
      // As doubles times 1e9 these come out one lower: 0.000000115 is 114.99999999999999 ns.
      {"0.000000115", 115},
      {"1.001", 1'001'000'000},
      {"16777216.000000001", 16'777'216'000'000'001},
      {"123456789.123456789", 123'456'789'123'456'789},
      {"499999999.999999999", 499'999'999'999'999'999},
      {"500000000", 500'000'000'000'000'000},
      {"0.0000000005", 1},
      {"0.00000000049999", 0},
      {"0.9999999995", 1'000'000'000},
      {"0.9999999994", 999'999'999},
      {"1e-3", 1'000'000},
      {"1.5E+2", 150'000'000'000},
      {"12e-10", 1},
      {"5e-10", 1},
      {"5e-11", 0},
      {"0e999999999999", 0},
      {"1e-999999999999", 0},
      {"00000000000000000000000000001.5", 1'500'000'000},
      {"0.0000000000000000000000000000001e31", 1'000'000'000},
  };
  for (const Good& good : cases) {
    Duration at{-1};
    EXPECT_EQ(parse_decimal_seconds(good.text, at), DecimalTime::ok) << good.text;
    EXPECT_EQ(at.count(), good.ns) << good.text;
  }
}

TEST(DecimalTime, EveryMillisecondOfTenSeconds) {
  for (int ms = 0; ms < 10000; ++ms) {
    const std::string fraction = std::to_string(1000 + ms % 1000).substr(1);
    Duration at{};
    ASSERT_EQ(parse_decimal_seconds(std::to_string(ms / 1000) + "." + fraction, at),
              DecimalTime::ok);
    ASSERT_EQ(at, std::chrono::milliseconds{ms});
  }
}

TEST(DecimalTime, RefusesAndLeavesTheResultAlone) {
  const std::pair<const char*, DecimalTime> cases[] = {
      {"", DecimalTime::not_a_number},         {" 1", DecimalTime::not_a_number},
      {".", DecimalTime::not_a_number},        {"1.2.3", DecimalTime::not_a_number},
      {"nan", DecimalTime::not_a_number},      {"inf", DecimalTime::not_a_number},
      {"-inf", DecimalTime::not_a_number},     {"0x10", DecimalTime::not_a_number},
      {"1e", DecimalTime::not_a_number},       {"1e+", DecimalTime::not_a_number},
      {"1e1.5", DecimalTime::not_a_number},    {"e5", DecimalTime::not_a_number},
      {"--1", DecimalTime::not_a_number},      {"1s", DecimalTime::not_a_number},
      {"-1", DecimalTime::negative},           {"-1e-30", DecimalTime::negative},
      {"-1e30", DecimalTime::negative},        {"500000000.000000001", DecimalTime::too_large},
      {"1e999999999", DecimalTime::too_large}, {"99999999999999999999", DecimalTime::too_large},
  };
  for (const auto& [text, expected] : cases) {
    Duration at{42};
    EXPECT_EQ(parse_decimal_seconds(text, at), expected) << text;
    EXPECT_EQ(at.count(), 42) << text;
  }
}

}  // namespace
}  // namespace plimsoll
