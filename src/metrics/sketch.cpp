// Metrics room: growing, merging and reading sketches.
#include "metrics/sketch.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

using Wide = boost::multiprecision::int512_t;

constexpr std::int64_t fs_per_ns = 1'000'000;
constexpr int bucket_alignment = 64;  // counts grow by half octaves
// Runs are added in pieces so short that steps^3 x weight stays below 2^64.
constexpr std::int64_t longest_piece = std::int64_t{1} << 14;
constexpr std::int64_t heaviest_weight = std::int64_t{1} << 22;
constexpr std::int64_t longest_step_fs = std::int64_t{1} << 62;

std::int64_t rounded_ns(std::int64_t fs) {
  return (fs + fs_per_ns / 2) / fs_per_ns;
}

Wide to_wide(Uint128 value) {
  Wide wide = static_cast<std::uint64_t>(value >> 64);
  wide <<= 64;
  wide += static_cast<std::uint64_t>(value);
  return wide;
}

}  // namespace

void LatencySketch::reject(std::int64_t value_ns, std::int64_t weight) {
  throw InternalError(
      fmt::format("a latency of {} ns with weight {} was added to a sketch", value_ns, weight));
}

std::int64_t& LatencySketch::grow(int bucket) {
  int low = bucket / bucket_alignment * bucket_alignment;
  int high = low + bucket_alignment;
  if (!counts_.empty()) {
    low = std::min(low, first_bucket_);
    high = std::max(high, first_bucket_ + static_cast<int>(counts_.size()));
  }
  std::vector<std::int64_t> wider(static_cast<std::size_t>(high - low));
  std::copy(counts_.begin(), counts_.end(),
            wider.begin() + (counts_.empty() ? 0 : first_bucket_ - low));
  counts_.swap(wider);
  first_bucket_ = low;
  return counts_[static_cast<std::size_t>(bucket - low)];
}

void LatencySketch::add_affine_sums(std::int64_t first_fs, std::int64_t slope_fs,
                                    std::int64_t steps, std::int64_t weight) {
  const std::int64_t twice_pairs = steps * (steps - 1);  // 2 x (0 + 1 + ... + steps-1)
  const std::int64_t square_sum = twice_pairs * (2 * steps - 1) / 6;
  sum_fs_ +=
      (static_cast<Int128>(first_fs) * steps + static_cast<Int128>(slope_fs) * (twice_pairs / 2)) *
      weight;
  const auto first = static_cast<Uint128>(static_cast<std::uint64_t>(first_fs));
  const auto slope = static_cast<Uint128>(static_cast<std::uint64_t>(slope_fs));
  squares_fs_.add_product(first * first, static_cast<std::uint64_t>(steps * weight));
  squares_fs_.add_product(first * slope, static_cast<std::uint64_t>(twice_pairs * weight));
  squares_fs_.add_product(slope * slope, static_cast<std::uint64_t>(square_sum * weight));
}

void LatencySketch::add_affine_run(std::int64_t first_fs, std::int64_t slope_fs, std::int64_t steps,
                                   std::int64_t weight) {
  if (steps == 0 || weight == 0) {
    return;
  }
  PLIMSOLL_CHECK(
      first_fs >= 0 && slope_fs >= 0 && steps > 0 && weight > 0 && weight < heaviest_weight,
      "a run of steps has non-negative durations and a sane weight");
  PLIMSOLL_CHECK(first_fs < longest_step_fs &&
                     (slope_fs == 0 || steps - 1 <= (longest_step_fs - first_fs) / slope_fs),
                 "a step lasts less than 2^62 fs");
  for (std::int64_t done = 0; done < steps; done += longest_piece) {
    add_affine_sums(first_fs + done * slope_fs, slope_fs, std::min(longest_piece, steps - done),
                    weight);
  }
  const std::int64_t last_ns = rounded_ns(first_fs + (steps - 1) * slope_fs);
  note_range(rounded_ns(first_fs), last_ns);
  count_ += steps * weight;
  const int last_bucket = bucket_of(last_ns);
  std::int64_t done = 0;
  for (int bucket = bucket_of(rounded_ns(first_fs)); bucket < last_bucket;
       bucket = bucket_of(rounded_ns(first_fs + done * slope_fs))) {
    // The first duration that rounds to beyond this bucket, in fs.
    const std::int64_t beyond = (lowest_of(bucket) + width_of(bucket)) * fs_per_ns - fs_per_ns / 2;
    const std::int64_t reached = (beyond - 1 - first_fs) / slope_fs + 1;
    slot(bucket) += (reached - done) * weight;
    done = reached;
  }
  slot(last_bucket) += (steps - done) * weight;
}

void LatencySketch::merge(const LatencySketch& other) {
  if (other.count_ == 0) {
    return;
  }
  slot(bucket_of(other.min_));
  slot(bucket_of(other.max_));
  const int low = bucket_of(other.min_);
  const int high = bucket_of(other.max_);
  std::int64_t* to = &counts_[static_cast<std::size_t>(low - first_bucket_)];
  const std::int64_t* from = &other.counts_[static_cast<std::size_t>(low - other.first_bucket_)];
  for (int i = 0; i <= high - low; ++i) {
    to[i] += from[i];
  }
  count_ += other.count_;
  sum_fs_ += other.sum_fs_;
  squares_ns_ += other.squares_ns_;
  squares_fs_.add(other.squares_fs_);
  note_range(other.min_, other.max_);
}

void LatencySketch::clear() {
  if (count_ == 0) {
    return;
  }
  std::fill(counts_.begin(), counts_.end(), 0);
  count_ = 0;
  min_ = std::numeric_limits<std::int64_t>::max();
  max_ = -1;
  sum_fs_ = 0;
  squares_ns_ = 0;
  squares_fs_ = WideSum{};
}

double LatencySketch::mean_ns() const {
  if (count_ == 0) {
    return 0;
  }
  // Whole nanoseconds and the rest apart: a mean of equal values is that value.
  const Int128 divisor = static_cast<Int128>(count_) * fs_per_ns;
  return static_cast<double>(sum_fs_ / divisor) +
         static_cast<double>(sum_fs_ % divisor) / static_cast<double>(divisor);
}

double LatencySketch::std_ns() const {
  if (count_ == 0) {
    return 0;
  }
  // n sum(x^2) - (sum x)^2 in integers: equal values give exactly 0.
  const Wide squares = (((Wide{squares_fs_.limb(2)} << 64) + squares_fs_.limb(1)) << 64) +
                       squares_fs_.limb(0) + to_wide(squares_ns_) * fs_per_ns * fs_per_ns;
  const Wide sum = to_wide(static_cast<Uint128>(sum_fs_));
  const Wide scaled = squares * count_ - sum * sum;
  return std::sqrt(scaled.convert_to<double>()) / static_cast<double>(count_) / 1e6;
}

std::int64_t LatencySketch::percentile_ns(double p) const {
  if (count_ == 0) {
    return 0;
  }
  const auto thousandths = static_cast<Int128>(std::llround(p * 1000.0));
  const auto rank = std::max<std::int64_t>(
      1, static_cast<std::int64_t>((thousandths * count_ + 99'999) / 100'000));
  if (rank <= 1) {
    return min_;
  }
  if (rank >= count_) {
    return max_;
  }
  std::int64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) {
      return std::clamp(middle_of(first_bucket_ + static_cast<int>(i)), min_, max_);
    }
  }
  return max_;
}

std::int64_t LatencySketch::count_up_to(std::int64_t value_ns) const {
  const int last = bucket_of(value_ns) - first_bucket_;
  std::int64_t seen = 0;
  for (int i = 0; i <= last && i < static_cast<int>(counts_.size()); ++i) {
    seen += counts_[static_cast<std::size_t>(i)];
  }
  return seen;
}

bool LatencySketch::operator==(const LatencySketch& other) const {
  if (count_ != other.count_ || min_ != other.min_ || max_ != other.max_ ||
      sum_fs_ != other.sum_fs_ || squares_ns_ != other.squares_ns_ ||
      squares_fs_ != other.squares_fs_) {
    return false;
  }
  if (count_ == 0) {
    return true;
  }
  const auto mine = counts_.begin() + (bucket_of(min_) - first_bucket_);
  const auto theirs = other.counts_.begin() + (bucket_of(min_) - other.first_bucket_);
  return std::equal(mine, mine + (bucket_of(max_) - bucket_of(min_) + 1), theirs);
}

}  // namespace plimsoll
