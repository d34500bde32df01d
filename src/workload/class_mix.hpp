// Workload: the shares of classes as tiers of users grow apart.
#pragma once

#include <vector>

#include "plimsoll/config.hpp"
#include "workload/rate_schedule.hpp"

namespace plimsoll {

/// A class has the requests of its tier in proportion to its share within it. Tabulated every
/// hour; the middle of an hour stands for it.
class ClassMix {
 public:
  explicit ClassMix(const Config& config);

  /// Shares cumulative over the classes, not normalized.
  const double* at(SimTime t) const;

 private:
  std::size_t classes_;
  std::vector<double> table_;  // rows of classes_ numbers
};

/// Shares of classes that have shapes, as they are at a moment.
class ShapedShares {
 public:
  explicit ShapedShares(const std::vector<RequestClassConfig>& classes);

  /// Shares cumulative over the classes, not normalized, until the next call. Where shapes leave
  /// nothing of any class they do not count.
  const double* at(SimTime t);

 private:
  std::vector<double> plain_;
  std::vector<RateSchedule> shares_;
  std::vector<double> cumulative_;
};

}  // namespace plimsoll
