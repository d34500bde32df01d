// Base: quantities from and to text, by one table of units per dimension.
#include "base/unit_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <span>

namespace plimsoll {

namespace {

struct Unit {
  std::string_view name;
  double factor;   // base units in one of these
  bool canonical;  // may be written, not only read
};

struct UnitTable {
  std::string_view expected;  // a phrase with an example and the units
  std::string_view prefix;    // "$" or nothing
  std::string_view gap;       // between number and unit when written
  std::span<const Unit> units;
};

constexpr std::array<Unit, 7> duration_units{{{"ns", 1, true},
                                              {"us", 1e3, true},
                                              {"ms", 1e6, true},
                                              {"s", 1e9, true},
                                              {"min", 60e9, true},
                                              {"h", 3600e9, true},
                                              {"d", 86400e9, true}}};
constexpr double kib = 1024.0;
constexpr std::array<Unit, 11> bytes_units{{{"B", 1, true},
                                            {"kB", 1e3, true},
                                            {"MB", 1e6, true},
                                            {"GB", 1e9, true},
                                            {"TB", 1e12, true},
                                            {"PB", 1e15, true},
                                            {"KiB", kib, true},
                                            {"MiB", kib* kib, true},
                                            {"GiB", kib* kib* kib, true},
                                            {"TiB", kib* kib* kib* kib, true},
                                            {"PiB", kib* kib* kib* kib* kib, true}}};
constexpr std::array<Unit, 13> bandwidth_units{{{"B/s", 1, true},
                                                {"kB/s", 1e3, true},
                                                {"MB/s", 1e6, true},
                                                {"GB/s", 1e9, true},
                                                {"TB/s", 1e12, true},
                                                {"KiB/s", kib, false},
                                                {"MiB/s", kib* kib, false},
                                                {"GiB/s", kib* kib* kib, false},
                                                {"TiB/s", kib* kib* kib* kib, false},
                                                {"Mb/s", 1e6 / 8, false},
                                                {"Gb/s", 1e9 / 8, false},
                                                {"Gbit/s", 1e9 / 8, false},
                                                {"Tb/s", 1e12 / 8, false}}};
constexpr std::array<Unit, 9> flop_units{{{"FLOPS", 1, true},
                                          {"MFLOPS", 1e6, true},
                                          {"GFLOPS", 1e9, true},
                                          {"TFLOPS", 1e12, true},
                                          {"PFLOPS", 1e15, true},
                                          {"OPS", 1, false},
                                          {"GOPS", 1e9, false},
                                          {"TOPS", 1e12, false},
                                          {"POPS", 1e15, false}}};
constexpr std::array<Unit, 6> frequency_units{{{"/s", 1, true},
                                               {"requests/s", 1, false},
                                               {"req/s", 1, false},
                                               {"/min", 1.0 / 60, false},
                                               {"/h", 1.0 / 3600, false},
                                               {"/d", 1.0 / 86400, false}}};
constexpr std::array<Unit, 3> watt_units{{{"W", 1, true}, {"kW", 1e3, true}, {"MW", 1e6, true}}};
constexpr std::array<Unit, 3> hour_units{{{"/h", 1, true}, {"/hour", 1, false}, {"/hr", 1, false}}};
constexpr std::array<Unit, 5> million_units{{{"/1M tokens", 1, true},
                                             {"/M tokens", 1, false},
                                             {"/1k tokens", 1e3, false},
                                             {"/1K tokens", 1e3, false},
                                             {"/token", 1e6, false}}};

constexpr std::array<Unit, 2> gb_units{{{"/GB", 1, true}, {"/TB", 1e-3, false}}};
constexpr std::array<Unit, 2> gb_month_units{{{"/GB-month", 1, true}, {"/TB-month", 1e-3, false}}};
constexpr std::array<Unit, 2> month_units{{{"/month", 1, true}, {"/year", 1.0 / 12, false}}};

constexpr UnitTable duration_dimension{"a duration such as 30s (units: ns us ms s min h d)", "", "",
                                       duration_units};
constexpr UnitTable bytes_dimension{
    "a size such as 80 GiB (units: B kB MB GB TB PB KiB MiB GiB TiB PiB)", "", " ", bytes_units};
constexpr UnitTable bandwidth_dimension{
    "a bandwidth such as 2.5 TB/s (units: B/s kB/s MB/s GB/s TB/s KiB/s MiB/s GiB/s TiB/s, "
    "Mb/s Gb/s Tb/s for bits)",
    "", " ", bandwidth_units};
constexpr UnitTable flop_dimension{
    "a rate of operations such as 312 TFLOPS (units: FLOPS MFLOPS GFLOPS TFLOPS PFLOPS OPS GOPS "
    "TOPS POPS)",
    "", " ", flop_units};
constexpr UnitTable frequency_dimension{"a rate such as 5.53/s (units: /s requests/s /min /h /d)",
                                        "", "", frequency_units};
constexpr UnitTable watt_dimension{"a power such as 400 W (units: W kW MW)", "", " ", watt_units};
constexpr UnitTable hour_dimension{"a price such as $3.06/h (unit: /h, with a leading $)", "$", "",
                                   hour_units};
constexpr UnitTable million_dimension{
    "a price such as $20/1M tokens (units: /1M tokens /1k tokens, with a leading $)", "$", "",
    million_units};
constexpr UnitTable gb_dimension{"a price such as $0.09/GB (units: /GB /TB, with a leading $)", "$",
                                 "", gb_units};
constexpr UnitTable gb_month_dimension{
    "a price such as $0.023/GB-month (units: /GB-month /TB-month, with a leading $)", "$", "",
    gb_month_units};
constexpr UnitTable month_dimension{
    "a price such as $20/month (units: /month /year, with a leading $)", "$", "", month_units};

bool is_space(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_space(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

/// The number at the front of a text, as digits and as a double, and what follows it.
struct Leading {
  std::string_view digits;
  double value = 0;
  std::string_view rest;
};

std::optional<Leading> split_number(std::string_view text) {
  Leading leading;
  // from_chars also reads "inf" and "nan": a quantity starts with a digit, a point or a minus.
  const char first = text.empty() ? ' ' : text.front();
  if (!(first >= '0' && first <= '9') && first != '.' && first != '-') {
    return std::nullopt;
  }
  if (first == '-' &&
      (text.size() < 2 || !((text[1] >= '0' && text[1] <= '9') || text[1] == '.'))) {
    return std::nullopt;
  }
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, leading.value);
  if (error != std::errc{} || !std::isfinite(leading.value)) {
    return std::nullopt;
  }
  const auto length = static_cast<std::size_t>(stop - text.data());
  leading.digits = text.substr(0, length);
  leading.rest = trim(text.substr(length));
  return leading;
}

/// A number that was split from its unit. `unit` is null for a bare zero.
struct NumberWithUnit {
  Leading number;
  const Unit* unit = nullptr;
};

std::optional<NumberWithUnit> split_unit(const UnitTable& table, std::string_view text) {
  text = trim(text);
  const bool prefixed = !table.prefix.empty() && text.starts_with(table.prefix);
  if (prefixed) {
    text.remove_prefix(table.prefix.size());
  }
  const std::optional<Leading> number = split_number(text);
  if (!number || number->value < 0) {
    return std::nullopt;
  }
  if (number->rest.empty()) {
    return number->value == 0 ? std::optional{NumberWithUnit{*number, nullptr}} : std::nullopt;
  }
  if (!table.prefix.empty() && !prefixed) {
    return std::nullopt;
  }
  for (const Unit& unit : table.units) {
    if (unit.name == number->rest) {
      return NumberWithUnit{*number, &unit};
    }
  }
  return std::nullopt;
}

/// number x factor as an integer: exact for whole numbers, nearest for fractions.
std::optional<std::int64_t> scale_exactly(const Leading& number, double factor) {
  constexpr double limit = 9.2e18;
  if (number.value * factor >= limit) {
    return std::nullopt;
  }
  if (number.digits.find_first_of("eE") != std::string_view::npos) {
    return std::llround(number.value * factor);
  }
  const std::size_t point = number.digits.find('.');
  const std::string_view whole = number.digits.substr(0, point);
  std::int64_t base = 0;
  if (!whole.empty()) {
    std::from_chars(whole.data(), whole.data() + whole.size(), base);
  }
  double fraction = 0;
  if (point != std::string_view::npos) {
    const std::string digits = "0" + std::string{number.digits.substr(point)};
    std::from_chars(digits.data(), digits.data() + digits.size(), fraction);
  }
  return base * static_cast<std::int64_t>(factor) + std::llround(fraction * factor);
}

template <class Q>
Parsed<Q> parse_integer_quantity(const UnitTable& table, std::string_view text) {
  Parsed<Q> parsed;
  const auto split = split_unit(table, text);
  if (split) {
    const double factor = split->unit == nullptr ? 1.0 : split->unit->factor;
    if (const auto base = scale_exactly(split->number, factor)) {
      if constexpr (std::is_same_v<Q, Duration>) {
        parsed.value = Duration{*base};
      } else {
        parsed.value = Q::of(*base);
      }
      return parsed;
    }
  }
  parsed.expected = table.expected;
  return parsed;
}

std::optional<double> parse_real(const UnitTable& table, std::string_view text) {
  const auto split = split_unit(table, text);
  if (!split) {
    return std::nullopt;
  }
  const double value = split->unit == nullptr ? 0.0 : split->number.value * split->unit->factor;
  return std::isfinite(value) ? std::optional{value} : std::nullopt;
}

template <class Q>
Parsed<Q> parse_real_quantity(const UnitTable& table, std::string_view text) {
  Parsed<Q> parsed;
  if (const auto value = parse_real(table, text)) {
    parsed.value = Q::of(*value);
  } else {
    parsed.expected = table.expected;
  }
  return parsed;
}

std::string join(const UnitTable& table, const std::string& number, const Unit& unit) {
  std::string text{table.prefix};
  text += number;
  text += table.gap;
  text += unit.name;
  return text;
}

/// value / factor with at most three decimals when that is exact; empty when it is not.
std::string exact_decimals(std::int64_t value, std::int64_t factor) {
  const std::int64_t whole = value / factor;
  const std::int64_t rest = value % factor;
  if (rest == 0) {
    return format_count(whole);
  }
  // The largest factor is a PiB, 1.13e15, so this product is far from overflow.
  if ((rest * 1000) % factor != 0) {
    return "";
  }
  std::string decimals = format_count(1000 + rest * 1000 / factor).substr(1);
  while (decimals.back() == '0') {
    decimals.pop_back();
  }
  return format_count(whole) + "." + decimals;
}

std::string format_integer_quantity(const UnitTable& table, std::int64_t value) {
  if (value == 0) {
    return "0";
  }
  std::string shortest = format_count(value);
  const Unit* unit_of_shortest = &table.units.front();
  for (const Unit& unit : table.units) {
    const auto factor = static_cast<std::int64_t>(unit.factor);
    const std::string number = factor <= value ? exact_decimals(value, factor) : "";
    // The number with fewest digits is the natural one; of equals the larger unit.
    if (!number.empty() && number.size() <= shortest.size()) {
      shortest = number;
      unit_of_shortest = &unit;
    }
  }
  return join(table, shortest, *unit_of_shortest);
}

std::string format_real_quantity(const UnitTable& table, double value) {
  if (value == 0) {
    return "0";
  }
  std::string best = join(table, format_number(value), table.units.front());
  for (const Unit& unit : table.units) {
    const double scaled = value / unit.factor;
    if (unit.canonical && scaled >= 0.1 && scaled * unit.factor == value) {
      const std::string text = join(table, format_number(scaled), unit);
      best = text.size() < best.size() ? text : best;
    }
  }
  return best;
}

const UnitTable& table_of(Dimension dimension) {
  switch (dimension) {
    case Dimension::duration:
      return duration_dimension;
    case Dimension::bytes:
      return bytes_dimension;
    case Dimension::bandwidth:
      return bandwidth_dimension;
    case Dimension::flop_rate:
      return flop_dimension;
    case Dimension::frequency:
      return frequency_dimension;
    case Dimension::power:
      return watt_dimension;
    case Dimension::price_per_hour:
      return hour_dimension;
    case Dimension::price_per_gb:
      return gb_dimension;
    case Dimension::price_per_gb_month:
      return gb_month_dimension;
    case Dimension::price_per_month:
      return month_dimension;
    case Dimension::price_per_million:
      break;
  }
  return million_dimension;
}

}  // namespace

std::string unit_pattern(Dimension dimension) {
  const UnitTable& table = table_of(dimension);
  std::string pattern = table.prefix.empty() ? "^" : "^\\$";
  pattern += "[0-9.]+([eE][+-]?[0-9]+)? *(";
  for (const Unit& unit : table.units) {
    pattern += &unit == &table.units.front() ? "" : "|";
    pattern += unit.name;
  }
  return pattern + ")$";
}

std::string unit_list(Dimension dimension) {
  std::string list;
  for (const Unit& unit : table_of(dimension).units) {
    list += (list.empty() ? "" : ", ") + std::string{unit.name};
  }
  return list;
}

Parsed<Duration> parse_duration(std::string_view text) {
  return parse_integer_quantity<Duration>(duration_dimension, text);
}
Parsed<FineDuration> parse_fine_duration(std::string_view text) {
  if (const auto value = parse_real(duration_dimension, text)) {
    return {FineDuration{*value}, ""};
  }
  return {std::nullopt, std::string{duration_dimension.expected}};
}
Parsed<Bytes> parse_bytes(std::string_view text) {
  return parse_integer_quantity<Bytes>(bytes_dimension, text);
}
Parsed<BytesPerSecond> parse_bandwidth(std::string_view text) {
  return parse_real_quantity<BytesPerSecond>(bandwidth_dimension, text);
}
Parsed<FlopRate> parse_flop_rate(std::string_view text) {
  return parse_real_quantity<FlopRate>(flop_dimension, text);
}
Parsed<Frequency> parse_frequency(std::string_view text) {
  return parse_real_quantity<Frequency>(frequency_dimension, text);
}
Parsed<Watts> parse_watts(std::string_view text) {
  return parse_real_quantity<Watts>(watt_dimension, text);
}
Parsed<UsdPerHour> parse_usd_per_hour(std::string_view text) {
  return parse_real_quantity<UsdPerHour>(hour_dimension, text);
}
Parsed<UsdPerMillion> parse_usd_per_million(std::string_view text) {
  return parse_real_quantity<UsdPerMillion>(million_dimension, text);
}
Parsed<UsdPerGb> parse_usd_per_gb(std::string_view text) {
  return parse_real_quantity<UsdPerGb>(gb_dimension, text);
}
Parsed<UsdPerGbMonth> parse_usd_per_gb_month(std::string_view text) {
  return parse_real_quantity<UsdPerGbMonth>(gb_month_dimension, text);
}
Parsed<UsdPerMonth> parse_usd_per_month(std::string_view text) {
  return parse_real_quantity<UsdPerMonth>(month_dimension, text);
}

Parsed<double> parse_ratio(std::string_view text) {
  const auto number = split_number(trim(text));
  if (number && number->rest == "%") {
    // Division by 100 is correctly rounded: 87% is the same double as 0.87.
    return {number->value / 100.0, ""};
  }
  if (number && number->rest.empty()) {
    return {number->value, ""};
  }
  return {std::nullopt, "a ratio such as 0.87 or 87%"};
}

Parsed<double> parse_number(std::string_view text) {
  const auto number = split_number(trim(text));
  if (number && number->rest.empty()) {
    return {number->value, ""};
  }
  return {std::nullopt, "a bare number such as 1.5"};
}

Parsed<std::int64_t> parse_count(std::string_view text) {
  constexpr std::string_view expected = "a bare whole number such as 16";
  text = trim(text);
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (error == std::errc{} && stop == end) {
    return {count, ""};
  }
  const auto number = split_number(text);
  constexpr double exact_below = 9007199254740992.0;  // 2^53
  if (number && number->rest.empty() && std::fabs(number->value) < exact_below &&
      std::trunc(number->value) == number->value) {
    return {static_cast<std::int64_t>(number->value), ""};
  }
  return {std::nullopt, std::string{expected}};
}

Parsed<bool> parse_flag(std::string_view text) {
  text = trim(text);
  if (text == "true" || text == "on" || text == "yes") {
    return {true, ""};
  }
  if (text == "false" || text == "off" || text == "no") {
    return {false, ""};
  }
  return {std::nullopt, "true or false (also on, off, yes, no)"};
}

std::string format_duration(Duration value) {
  return format_integer_quantity(duration_dimension, value.count());
}
std::string format_fine_duration(FineDuration value) {
  return format_real_quantity(duration_dimension, value.count());
}
std::string format_bytes(Bytes value) {
  return format_integer_quantity(bytes_dimension, value.count());
}
std::string format_bandwidth(BytesPerSecond value) {
  return format_real_quantity(bandwidth_dimension, value.count());
}
std::string format_flop_rate(FlopRate value) {
  return format_real_quantity(flop_dimension, value.count());
}
std::string format_frequency(Frequency value) {
  return format_real_quantity(frequency_dimension, value.count());
}
std::string format_watts(Watts value) {
  return format_real_quantity(watt_dimension, value.count());
}
std::string format_usd_per_hour(UsdPerHour value) {
  return format_real_quantity(hour_dimension, value.count());
}
std::string format_usd_per_million(UsdPerMillion value) {
  return format_real_quantity(million_dimension, value.count());
}

std::string format_usd_per_gb(UsdPerGb value) {
  return format_real_quantity(gb_dimension, value.count());
}
std::string format_usd_per_gb_month(UsdPerGbMonth value) {
  return format_real_quantity(gb_month_dimension, value.count());
}
std::string format_usd_per_month(UsdPerMonth value) {
  return format_real_quantity(month_dimension, value.count());
}

std::string format_number(double value) {
  std::array<char, 40> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return error == std::errc{} ? std::string{buffer.data(), end} : std::string{"0"};
}

std::string format_count(std::int64_t value) {
  std::array<char, 24> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return error == std::errc{} ? std::string{buffer.data(), end} : std::string{"0"};
}

}  // namespace plimsoll
