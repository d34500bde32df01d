// Zipf's law in groups of like ranks.
#include "service/popularity.hpp"

#include <algorithm>
#include <cmath>

namespace plimsoll {
namespace {

constexpr std::int64_t alone = 2048;  // ranks that stand for themselves
constexpr std::int64_t groups_per_rank = 256;

/// The integral of x^-s from a to b.
double mass_between(double a, double b, double s) {
  if (s == 1.0) {
    return std::log(b / a);
  }
  return (std::pow(b, 1 - s) - std::pow(a, 1 - s)) / (1 - s);
}

}  // namespace

Popularity::Popularity(std::int64_t objects, double exponent) {
  double total = 0;
  std::int64_t rank = 0;
  while (rank < objects) {
    Group group;
    group.first = rank;
    const std::int64_t width = rank < alone ? 1 : std::max<std::int64_t>(1, rank / groups_per_rank);
    group.count = std::min(width, objects - rank);
    const auto place = static_cast<double>(rank + 1);
    const double mass =
        group.count == 1
            ? std::pow(place, -exponent)
            : mass_between(place - 0.5, place - 0.5 + static_cast<double>(group.count), exponent);
    group.share = mass / static_cast<double>(group.count);
    total += mass;
    groups_.push_back(group);
    rank += group.count;
  }
  double sum = 0;
  for (Group& group : groups_) {
    group.share /= total;
    sum += group.share * static_cast<double>(group.count);
    cumulative_.push_back(sum);
  }
  cumulative_.back() = 2;  // rounding leaves no gap below 1
  constexpr std::size_t cells = std::size_t{1} << (32 - guide_shift);
  std::uint32_t group = 0;
  for (std::size_t cell = 0; cell < cells; ++cell) {
    while (cumulative_[group] < static_cast<double>(cell) / static_cast<double>(cells)) {
      ++group;
    }
    guide_.push_back(group);
  }
}

}  // namespace plimsoll
