// Laws of times up and of repairs.
#include "operations/fault_draws.hpp"

#include <algorithm>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/weibull_distribution.hpp>
#include <cmath>

#include "plimsoll/errors.hpp"

namespace plimsoll {

Duration draw_time_up(const FaultProcess& process, Draws& draws) {
  double share = 0;  // of the mean
  if (process.law == FaultLaw::weibull) {
    const double scale = 1.0 / std::tgamma(1.0 + 1.0 / process.shape);
    share = boost::random::weibull_distribution<double>{process.shape, scale}(draws);
  } else {
    PLIMSOLL_CHECK(process.law == FaultLaw::exponential, "a timeline has nothing to draw");
    share = boost::random::exponential_distribution<double>{1.0}(draws);
  }
  // A thousand mean times are as good as never, and stay within the clock's range.
  const double ns = std::min(share, 1000.0) * static_cast<double>(process.mtbf.count());
  constexpr double longest = 4e18;
  return Duration{std::max<std::int64_t>(1, std::llround(std::min(ns, longest)))};
}

RepairDraw draw_repair(const FaultProcess& process, Draws& draws) {
  PLIMSOLL_CHECK(!process.repair.empty(), "validated: a process that repeats has repairs");
  double all = 0;
  for (const RepairClass& repair : process.repair) {
    all += repair.share;
  }
  const double pick = draws.uniform();
  double rest = pick * all;
  RepairDraw draw;
  while (draw.repair_class + 1 < process.repair.size() &&
         rest >= process.repair[draw.repair_class].share) {
    rest -= process.repair[draw.repair_class].share;
    ++draw.repair_class;
  }
  const RepairClass& repair = process.repair[draw.repair_class];
  const double where = draws.uniform();
  const auto range = static_cast<double>((repair.maximum - repair.minimum).count());
  draw.length = repair.minimum + Duration{std::llround(where * range)};
  return draw;
}

Duration mean_repair(const FaultProcess& process) {
  double all = 0;
  double sum = 0;
  for (const RepairClass& repair : process.repair) {
    all += repair.share;
    sum += repair.share * static_cast<double>((repair.minimum + repair.maximum).count()) / 2;
  }
  return Duration{std::llround(sum / all)};
}

}  // namespace plimsoll
