// Draws of the times that orders take and machines stay.
#include "operations/duration_law.hpp"

#include <algorithm>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/lognormal_distribution.hpp>
#include <cmath>

namespace plimsoll {
namespace {

/// Longer than any scenario, and within the clock's range.
constexpr double longest_seconds = 10.0 * 365 * 86'400;

}  // namespace

Duration draw_duration(const DurationLaw& law, Draws draws) {
  if (law.cv == 0 || law.mean == Duration::zero()) {
    return law.mean;
  }
  const double variance = std::log1p(law.cv * law.cv);
  boost::random::lognormal_distribution<double> lognormal{
      std::log(to_seconds(law.mean)) - variance / 2, std::sqrt(variance)};
  return from_seconds(std::min(lognormal(draws), longest_seconds));
}

Duration draw_exponential(Duration mean, Draws draws) {
  boost::random::exponential_distribution<double> exponential{1.0 / to_seconds(mean)};
  return from_seconds(std::min(exponential(draws), longest_seconds));
}

Duration wait_for_stock(const std::vector<StockOutConfig>& outs, SimTime now) {
  SimTime available = now;
  for (const StockOutConfig& out : outs) {  // one may follow another
    if (sim_start + out.at <= available && available < sim_start + out.at + out.lasting) {
      available = sim_start + out.at + out.lasting;
    }
  }
  return available - now;
}

}  // namespace plimsoll
