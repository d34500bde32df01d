// Workload: the shares of classes over time.
#include "workload/class_mix.hpp"

#include <algorithm>
#include <chrono>

#include "plimsoll/errors.hpp"
#include "workload/user_demand.hpp"

namespace plimsoll {
namespace {

constexpr Duration hour = std::chrono::hours{1};

/// By class, its part of the requests of its tier.
std::vector<double> parts_of_tiers(const Config& config) {
  std::vector<double> sums(config.tiers.size());
  for (const RequestClassConfig& one : config.workload.classes) {
    sums[one.tier] += one.share;
  }
  std::vector<double> parts;
  for (const RequestClassConfig& one : config.workload.classes) {
    parts.push_back(sums[one.tier] > 0 ? one.share / sums[one.tier] : 0.0);
  }
  return parts;
}

}  // namespace

ClassMix::ClassMix(const Config& config) : classes_{config.workload.classes.size()} {
  PLIMSOLL_CHECK(config.workload.users.has_value(), "only users have tiers that grow apart");
  const UserDemand demand{config};
  const std::vector<double> parts = parts_of_tiers(config);
  const auto& tiers = config.workload.users->tiers;
  for (Duration t{}; t <= config.duration; t += hour) {
    std::vector<double> of_tier(config.tiers.size());
    for (std::size_t k = 0; k < tiers.size(); ++k) {
      // The middle of the hour stands for it.
      of_tier[tiers[k].tier] += demand.daily_requests(k, t + hour / 2);
    }
    double sum = 0;
    for (std::size_t c = 0; c < classes_; ++c) {
      sum += parts[c] * of_tier[config.workload.classes[c].tier];
      table_.push_back(sum);
    }
  }
}

const double* ClassMix::at(SimTime t) const {
  const auto row = static_cast<std::size_t>(t.time_since_epoch() / hour);
  return table_.data() + std::min(row, table_.size() / classes_ - 1) * classes_;
}

ShapedShares::ShapedShares(const std::vector<RequestClassConfig>& classes)
    : cumulative_(classes.size()) {
  double sum = 0;
  for (const RequestClassConfig& one : classes) {
    sum += one.share;
    plain_.push_back(sum);
    ArrivalConfig share;
    share.rate = Frequency::of(one.share);
    share.shapes = one.shapes;
    shares_.emplace_back(share);
  }
}

const double* ShapedShares::at(SimTime t) {
  double sum = 0;
  for (std::size_t c = 0; c < shares_.size(); ++c) {
    sum += shares_[c].rate_at(t);
    cumulative_[c] = sum;
  }
  return sum > 0 ? cumulative_.data() : plain_.data();
}

}  // namespace plimsoll
