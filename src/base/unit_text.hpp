// Base: quantities from and to text. The only place where units are spelled; independent of the
// locale. Every format_* is the inverse of its parse_*: parsing the text gives the same value, bit
// for bit, which is what lets a resolved scenario rerun to the same bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "plimsoll/units.hpp"

namespace plimsoll {

/// What a number with a unit measures.
enum class Dimension : std::uint8_t {
  duration,
  bytes,
  bandwidth,
  flop_rate,
  frequency,
  power,
  price_per_hour,
  price_per_million,
  price_per_gb,
  price_per_gb_month,
  price_per_month,
};

/// A regular expression that texts of a dimension match (for JSON Schema).
std::string unit_pattern(Dimension dimension);

/// The units that are read, in the order of their size within each family.
std::string unit_list(Dimension dimension);

/// A value, or what was expected instead (a phrase that completes "expected ...").
template <class T>
struct Parsed {
  std::optional<T> value;
  std::string expected;
};

/// "30s", "1.5 h", "24us", or a bare 0. Units: ns us ms s min h d. Not negative; rounded to the
/// nearest nanosecond.
Parsed<Duration> parse_duration(std::string_view text);
/// The same without rounding.
Parsed<FineDuration> parse_fine_duration(std::string_view text);
/// "80 GiB", "2.5 TB", or a bare 0. GB = 10^9, GiB = 2^30 bytes. Not negative.
Parsed<Bytes> parse_bytes(std::string_view text);
/// "2.5 TB/s"; "100 Gb/s" is bits. A bare 0 is allowed, as for all rates and prices below.
Parsed<BytesPerSecond> parse_bandwidth(std::string_view text);
/// "312 TFLOPS", "624 TOPS".
Parsed<FlopRate> parse_flop_rate(std::string_view text);
/// "5.53/s", "5.53 requests/s", "90/min".
Parsed<Frequency> parse_frequency(std::string_view text);
/// "400 W", "0.7 kW".
Parsed<Watts> parse_watts(std::string_view text);
/// "$3.06/h".
Parsed<UsdPerHour> parse_usd_per_hour(std::string_view text);
/// "$20/1M tokens", "$0.02/1k tokens".
Parsed<UsdPerMillion> parse_usd_per_million(std::string_view text);
/// "$0.09/GB".
Parsed<UsdPerGb> parse_usd_per_gb(std::string_view text);
/// "$0.023/GB-month".
Parsed<UsdPerGbMonth> parse_usd_per_gb_month(std::string_view text);
/// "$20/month".
Parsed<UsdPerMonth> parse_usd_per_month(std::string_view text);
/// "2022-11-30" (its midnight) or "2022-11-30T12:00:00Z"; UTC, years 1970 to 2199.
Parsed<UtcTime> parse_utc(std::string_view text);
/// "87%" or 0.87: both are 0.87.
Parsed<double> parse_ratio(std::string_view text);
/// A finite bare number.
Parsed<double> parse_number(std::string_view text);
/// A bare whole number; 175e9 is one.
Parsed<std::int64_t> parse_count(std::string_view text);
/// true, false, on, off, yes, no.
Parsed<bool> parse_flag(std::string_view text);

std::string format_duration(Duration value);
std::string format_fine_duration(FineDuration value);
std::string format_bytes(Bytes value);
std::string format_bandwidth(BytesPerSecond value);
std::string format_flop_rate(FlopRate value);
std::string format_frequency(Frequency value);
std::string format_watts(Watts value);
std::string format_usd_per_hour(UsdPerHour value);
std::string format_usd_per_million(UsdPerMillion value);
std::string format_usd_per_gb(UsdPerGb value);
std::string format_usd_per_gb_month(UsdPerGbMonth value);
std::string format_usd_per_month(UsdPerMonth value);
/// The date alone at midnight.
std::string format_utc(UtcTime value);
/// The shortest decimal that reads back as `value`.
std::string format_number(double value);
std::string format_count(std::int64_t value);

}  // namespace plimsoll
