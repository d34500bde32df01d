// How long machines take to come, at what contract, and when spot ones are taken back.
#include "operations/procurement.hpp"

#include "operations/duration_law.hpp"

namespace plimsoll {

Procurement::Procurement(const Config& config, PoolIndex pool)
    : pool_{config.pools[pool]},
      pool_index_{pool},
      lead_stream_{config.seed, "lead_time"},
      reclaim_stream_{config.seed, "spot_reclaim"} {
}

Duration Procurement::stock_out(SimTime now) const {
  return pool_.procurement ? wait_for_stock(pool_.procurement->stock_outs, now) : Duration::zero();
}

Duration Procurement::lead_time(std::size_t slot, std::uint64_t order) const {
  if (const OfferConfig* const offer = offer_of(slot)) {
    return draw_duration(offer->lead_time, lead_stream_.of(entity(order)));
  }
  return pool_.procurement
             ? draw_duration(pool_.procurement->lead_time, lead_stream_.of(entity(order)))
             : Duration::zero();
}

Contract Procurement::contract_of(std::size_t slot) const {
  if (const OfferConfig* const offer = offer_of(slot)) {
    return offer->contract;
  }
  if (!pool_.procurement) {
    return pool_.contract;
  }
  const auto reserved = static_cast<std::size_t>(pool_.procurement->reserved);
  const auto spot =
      static_cast<std::size_t>(pool_.procurement->spot ? pool_.procurement->spot->replicas : 0);
  if (slot < reserved) {
    return Contract::reserved;
  }
  const bool stands_in = slot >= static_cast<std::size_t>(most_replicas(pool_));
  return slot < reserved + spot || stands_in ? Contract::spot : pool_.contract;
}

std::optional<Duration> Procurement::reclaimed_after(std::size_t slot, std::uint64_t order) const {
  if (const OfferConfig* const offer = offer_of(slot)) {
    return offer->reclaim_mean ? std::optional{draw_exponential(*offer->reclaim_mean,
                                                                reclaim_stream_.of(entity(order)))}
                               : std::nullopt;
  }
  if (!pool_.procurement || !pool_.procurement->spot || contract_of(slot) != Contract::spot) {
    return std::nullopt;
  }
  return draw_exponential(pool_.procurement->spot->reclaim_mean, reclaim_stream_.of(entity(order)));
}

Duration Procurement::notice(std::size_t slot) const {
  if (const OfferConfig* const offer = offer_of(slot)) {
    return offer->notice;
  }
  return pool_.procurement && pool_.procurement->spot ? pool_.procurement->spot->notice
                                                      : Duration::zero();
}

bool Procurement::replaces() const {
  if (pool_.autoscale || !pool_.procurement) {
    return false;
  }
  return market_ != nullptr || (pool_.procurement->spot && pool_.procurement->spot->replace);
}

}  // namespace plimsoll
