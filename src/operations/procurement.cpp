// How long machines take to come, at what contract, and when spot ones are taken back.
#include "operations/procurement.hpp"

#include <algorithm>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/lognormal_distribution.hpp>
#include <cmath>

namespace plimsoll {
namespace {

/// Longer than any scenario, and within the clock's range.
constexpr double longest_seconds = 10.0 * 365 * 86'400;

}  // namespace

Procurement::Procurement(const Config& config, PoolIndex pool)
    : pool_{config.pools[pool]},
      pool_index_{pool},
      lead_stream_{config.seed, "lead_time"},
      reclaim_stream_{config.seed, "spot_reclaim"} {
}

Duration wait_for_stock(const std::vector<StockOutConfig>& stock_outs, SimTime now) {
  SimTime available = now;
  for (const StockOutConfig& out : stock_outs) {
    if (sim_start + out.at <= available && available < sim_start + out.at + out.lasting) {
      available = sim_start + out.at + out.lasting;
    }
  }
  return available - now;
}

Duration draw_lead_time(const DurationLaw& law, Draws draws) {
  if (law.cv == 0 || law.mean == Duration::zero()) {
    return law.mean;
  }
  const double variance = std::log1p(law.cv * law.cv);
  boost::random::lognormal_distribution<double> lognormal{
      std::log(to_seconds(law.mean)) - variance / 2, std::sqrt(variance)};
  return from_seconds(std::min(lognormal(draws), longest_seconds));
}

Duration Procurement::stock_out(SimTime now) const {
  return pool_.procurement ? wait_for_stock(pool_.procurement->stock_outs, now) : Duration::zero();
}

Duration Procurement::lead_time(std::uint64_t order) const {
  return pool_.procurement
             ? draw_lead_time(pool_.procurement->lead_time, lead_stream_.of(entity(order)))
             : Duration::zero();
}

Contract Procurement::contract_of(std::size_t slot) const {
  if (!pool_.procurement) {
    return pool_.contract;
  }
  const auto reserved = static_cast<std::size_t>(pool_.procurement->reserved);
  const auto spot =
      static_cast<std::size_t>(pool_.procurement->spot ? pool_.procurement->spot->replicas : 0);
  if (slot < reserved) {
    return Contract::reserved;
  }
  return slot < reserved + spot ? Contract::spot : pool_.contract;
}

std::optional<Duration> Procurement::reclaimed_after(std::size_t slot, std::uint64_t order) const {
  if (!pool_.procurement || !pool_.procurement->spot || contract_of(slot) != Contract::spot) {
    return std::nullopt;
  }
  boost::random::exponential_distribution<double> exponential{
      1.0 / to_seconds(pool_.procurement->spot->reclaim_mean)};
  Draws draws = reclaim_stream_.of(entity(order));
  return from_seconds(std::min(exponential(draws), longest_seconds));
}

Duration Procurement::notice() const {
  return pool_.procurement && pool_.procurement->spot ? pool_.procurement->spot->notice
                                                      : Duration::zero();
}

bool Procurement::replaces() const {
  return !pool_.autoscale && pool_.procurement && pool_.procurement->spot &&
         pool_.procurement->spot->replace;
}

}  // namespace plimsoll
