// Cost room: whole micro-dollars from whole quantities.
#include "cost/amounts.hpp"

namespace plimsoll {

std::vector<MicroUsd> split(MicroUsd total, const std::vector<Int128>& weights) {
  std::vector<MicroUsd> parts(weights.size());
  Int128 whole = 0;
  for (const Int128 weight : weights) {
    whole += weight;
  }
  // Totals of 10^15 micro-dollars and weights below 2^76 stay within 128 bits; larger weights lose
  // digits that no micro-dollar depends on.
  constexpr Int128 largest = static_cast<Int128>(1) << 76;
  Int128 scale = 1;
  while (whole / scale >= largest) {
    scale *= 2;
  }
  Int128 scaled_whole = 0;
  for (const Int128 weight : weights) {
    scaled_whole += weight / scale;
  }
  Int128 before = 0;
  Int128 given = 0;
  for (std::size_t i = 0; i < parts.size() && scaled_whole > 0; ++i) {
    before += weights[i] / scale;
    const Int128 up_to_here = total.count() * before / scaled_whole;
    parts[i] = MicroUsd::of(static_cast<std::int64_t>(up_to_here - given));
    given = up_to_here;
  }
  return parts;
}

}  // namespace plimsoll
