// Quantities from and to text: known values by hand, and round trips of arbitrary ones.
#include "base/unit_text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <clocale>
#include <cmath>
#include <cstring>

namespace plimsoll {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, ReadsEveryUnit) {
  EXPECT_EQ(parse_duration("7ns").value, 7ns);
  EXPECT_EQ(parse_duration("24us").value, 24us);
  EXPECT_EQ(parse_duration("1.5ms").value, 1500us);
  EXPECT_EQ(parse_duration("30s").value, 30s);
  EXPECT_EQ(parse_duration("10 min").value, 10min);
  EXPECT_EQ(parse_duration(" 0.5h ").value, 30min);
  EXPECT_EQ(parse_duration("2d").value, 48h);
  EXPECT_EQ(parse_duration("1e3ms").value, 1s);
  EXPECT_EQ(parse_duration("0").value, 0ns);
}

TEST(ParseDuration, KeepsIntegersBeyondDoubles) {
  // 2^53 + 1 is no double.
  EXPECT_EQ(parse_duration("9007199254740993ns").value, Duration{9007199254740993});
  EXPECT_EQ(parse_duration("0.1s").value, 100ms);
}

TEST(ParseDuration, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "30", "s", "-5s", "1h30m", "30 GB", "inf", "nan s", "infs", "1e30d",
                           "30S", "0x10s", "1,5s", "--1s", "."}) {
    const auto parsed = parse_duration(text);
    EXPECT_FALSE(parsed.value.has_value()) << text;
    EXPECT_NE(parsed.expected.find("30s"), std::string::npos) << text;
  }
}

TEST(ParseBytes, TellsDecimalFromBinary) {
  EXPECT_EQ(parse_bytes("80GB").value, Bytes::of(80'000'000'000));
  EXPECT_EQ(parse_bytes("80 GiB").value, Bytes::of(80LL << 30));
  EXPECT_EQ(parse_bytes("1.5 KiB").value, Bytes::of(1536));
  EXPECT_FALSE(parse_bytes("80 G").value.has_value());
}

TEST(ParseRates, ReadTheirUnits) {
  EXPECT_EQ(parse_bandwidth("2.5 TB/s").value, BytesPerSecond::of(2.5e12));
  EXPECT_EQ(parse_bandwidth("100 Gb/s").value, BytesPerSecond::of(12.5e9));  // bits
  EXPECT_EQ(parse_flop_rate("312 TFLOPS").value, FlopRate::of(312e12));
  EXPECT_EQ(parse_flop_rate("624 TOPS").value, FlopRate::of(624e12));
  EXPECT_EQ(parse_frequency("5.53/s").value, Frequency::of(5.53));
  EXPECT_EQ(parse_frequency("5.53 requests/s").value, Frequency::of(5.53));
  EXPECT_EQ(parse_frequency("90/min").value, Frequency::of(1.5));
  EXPECT_EQ(parse_watts("0.7 kW").value, Watts::of(700));
  EXPECT_EQ(parse_usd_per_hour("$3.06/h").value, UsdPerHour::of(3.06));
  EXPECT_EQ(parse_usd_per_million("$20/1M tokens").value, UsdPerMillion::of(20));
  EXPECT_EQ(parse_usd_per_million("$0.02/1k tokens").value, UsdPerMillion::of(20));
  EXPECT_FALSE(parse_usd_per_hour("3.06/h").value.has_value());
  EXPECT_FALSE(parse_frequency("5.53").value.has_value());
}

TEST(ParsePrices, OfBytesAndMonths) {
  EXPECT_EQ(parse_usd_per_gb("$0.09/GB").value, UsdPerGb::of(0.09));
  EXPECT_EQ(parse_usd_per_gb_month("$20/TB-month").value, UsdPerGbMonth::of(0.02));
  EXPECT_EQ(parse_usd_per_month("$24/year").value, UsdPerMonth::of(2));
  EXPECT_FALSE(parse_usd_per_gb("$0.09/GB-month").value);
  EXPECT_FALSE(parse_usd_per_month("20/month").value);
  EXPECT_EQ(format_usd_per_gb_month(UsdPerGbMonth::of(0.023)), "$0.023/GB-month");
}

TEST(ParseUtc, ReadsDatesAndMoments) {
  EXPECT_EQ(parse_utc("1970-01-02").value, UtcTime{std::chrono::hours{24}});
  EXPECT_EQ(parse_utc("2024-02-29T23:59:58Z").value->time_since_epoch().count(), 1'709'251'198);
  for (const char* text : {"2022-11-30", "2022-11-30T06:07:08Z", "2199-12-31T23:59:59Z"}) {
    EXPECT_EQ(format_utc(parse_utc(text).value.value()), text);
  }
  EXPECT_EQ(format_utc(parse_utc("2022-11-30T00:00:00Z").value.value()), "2022-11-30");
  for (const char* text :
       {"", "2023-02-29", "2022-13-01", "2022-1-1", "2022-11-30T24:00:00Z", "2022-11-30T00:60:00Z",
        "2022-11-30T00:00:00", "2022-11-30 ", "1969-12-31", "2200-01-01", "tomorrow"}) {
    EXPECT_FALSE(parse_utc(text).value) << text;
  }
}

TEST(ParseBareNumbers, RatiosCountsFlags) {
  EXPECT_EQ(parse_ratio("87%").value, 0.87);
  EXPECT_EQ(parse_ratio("0.87").value, 0.87);
  EXPECT_EQ(parse_count("175e9").value, 175'000'000'000);
  EXPECT_FALSE(parse_count("1.5").value.has_value());
  EXPECT_FALSE(parse_count("16 tokens").value.has_value());
  EXPECT_FALSE(parse_count("99999999999999999999").value.has_value());
  EXPECT_EQ(parse_flag("off").value, false);
  EXPECT_FALSE(parse_flag("1").value.has_value());
}

TEST(FormatQuantities, ChooseTheNaturalUnit) {
  EXPECT_EQ(format_duration(1500ms), "1.5s");
  EXPECT_EQ(format_duration(Duration{1234567}), "1234567ns");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(10min), "10min");
  EXPECT_EQ(format_duration(24h), "1d");
  EXPECT_EQ(format_duration(0s), "0");
  EXPECT_EQ(format_bytes(Bytes::of(80LL << 30)), "80 GiB");
  EXPECT_EQ(format_bytes(Bytes::of(80'000'000'000)), "80 GB");
  EXPECT_EQ(format_bandwidth(BytesPerSecond::of(2.039e12)), "2039 GB/s");
  EXPECT_EQ(format_flop_rate(FlopRate::of(312e12)), "312 TFLOPS");
  EXPECT_EQ(format_usd_per_hour(UsdPerHour::of(3.06)), "$3.06/h");
}

TEST(FormatQuantities, DoNotDependOnTheLocale) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  const bool german = std::setlocale(LC_ALL, "de_DE.UTF-8") != nullptr;
  EXPECT_EQ(parse_duration("1.5s").value, 1500ms);
  EXPECT_EQ(format_number(0.5), "0.5");
  std::setlocale(LC_ALL, before.c_str());
  RecordProperty("locale_was_changed", german ? 1 : 0);
}

RC_GTEST_PROP(RoundTrip, Durations, ()) {
  const auto value = Duration{*rc::gen::inRange<std::int64_t>(0, 9'000'000'000'000'000'000)};
  RC_ASSERT(parse_duration(format_duration(value)).value == value);
}

RC_GTEST_PROP(RoundTrip, RoundDurations, ()) {
  const auto unit = *rc::gen::element<std::int64_t>(1, 1000, 1'000'000, 100'000'000, 1'000'000'000,
                                                    60'000'000'000);
  const auto value = Duration{unit * *rc::gen::inRange<std::int64_t>(0, 100'000)};
  RC_ASSERT(parse_duration(format_duration(value)).value == value);
}

RC_GTEST_PROP(RoundTrip, Sizes, ()) {
  const auto shift = *rc::gen::inRange(0, 40);
  const auto value = Bytes::of(*rc::gen::inRange<std::int64_t>(0, 1'000'000) << shift);
  RC_ASSERT(parse_bytes(format_bytes(value)).value == value);
}

/// A finite double that is not negative, from any 63 bits.
double any_double() {
  const auto bits = *rc::gen::inRange<std::int64_t>(0, 0x7fefffffffffffff);
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

RC_GTEST_PROP(RoundTrip, RatesAndPricesOfAnySize, ()) {
  const double value = any_double();
  RC_ASSERT(parse_number(format_number(value)).value == value);
  RC_ASSERT(parse_bandwidth(format_bandwidth(BytesPerSecond::of(value))).value ==
            BytesPerSecond::of(value));
  RC_ASSERT(parse_flop_rate(format_flop_rate(FlopRate::of(value))).value == FlopRate::of(value));
  RC_ASSERT(parse_frequency(format_frequency(Frequency::of(value))).value == Frequency::of(value));
  RC_ASSERT(parse_watts(format_watts(Watts::of(value))).value == Watts::of(value));
  RC_ASSERT(parse_usd_per_hour(format_usd_per_hour(UsdPerHour::of(value))).value ==
            UsdPerHour::of(value));
  RC_ASSERT(parse_usd_per_million(format_usd_per_million(UsdPerMillion::of(value))).value ==
            UsdPerMillion::of(value));
}

RC_GTEST_PROP(RoundTrip, RatesAsPeopleWriteThem, ()) {
  const double value = *rc::gen::inRange(1, 100'000) / 1000.0;
  const std::string text = format_number(value) + " TB/s";
  const auto read = parse_bandwidth(text).value;
  RC_ASSERT(read.has_value());
  RC_ASSERT(parse_bandwidth(format_bandwidth(*read)).value == read);
}

}  // namespace
}  // namespace plimsoll
