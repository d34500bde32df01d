// Base: moments of the calendar from and to text; UTC only.
#include <fmt/core.h>

#include "base/unit_text.hpp"

namespace plimsoll {
namespace {

/// Reads `digits` decimal digits at `at`; -1 when they are not there.
int number_at(std::string_view text, std::size_t at, std::size_t digits) {
  if (text.size() < at + digits) {
    return -1;
  }
  int value = 0;
  for (const char c : text.substr(at, digits)) {
    if (c < '0' || c > '9') {
      return -1;
    }
    value = 10 * value + (c - '0');
  }
  return value;
}

bool is_form(std::string_view text, std::string_view form) {
  if (text.size() != form.size()) {
    return false;
  }
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == '0' ? !digit : text[i] != form[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

Parsed<UtcTime> parse_utc(std::string_view text) {
  const Parsed<UtcTime> refused{
      std::nullopt, "a date such as 2022-11-30 or a moment such as 2022-11-30T18:00:00Z, UTC"};
  const bool moment = is_form(text, "0000-00-00T00:00:00Z");
  if (!moment && !is_form(text, "0000-00-00")) {
    return refused;
  }
  const std::chrono::year_month_day date{
      std::chrono::year{number_at(text, 0, 4)},
      std::chrono::month{static_cast<unsigned>(number_at(text, 5, 2))},
      std::chrono::day{static_cast<unsigned>(number_at(text, 8, 2))}};
  if (!date.ok() || date.year() < std::chrono::year{1970} ||
      date.year() > std::chrono::year{2199}) {
    return refused;
  }
  UtcTime time = std::chrono::sys_days{date};
  if (moment) {
    const int hours = number_at(text, 11, 2);
    const int minutes = number_at(text, 14, 2);
    const int seconds = number_at(text, 17, 2);
    if (hours > 23 || minutes > 59 || seconds > 59) {
      return refused;
    }
    time +=
        std::chrono::hours{hours} + std::chrono::minutes{minutes} + std::chrono::seconds{seconds};
  }
  return {time, ""};
}

std::string format_utc(UtcTime value) {
  const auto day = std::chrono::floor<std::chrono::days>(value);
  const std::chrono::year_month_day date{day};
  const std::string text =
      fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  const auto rest = (value - day).count();
  return rest == 0
             ? text
             : fmt::format("{}T{:02}:{:02}:{:02}Z", text, rest / 3600, rest / 60 % 60, rest % 60);
}

}  // namespace plimsoll
