// How long machines take to come, at what contract, and when spot ones are taken back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "plimsoll/config.hpp"
#include "plimsoll/rng.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// The wait for the end of a stock-out that holds at `now`; 0 when there is none. Sorted: one may
/// follow another.
Duration wait_for_stock(const std::vector<StockOutConfig>& stock_outs, SimTime now);
/// By the law, from draws of its own.
Duration draw_lead_time(const DurationLaw& law, Draws draws);

class Procurement {
 public:
  /// `config` outlives it.
  Procurement(const Config& config, PoolIndex pool);

  /// The wait for the end of a stock-out that holds at `now`; 0 when there is none.
  Duration stock_out(SimTime now) const;
  /// The lead time of the order of this number, of the pool.
  Duration lead_time(std::uint64_t order) const;
  /// Slots are reserved ones first, then spot, then at the pool's contract.
  Contract contract_of(std::size_t slot) const;
  /// From the delivery of the order of this number until its machines are taken back; none for
  /// slots that are not spot.
  std::optional<Duration> reclaimed_after(std::size_t slot, std::uint64_t order) const;
  Duration notice() const;
  /// Another machine is ordered when one is taken back.
  bool replaces() const;

 private:
  std::uint64_t entity(std::uint64_t order) const {
    return (static_cast<std::uint64_t>(pool_index_) << 40U) + order;
  }

  const PoolConfig& pool_;
  PoolIndex pool_index_;
  RandomStream lead_stream_;
  RandomStream reclaim_stream_;
};

}  // namespace plimsoll
