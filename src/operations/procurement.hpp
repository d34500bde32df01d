// How long machines take to come, at what contract, and when spot ones are taken back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "operations/offer_market.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/rng.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

class Procurement {
 public:
  /// `config` outlives it.
  Procurement(const Config& config, PoolIndex pool);

  /// From now on machines are those of the offers that slots have there. It outlives this.
  void buy_from(const OfferMarket& market) { market_ = &market; }

  /// The wait for the end of a stock-out that holds at `now`; 0 when there is none.
  Duration stock_out(SimTime now) const;
  /// The lead time of a slot's order, which has this number, of the pool.
  Duration lead_time(std::size_t slot, std::uint64_t order) const;
  /// That of its offer. In a single market slots are reserved ones first, then spot, then at the
  /// pool's contract, then those that replace spot ones.
  Contract contract_of(std::size_t slot) const;
  /// From the delivery of the order of this number until its machines are taken back; none for
  /// slots that are not spot.
  std::optional<Duration> reclaimed_after(std::size_t slot, std::uint64_t order) const;
  Duration notice(std::size_t slot) const;
  /// Another machine is ordered when one is taken back.
  bool replaces() const;

 private:
  /// Null: a single market.
  const OfferConfig* offer_of(std::size_t slot) const {
    return market_ == nullptr ? nullptr : &market_->config_of(market_->offer_of(slot).value());
  }
  std::uint64_t entity(std::uint64_t order) const {
    return (static_cast<std::uint64_t>(pool_index_) << 40U) + order;
  }

  const PoolConfig& pool_;
  PoolIndex pool_index_;
  const OfferMarket* market_ = nullptr;
  RandomStream lead_stream_;
  RandomStream reclaim_stream_;
};

}  // namespace plimsoll
