// Usage by key, and alarms when a key uses far more than it used to.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/engine.hpp"
#include "plimsoll/path_config.hpp"

namespace plimsoll {

/// Sums each key's tokens over intervals. At the end of an interval a key is anomalous when its sum
/// lies more than z standard deviations above its exponentially weighted moving mean (West, CACM
/// 22(9), 1979, for the variance); intervals without use count as 0. The deviation is taken to be
/// at least a tenth of the mean, so that a steady key is not flagged for a trifle.
///
/// A key that is seen for the first time, or seldom, has next to no mean: it must exceed
/// least_tokens as well. Where the scenario does not say these, they are z standard deviations
/// above the mean of all keys' intervals in use before this one. Anomalous intervals enter no mean.
/// O(keys in use) per interval.
class Metering {
 public:
  struct Alarm {
    std::uint32_t key = 0;
    double tokens = 0;
    double expected = 0;
  };

  Metering(const MeteringConfig& config, std::uint32_t keys, Engine& engine,
           std::function<void(const Alarm&)> on_alarm);

  /// Tokens that were used at now().
  void add(std::uint32_t key, std::int64_t tokens);

 private:
  struct Key {
    double mean = 0;
    double variance = 0;
    std::int64_t tokens = 0;  // in the current interval
    std::int64_t judged = 0;  // intervals that have entered the mean, used or not
    std::int32_t in_a_row = 0;
  };
  static void on_interval(void* metering, std::uint64_t);
  void end_interval();
  void judge(std::uint32_t key);
  void fold_in(Key& key, double tokens) const;
  double least_tokens() const;

  MeteringConfig config_;
  Engine& engine_;
  std::function<void(const Alarm&)> on_alarm_;
  TimerId timer_;
  std::int64_t intervals_ = 0;  // that ended
  std::vector<Key> keys_;
  // Of all keys' intervals in use that were not anomalous, by Welford's recursion:
  double fleet_count_ = 0;
  double fleet_mean_ = 0;
  double fleet_squares_ = 0;         // sum of the squared deviations
  double least_ = 0;                 // least_tokens of the interval that is judged
  std::vector<std::uint32_t> used_;  // keys with tokens in the current interval
};

}  // namespace plimsoll
