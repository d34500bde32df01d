// Autoscaler `cost_aware`: the number of instances at which rent and late answers cost least.
#include <algorithm>
#include <cmath>
#include <limits>

#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

/// M/M/n for n = 1, 2, 3, ... with arrival rate lambda and rate mu per server. Erlang B of n
/// servers follows from that of n - 1, so one walk up to n costs O(n).
class GrowingServers {
 public:
  GrowingServers(double lambda, double mu) : lambda_{lambda}, mu_{mu}, offered_{lambda / mu} {}

  void add_one() {
    ++n_;
    blocking_ = offered_ * blocking_ / (static_cast<double>(n_) + offered_ * blocking_);
  }
  std::int64_t count() const { return n_; }
  /// Share of requests that wait longer than `patience`: C(n, a) exp(-(n mu - lambda) patience),
  /// a = lambda / mu (Erlang 1917). Without a steady state what exceeds the capacity is late, and
  /// so is nearly everybody else.
  double late_share(double patience_seconds) const {
    const auto servers = static_cast<double>(n_);
    if (servers <= offered_) {
      return 1.0;
    }
    const double utilization = offered_ / servers;
    const double waits = blocking_ / (1 - utilization + utilization * blocking_);
    return waits * std::exp(-(servers * mu_ - lambda_) * patience_seconds);
  }

 private:
  double lambda_;
  double mu_;
  double offered_;
  double blocking_ = 1;  // Erlang B, by its recursion
  std::int64_t n_ = 0;
};

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
    const std::int64_t fewest = std::max<std::int64_t>(1, snapshot.minimum);
    const std::int64_t counted = std::max<std::int64_t>(1, current);
    const std::int64_t last = std::max({fewest, counted, std::int64_t{snapshot.maximum}});
    std::int64_t best = fewest;
    double least = std::numeric_limits<double>::infinity();
    double now = 0;
    GrowingServers servers{*snapshot.signal, rate_};
    while (servers.count() < last) {
      servers.add_one();
      const std::int64_t n = servers.count();
      const double cost = cost_of(servers, snapshot);
      now = n == counted ? cost : now;
      if (n >= fewest && (n == fewest || n <= snapshot.maximum) && cost < least) {
        least = cost;
        best = n;
      }
    }
    if (best == current || now - least <= saving_ * now) {
      return {current, ScalingReason::steady};
    }
    return {best, ScalingReason::cheaper};
  }

 private:
  /// $/h of so many instances at the rate that is seen.
  double cost_of(const GrowingServers& servers, const ScalingSnapshot& snapshot) const {
    const double rent = snapshot.dollars_per_hour > 0 ? snapshot.dollars_per_hour : rent_;
    const double lambda = *snapshot.signal;
    const double late = lambda > 0 ? servers.late_share(patience_) : 0.0;
    return static_cast<double>(servers.count()) * rent + 3600 * lambda * loss_ * late;
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
