// Workload: decimal seconds, digit by digit.
#include "workload/decimal_time.hpp"

#include <algorithm>

namespace plimsoll {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// A number split into its digits and the power of ten of the first one.
struct Decimal {
  bool negative = false;
  std::string_view digits;  // may hold one point
  std::int64_t exponent = 0;
};

bool split_exponent(std::string_view text, std::int64_t& exponent) {
  const bool negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    text.remove_prefix(1);
  }
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) {
    return false;
  }
  exponent = 0;
  for (const char c : text) {
    exponent = std::min<std::int64_t>(exponent * 10 + (c - '0'), 1'000'000);
  }
  exponent = negative ? -exponent : exponent;
  return true;
}

bool split(std::string_view text, Decimal& out) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    out.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  const std::size_t e = text.find_first_of("eE");
  out.digits = text.substr(0, e);
  if (e != std::string_view::npos && !split_exponent(text.substr(e + 1), out.exponent)) {
    return false;
  }
  bool any_digit = false;
  int points = 0;
  for (const char c : out.digits) {
    any_digit = any_digit || is_digit(c);
    points += c == '.' ? 1 : 0;
    if (!is_digit(c) && c != '.') {
      return false;
    }
  }
  return any_digit && points <= 1;
}

}  // namespace

DecimalTime parse_decimal_seconds(std::string_view text, Duration& out) {
  constexpr std::int64_t limit = max_decimal_seconds * 1'000'000'000;
  Decimal number;
  if (!split(text, number)) {
    return DecimalTime::not_a_number;
  }
  const std::size_t point = std::min(number.digits.find('.'), number.digits.size());
  // Power of ten, in nanoseconds, of the digit at hand.
  std::int64_t power = static_cast<std::int64_t>(point) - 1 + number.exponent + 9;
  std::int64_t ns = 0;
  bool zero = true;
  for (const char c : number.digits) {
    if (c == '.') {
      continue;
    }
    const int digit = c - '0';
    zero = zero && digit == 0;
    if (power >= 0) {
      ns = ns * 10 + digit;
    } else if (power == -1 && digit >= 5) {
      ns += 1;
    }
    if (ns > limit) {
      return number.negative ? DecimalTime::negative : DecimalTime::too_large;
    }
    --power;
  }
  // Zeros that the exponent implies behind the last digit: none when the value is zero.
  for (; power >= 0 && !zero; --power) {
    ns *= 10;
    if (ns > limit) {
      return number.negative ? DecimalTime::negative : DecimalTime::too_large;
    }
  }
  if (number.negative && !zero) {
    return DecimalTime::negative;
  }
  out = Duration{ns};
  return DecimalTime::ok;
}

}  // namespace plimsoll
