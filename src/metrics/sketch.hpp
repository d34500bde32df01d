// Metrics room: the distribution of one latency, in bounded memory and with exact sums.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/int128.hpp"

namespace plimsoll {

/// An unsigned 192-bit sum: what squares of femtoseconds need. Only additions, all exact.
class WideSum {
 public:
  void add(Uint128 value) { add_limbs(static_cast<std::uint64_t>(value), high_half(value), 0); }
  /// Adds a x m, exactly.
  void add_product(Uint128 a, std::uint64_t m) {
    const Uint128 low = static_cast<Uint128>(static_cast<std::uint64_t>(a)) * m;
    const Uint128 high = static_cast<Uint128>(high_half(a)) * m + high_half(low);
    add_limbs(static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(high), high_half(high));
  }
  void add(const WideSum& other) { add_limbs(other.limb0_, other.limb1_, other.limb2_); }

  std::uint64_t limb(int i) const { return i == 0 ? limb0_ : (i == 1 ? limb1_ : limb2_); }
  bool operator==(const WideSum&) const = default;

 private:
  static std::uint64_t high_half(Uint128 value) { return static_cast<std::uint64_t>(value >> 64); }
  void add_limbs(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
    const Uint128 first = static_cast<Uint128>(limb0_) + a;
    const Uint128 second = static_cast<Uint128>(limb1_) + b + high_half(first);
    limb0_ = static_cast<std::uint64_t>(first);
    limb1_ = static_cast<std::uint64_t>(second);
    limb2_ += c + high_half(second);
  }

  std::uint64_t limb0_ = 0, limb1_ = 0, limb2_ = 0;
};

/// A mergeable sketch of int64 nanoseconds with a bounded relative error, after DDSketch (Masson,
/// Rim, Lee, VLDB 2019) with a log-linear integer mapping: 128 buckets per octave, values below
/// 256 ns exact. An estimate is its bucket's middle: off by at most 1/256 = 0.39 % of the true
/// order statistic. Count, sum, sum of squares, minimum and maximum are exact integers, so that a
/// sketch does not depend on the order of what was added or merged.
class LatencySketch {
 public:
  static constexpr double relative_error = 1.0 / 256.0;

  /// Adds one value; value_ns >= 0 (InternalError otherwise). About 3 ns.
  void add(std::int64_t value_ns) {
    if (value_ns < 0) {
      reject(value_ns, 1);
    }
    ++slot(bucket_of(value_ns));
    ++count_;
    sum_fs_ += static_cast<Int128>(value_ns) * fs_per_ns;
    squares_ns_ += static_cast<Uint128>(static_cast<std::uint64_t>(value_ns)) *
                   static_cast<std::uint64_t>(value_ns);
    note_range(value_ns, value_ns);
  }

  /// Adds the same value `weight` times; weight >= 1.
  void add(std::int64_t value_ns, std::int64_t weight) {
    if (value_ns < 0 || weight < 1) {
      reject(value_ns, weight);
    }
    slot(bucket_of(value_ns)) += weight;
    count_ += weight;
    sum_fs_ += static_cast<Int128>(value_ns) * fs_per_ns * weight;
    squares_ns_ += static_cast<Uint128>(static_cast<std::uint64_t>(value_ns)) *
                   static_cast<std::uint64_t>(value_ns) * static_cast<std::uint64_t>(weight);
    note_range(value_ns, value_ns);
  }

  /// Adds the durations first_fs + j slope_fs (femtoseconds), j = 0 .. steps-1, each `weight`
  /// times. A duration counts in the bucket of its nearest nanosecond (halves up) and in the sums
  /// unrounded, hence splitting a run changes nothing. O(buckets touched), not O(steps).
  /// first_fs, slope_fs, steps, weight >= 0; the last duration < 2^62 fs, weight < 2^22.
  void add_affine_run(std::int64_t first_fs, std::int64_t slope_fs, std::int64_t steps,
                      std::int64_t weight);

  /// Adds all that `other` holds.
  void merge(const LatencySketch& other);

  /// Forgets everything but the memory.
  void clear();

  std::int64_t count() const { return count_; }
  std::int64_t min_ns() const { return count_ == 0 ? 0 : min_; }
  std::int64_t max_ns() const { return count_ == 0 ? 0 : max_; }
  /// Exact sum in femtoseconds.
  Int128 sum_fs() const { return sum_fs_; }
  /// 0 when empty.
  double mean_ns() const;
  /// Population standard deviation, as numpy's and vLLM's; 0 when empty.
  double std_ns() const;

  /// The nearest-rank percentile: an estimate of the k-th smallest value with
  /// k = ceil(p / 100 x count), at least 1. p in 0 .. 100, taken to three decimals. Exact for the
  /// first and the last rank; 0 when empty.
  std::int64_t percentile_ns(double p) const;

  /// How many values lie in the bucket of `value_ns` or below it; value_ns >= 0.
  std::int64_t count_up_to(std::int64_t value_ns) const;

  /// Equal contents (memory reserved may differ).
  bool operator==(const LatencySketch& other) const;

  /// The bucket of a value, and what bounds and represents a bucket.
  static constexpr int bucket_of(std::int64_t value_ns) {
    const auto value = static_cast<std::uint64_t>(value_ns);
    const int shift = static_cast<int>(std::bit_width(value | 255U)) - 8;
    return shift * 128 + static_cast<int>(value >> shift);
  }
  static constexpr std::int64_t lowest_of(int bucket) {
    return bucket < 256 ? bucket
                        : static_cast<std::int64_t>((bucket & 127) + 128) << (bucket / 128 - 1);
  }
  static constexpr std::int64_t width_of(int bucket) {
    return bucket < 256 ? 1 : std::int64_t{1} << (bucket / 128 - 1);
  }
  static constexpr std::int64_t middle_of(int bucket) {
    return lowest_of(bucket) + (width_of(bucket) - 1) / 2;
  }

 private:
  static constexpr std::int64_t fs_per_ns = 1'000'000;

  [[noreturn]] static void reject(std::int64_t value_ns, std::int64_t weight);

  std::int64_t& slot(int bucket) {
    const auto position = static_cast<std::size_t>(bucket - first_bucket_);
    return position < counts_.size() ? counts_[position] : grow(bucket);
  }
  std::int64_t& grow(int bucket);
  void add_affine_sums(std::int64_t first_fs, std::int64_t slope_fs, std::int64_t steps,
                       std::int64_t weight);
  void note_range(std::int64_t low, std::int64_t high) {
    min_ = low < min_ ? low : min_;
    max_ = high > max_ ? high : max_;
  }

  std::vector<std::int64_t> counts_;  // of buckets first_bucket_, first_bucket_ + 1, ...
  int first_bucket_ = 0;
  std::int64_t count_ = 0;
  std::int64_t min_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t max_ = -1;
  Int128 sum_fs_ = 0;
  Uint128 squares_ns_ = 0;  // of single values
  WideSum squares_fs_;      // of runs
};

}  // namespace plimsoll
