// Autoscaler `cost_aware`: the number of instances at which rent and late answers cost least.
#include <algorithm>
#include <cmath>

#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

/// Share of requests that wait longer than `patience` in M/M/n with arrival rate lambda and rate mu
/// per server: C(n, a) exp(-(n mu - lambda) patience), a = lambda / mu (Erlang 1917). Without a
/// steady state what exceeds the capacity is late, and so is nearly everybody else.
double late_share(std::int64_t n, double lambda, double mu, double patience_seconds) {
  const double offered = lambda / mu;
  if (static_cast<double>(n) <= offered) {
    return 1.0;
  }
  double blocking = 1;  // Erlang B, by its recursion
  for (std::int64_t k = 1; k <= n; ++k) {
    blocking = offered * blocking / (static_cast<double>(k) + offered * blocking);
  }
  const double utilization = offered / static_cast<double>(n);
  const double waits = blocking / (1 - utilization + utilization * blocking);
  return waits * std::exp(-(static_cast<double>(n) * mu - lambda) * patience_seconds);
}

class CostAware final : public Autoscaler {
 public:
  explicit CostAware(const PolicyParams& params)
      : rate_{params.ratio("rate_per_replica")},
        patience_{to_seconds(params.duration("patience"))},
        loss_{params.ratio("dollars_per_late_request")},
        rent_{params.ratio("dollars_per_replica_hour")},
        saving_{params.ratio("least_saving")} {}

  ScalingSignal signal() const override { return ScalingSignal::arrival_rate; }

  ScalingDecision decide(const ScalingSnapshot& snapshot) override {
    const std::int64_t current = snapshot.current();
    if (!snapshot.signal) {
      return {current, ScalingReason::no_signal};
    }
    std::int64_t best = std::max<std::int64_t>(1, snapshot.minimum);
    double least = cost_of(best, snapshot);
    for (std::int64_t n = best + 1; n <= snapshot.maximum; ++n) {
      const double cost = cost_of(n, snapshot);
      if (cost < least) {
        least = cost;
        best = n;
      }
    }
    const double now = cost_of(std::max<std::int64_t>(1, current), snapshot);
    if (best == current || now - least <= saving_ * now) {
      return {current, ScalingReason::steady};
    }
    return {best, ScalingReason::cheaper};
  }

 private:
  /// $/h of n instances at the rate that is seen.
  double cost_of(std::int64_t n, const ScalingSnapshot& snapshot) const {
    const double rent = snapshot.dollars_per_hour > 0 ? snapshot.dollars_per_hour : rent_;
    const double lambda = *snapshot.signal;
    const double late = lambda > 0 ? late_share(n, lambda, rate_, patience_) : 0.0;
    return static_cast<double>(n) * rent + 3600 * lambda * loss_ * late;
  }

  double rate_;
  double patience_;
  double loss_;
  double rent_;
  double saving_;
};

}  // namespace

PolicyEntry<Autoscaler> cost_aware_autoscaler_entry() {
  return {{"cost_aware",
           "The number of instances at which rent plus the loss on late answers is least, by the "
           "waiting times of M/M/n at the arrival rate that is seen.",
           {{"rate_per_replica", ParamKind::rate, "1/s",
             "Requests per second that an instance sustains.", 1e-6, 1e9},
            {"patience", ParamKind::duration, "2s", "A longer wait is late.", 0, 3.6e12},
            {"dollars_per_late_request", ParamKind::ratio, "0.01", "What a late answer costs, $.",
             0, 1e6},
            {"dollars_per_replica_hour", ParamKind::ratio, "1",
             "Rent of an instance where the pool has no price, $.", 0, 1e6},
            {"least_saving", ParamKind::ratio, "5%", "A change must save that share of the cost.",
             0, 1}}},
          [](const PolicyParams& params) { return std::make_unique<CostAware>(params); }};
}

}  // namespace plimsoll
