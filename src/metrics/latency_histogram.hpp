// Metrics room: a histogram as Prometheus has it, with the buckets of vLLM.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/int128.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Upper bounds of buckets in milliseconds, rising; one without a bound follows. Source: vLLM,
/// vllm/v1/metrics/loggers.py.
inline constexpr std::array<std::int64_t, 22> ttft_bounds_ms = {
    1,    5,    10,   20,   40,     60,     80,     100,    250,     500,     750,
    1000, 2500, 5000, 7500, 10'000, 20'000, 40'000, 80'000, 160'000, 640'000, 2'560'000};
inline constexpr std::array<std::int64_t, 21> request_bounds_ms = {
    300,    500,    800,    1000,   1500,    2000,    2500,    5000,    10'000,    15'000,   20'000,
    30'000, 40'000, 50'000, 60'000, 120'000, 240'000, 480'000, 960'000, 1'920'000, 7'680'000};
inline constexpr std::array<std::int64_t, 19> tpot_bounds_ms = {
    10,  25,   50,   75,   100,  150,    200,    300,    400,   500,
    750, 1000, 2500, 5000, 7500, 10'000, 20'000, 40'000, 80'000};

class LatencyHistogram {
 public:
  /// `bounds_ms` outlives it.
  explicit LatencyHistogram(std::span<const std::int64_t> bounds_ms)
      : bounds_ms_{bounds_ms}, counts_(bounds_ms.size() + 1, 0) {}

  /// A value equal to a bound is within it.
  void add(Duration value) {
    const std::int64_t ns = value.count();
    const auto bucket = std::lower_bound(
        bounds_ms_.begin(), bounds_ms_.end(), ns,
        [](std::int64_t bound, std::int64_t wanted) { return bound * ns_per_ms < wanted; });
    ++counts_[static_cast<std::size_t>(bucket - bounds_ms_.begin())];
    sum_ns_ += ns;
  }

  std::span<const std::int64_t> bounds_ms() const { return bounds_ms_; }
  /// By bucket, not cumulated; the last is the one without a bound.
  const std::vector<std::int64_t>& counts() const { return counts_; }
  Int128 sum_ns() const { return sum_ns_; }
  /// Series of one label set: buckets, sum and count.
  std::int64_t series() const { return static_cast<std::int64_t>(counts_.size()) + 2; }

 private:
  static constexpr std::int64_t ns_per_ms = 1'000'000;
  std::span<const std::int64_t> bounds_ms_;
  std::vector<std::int64_t> counts_;
  Int128 sum_ns_ = 0;
};

/// The quantile of `counts` observations in seconds, as Prometheus' histogram_quantile estimates
/// it: linear within its bucket, whose lower bound is 0 in the first; the highest bound for what
/// lies in the last. Negative when there are none.
inline double bucket_quantile(double quantile, std::span<const std::int64_t> bounds_ms,
                              std::span<const std::int64_t> counts) {
  std::int64_t all = 0;
  for (const std::int64_t count : counts) {
    all += count;
  }
  if (all == 0) {
    return -1;
  }
  const double rank = quantile * static_cast<double>(all);
  std::int64_t below = 0;
  for (std::size_t i = 0; i < bounds_ms.size(); ++i) {
    if (static_cast<double>(below + counts[i]) >= rank && counts[i] > 0) {
      const double low = i == 0 ? 0.0 : static_cast<double>(bounds_ms[i - 1]);
      const double high = static_cast<double>(bounds_ms[i]);
      const double share = (rank - static_cast<double>(below)) / static_cast<double>(counts[i]);
      return (low + (high - low) * share) / 1e3;
    }
    below += counts[i];
  }
  return static_cast<double>(bounds_ms.back()) / 1e3;
}

}  // namespace plimsoll
