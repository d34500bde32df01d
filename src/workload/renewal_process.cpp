// Workload: gaps drawn in operational time, mapped through the inverse of the integrated rate.
#include "workload/renewal_process.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace plimsoll {
namespace {

boost::random::gamma_distribution<double> unit_gamma(double cv) {
  const double variance = cv > 0.0 ? cv * cv : 1.0;
  return boost::random::gamma_distribution<double>{1.0 / variance, variance};
}

/// Where the integral of r + slope x reaches `need` > 0 (r + slope x stays >= 0 until there). The
/// form that does not cancel for slopes of either sign.
double inverse_integral(double need, double r, double slope) {
  if (slope == 0.0) {
    return need / r;
  }
  const double square = r * r + 2.0 * slope * need;
  return 2.0 * need / (r + std::sqrt(std::max(0.0, square)));
}

}  // namespace

RenewalProcess::RenewalProcess(const ArrivalConfig& arrivals, std::uint64_t seed,
                               std::vector<PlayedWindow> played)
    : process_{arrivals.process},
      cv_{arrivals.cv},
      stream_{seed, "arrivals"},
      gamma_{unit_gamma(arrivals.cv)},
      schedule_{arrivals, std::move(played)},
      piece_{schedule_.piece_at(sim_start)} {
}

bool RenewalProcess::next(RequestId id, SimTime& at) {
  if (!advance(draw_gap(id))) {
    return false;
  }
  at = SimTime{Duration{ns_ + (fraction_ >= 0.5 ? 1 : 0)}};
  return true;
}

double RenewalProcess::draw_gap(RequestId id) const {
  Draws draws = stream_.of(id);
  if (process_ == ArrivalProcess::gamma) {
    // Gaps without variance are all 1.
    auto gamma = gamma_;
    return cv_ > 0.0 ? gamma(draws) : 1.0;
  }
  return exponential_(draws);
}

bool RenewalProcess::advance(double need) {
  constexpr double per_ns = 1e-9;
  while (need > 0.0) {
    const std::int64_t begin = piece_.begin.time_since_epoch().count();
    const std::int64_t end = piece_.end.time_since_epoch().count();
    const double span = static_cast<double>(end - ns_) - fraction_;
    const double slope =
        (piece_.rate_end - piece_.rate_begin) * per_ns / static_cast<double>(end - begin);
    const double passed = static_cast<double>(ns_ - begin) + fraction_;
    const double rate = std::max(0.0, piece_.rate_begin * per_ns + slope * passed);
    const double area = 0.5 * (rate + piece_.rate_end * per_ns) * span;
    if (need < area) {
      const double moved = fraction_ + inverse_integral(need, rate, slope);
      if (moved < static_cast<double>(end - ns_)) {
        const double whole = std::floor(moved);
        ns_ += static_cast<std::int64_t>(whole);
        fraction_ = moved - whole;
        return true;
      }
    }
    if (piece_.end == never) {
      return false;
    }
    need = std::max(0.0, need - area);
    ns_ = end;
    fraction_ = 0.0;
    piece_ = schedule_.piece_at(piece_.end);
  }
  return true;
}

}  // namespace plimsoll
