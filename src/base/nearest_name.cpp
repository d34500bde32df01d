// Base: what the user may have meant.
#include "base/nearest_name.hpp"

#include <algorithm>

namespace plimsoll {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the usual table suffice, since a swap looks back two.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& names) {
  constexpr std::size_t longest_name = 64;  // nobody mistypes a name of this length
  std::string nearest;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const std::string& candidate : names) {
    if (name.size() > longest_name) {
      break;
    }
    std::size_t distance = edit_distance(name, candidate);
    if (name.size() >= 3 && candidate.size() > name.size() &&
        std::string_view{candidate}.starts_with(name)) {
      distance = std::min<std::size_t>(distance, 2);  // cut short: ttft for ttft_ms
    }
    if (distance < least && distance < std::max(name.size(), candidate.size())) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace plimsoll
