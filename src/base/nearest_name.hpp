// Base: what the user may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace plimsoll {

/// Damerau-Levenshtein distance (insertions, deletions, substitutions, swaps of neighbours).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The name nearest to `name`, or empty when none is near enough to be meant. Ties go to the
/// first.
std::string nearest_name(std::string_view name, const std::vector<std::string>& names);

}  // namespace plimsoll
