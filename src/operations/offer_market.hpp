// Where the nodes of a pool are bought when there are several offers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/elasticity_metrics.hpp"
#include "plimsoll/policies/placement.hpp"

namespace plimsoll {

/// Hands the orders of one pool to its offers by the placement rule, one replica at a time and in
/// their order. An order that finds nothing which the rule would take waits, and those behind it:
/// until a stock-out ends, nodes come back, or somebody else gives back what was reclaimed.
class OfferMarket {
 public:
  /// References outlive it. The pool has offers; its slots count from 0.
  OfferMarket(const Config& config, PoolIndex pool, std::size_t slots,
              std::unique_ptr<PlacementPolicy> rule, Engine& engine);

  /// Called with a slot whose order has its offer: within order(), or later as an event.
  void set_listener(std::function<void(std::size_t slot)> placed) { placed_ = std::move(placed); }

  /// A slot that has nothing orders.
  void order(std::size_t slot);
  /// Whose nodes it has or has ordered; none: its order waits, or it has none.
  std::optional<std::size_t> offer_of(std::size_t slot) const { return slots_[slot].offer; }
  bool waits(std::size_t slot) const { return slots_[slot].waits; }
  /// Its nodes are rented from now on.
  void delivered(std::size_t slot);
  /// Its nodes have been taken back by who offers them: after it has left, nobody has them for a
  /// while.
  void reclaimed(std::size_t slot);
  /// They are gone with their offer.
  void lost(std::size_t slot) { ++books_[slots_[slot].offer.value()].seen.lost; }
  /// Offers of this provider (empty: anybody) and region (empty: anywhere) stop to sell, until they
  /// have been opened as often.
  void close(const std::string& provider, const std::string& region);
  void open(const std::string& provider, const std::string& region);
  bool closed(std::size_t offer) const { return books_[offer].closed > 0; }
  /// It is off: the order that waits or is under way comes to nothing, or its nodes go back.
  void leave(std::size_t slot);

  /// The offer that gives a replica back first; `releasable` says, by offer, how many may go, and
  /// is not zero everywhere.
  std::size_t release_from(const std::vector<std::int64_t>& releasable) const;
  /// $/h of one GPU where the next replica would be ordered; where nothing is to be had, of the
  /// dearest that the pool has.
  double dollars_per_hour() const;
  /// $/h of one GPU of an offer, at the price in force at now().
  double price_now(std::size_t offer) const;
  const OfferConfig& config_of(std::size_t offer) const { return offers_[offer]; }
  std::size_t offers() const { return offers_.size(); }

  /// By offer, up to now().
  std::vector<OfferUse> uses() const;

 private:
  struct Slot {
    std::optional<std::size_t> offer;
    std::optional<SimTime> rented;  // since when
    bool waits = false;
    bool reclaimed = false;
  };
  struct Book {
    std::int64_t held = 0;     // replicas, ordered or rented
    std::int64_t rented = 0;   // of these
    int closed = 0;            // faults that last
    std::deque<SimTime> gone;  // until when reclaimed ones are somebody else's, ascending
    OfferUse seen;             // of what is over
  };

  std::vector<OfferView> views() const;
  std::int64_t available(std::size_t offer) const;
  bool is_of(std::size_t offer, const std::string& provider, const std::string& region) const;
  void serve();
  void serve_later(SimTime at);
  void await_supply();

  const Config& config_;
  const PoolConfig& pool_;
  const std::vector<OfferConfig>& offers_;
  int nodes_per_replica_;
  std::unique_ptr<PlacementPolicy> rule_;
  Engine& engine_;
  std::function<void(std::size_t)> placed_;
  std::vector<Slot> slots_;
  std::vector<Book> books_;            // by offer
  std::deque<std::size_t> waiting_;    // slots, the oldest order first
  std::optional<TimerId> next_serve_;  // while orders wait
  SimTime next_serve_at_{};
};

}  // namespace plimsoll
