// What is told of a scaling loop, whatever it steers.
#pragma once

#include <string>

#include "operations/scaling_loop.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// A row of scaling.csv for `target`.
ScalingRow scaling_row(const std::string& target, const ScalingStep& step);

/// `mean`: instances rented, over time.
ScalingSummary scaling_summary(const std::string& target, const std::string& policy,
                               const ScalingLoop& loop, double mean);

}  // namespace plimsoll
