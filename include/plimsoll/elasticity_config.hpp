// What a validated scenario says of how replicas come and go: lead times, contracts, weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/money_config.hpp"
#include "plimsoll/policies/params.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// A lognormal law of durations; cv 0: always the mean.
struct DurationLaw {
  Duration mean{};
  double cv = 0.0;  // coefficient of variation
};

/// A time in which nobody sells machines: who orders in it waits for its end first.
struct StockOutConfig {
  Duration at{};
  Duration lasting{};
};

/// A tranche: so many replicas are ordered at one moment.
struct OrderConfig {
  Duration at{};
  int replicas = 1;
};

/// Spot machines are taken back after an exponential time of mean `reclaim_mean` since they were
/// delivered; `notice` before that their replicas are told and drain.
struct SpotConfig {
  int replicas = 1;         // slots that are rented at the spot price
  Duration reclaim_mean{};  // of one replica's machines; above 0
  Duration notice{};        // 0: without a word
  bool replace = true;      // another machine is ordered when one is taken back
};

/// One of several places to have nodes from: somebody's GPUs in some region, under one contract.
struct OfferConfig {
  std::string name;
  std::size_t price = 0;  // into Config::prices: provider, region, and money by effective dates
  Contract contract = Contract::on_demand;
  std::string region;     // where its nodes stand; empty: not said
  DurationLaw lead_time;  // from the order to the delivery
  // Nodes that can be rented at once; none: as many as one likes. Of a commitment (is_committed)
  // there is one: they are paid for throughout, rented or not.
  std::optional<int> stock;
  std::vector<StockOutConfig> stock_outs;  // sorted by `at`
  std::optional<Duration> reclaim_mean;    // spot: of one replica's nodes; none: never taken back
  Duration notice{};                       // before they are taken back
  Duration gone_for{};                     // what was taken back cannot be had again for so long
  std::optional<std::size_t> store;        // into Config::stores: of its nodes; none: the pool's
};

inline bool is_committed(const OfferConfig& offer) {
  return offer.contract == Contract::reserved || offer.contract == Contract::reserved_3y;
}

/// How the machines of a pool's added replicas are had. Slots are ordered from the first on:
/// `reserved` ones, then spot, then the rest, at the pool's contract; or, with `offers`, each from
/// the offer that the placement rule takes.
struct ProcurementConfig {
  DurationLaw lead_time;  // from the order to the delivery; not rented yet
  std::vector<StockOutConfig> stock_outs;
  std::vector<OrderConfig> orders;  // sorted by `at`
  int reserved = 0;                 // slots at the reserved price
  std::optional<SpotConfig> spot;
  std::vector<OfferConfig> offers;        // sorted by name; empty: one market, as above
  std::optional<PolicyConfig> placement;  // there is one exactly when there are offers
};

/// Where weights lie, from the slowest to start from to the fastest.
enum class WeightTier : std::uint8_t { remote, ssd, memory, gpu };

/// How weights get from where they lie into GPUs.
/// Nodes of a pool that have weights in main memory hand them on to others.
struct PeersConfig {
  int uploads = 1;      // that a node sends at a time
  int store_pulls = 1;  // nodes that ask the store at a time, while none has what they want
};

struct WeightsConfig {
  std::optional<std::size_t> loader;     // into Config::loaders; none: they are there once pulled
  WeightTier tier = WeightTier::remote;  // where those of a slot that does not serve lie
  std::optional<WeightTier> prefetch;    // ssd or memory: pulled from t = 0 on, before any start
  Bytes ssd_cache;                       // of a node, for weights; least recently used go
  Bytes memory_cache;                    // likewise, of its main memory
  BytesPerSecond memory_bandwidth;       // of a node's main memory, shared by its loads
  int shards = 1;                        // files that a node pulls at a time, from any servers
  std::optional<PeersConfig> peers;      // none: all comes from the store
  double lazy = 1;  // share in the GPUs from which on a replica takes requests; mapped loaders
};

}  // namespace plimsoll
