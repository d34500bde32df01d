// Cost room: whole micro-dollars from whole quantities.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "metrics/sketch.hpp"  // Int128
#include "plimsoll/units.hpp"

namespace plimsoll {

/// A unit price in whole nano-dollars, so that no product of money is a double.
struct UnitPrice {
  std::int64_t nano = 0;

  static UnitPrice of(double dollars) { return UnitPrice{std::llround(dollars * 1e9)}; }
};

/// quantity / unit x price, rounded once, halves up. quantity >= 0; quantity x price < 2^126.
inline MicroUsd amount_of(Int128 quantity, Int128 unit, UnitPrice price) {
  const Int128 per_micro = unit * 1000;
  return MicroUsd::of(
      static_cast<std::int64_t>((quantity * price.nano + per_micro / 2) / per_micro));
}

/// `total` in parts in proportion to `weights` (none negative), each off by less than one
/// micro-dollar; they add up to `total` exactly. All zero when no weight is above 0.
std::vector<MicroUsd> split(MicroUsd total, const std::vector<Int128>& weights);

}  // namespace plimsoll
