// Workload: seconds written as decimal text to nanoseconds, exactly (no double on the way).
#pragma once

#include <cstdint>
#include <string_view>

#include "plimsoll/units.hpp"

namespace plimsoll {

enum class DecimalTime : std::uint8_t { ok, not_a_number, negative, too_large };

/// The longest time that is accepted, seconds (about 15 years).
inline constexpr std::int64_t max_decimal_seconds = 500'000'000;

/// Reads "12", "0.5", ".25", "1e-3", "+4.": an optional sign, digits with at most one point, an
/// optional exponent, nothing else. The nearest nanosecond of the decimal value, halves up. `out`
/// is set only when ok.
DecimalTime parse_decimal_seconds(std::string_view text, Duration& out);

}  // namespace plimsoll
