// How a pool's replicas came to serve, as it goes into result.json. Definitions: docs/metrics.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/units.hpp"

#include "plimsoll/config.hpp"
#include "plimsoll/operations_summary.hpp"

namespace plimsoll {

/// What a replica passes before it serves, in this order.
enum class StartPhase : std::uint8_t { stock_out, lead, provision, pull, load, warm_up };
inline constexpr std::size_t start_phase_count = 6;
inline constexpr std::array<const char*, start_phase_count> start_phase_names = {
    "stock_out", "lead", "provision", "pull", "load", "warm_up"};

/// Nanoseconds by StartPhase.
using StartTimes = std::array<std::int64_t, start_phase_count>;

/// When a pool first served with `multiple` times the replicas that it had at first, and the start
/// of the replica that made it so.
struct MultipleReached {
  std::int64_t multiple = 1;
  SimTime at{};
  StartTimes start{};
  std::string bound_by;  // the longest phase of that start, or the resource that bound it
};

/// How busy what carries weights was while it carried some.
struct ResourceUse {
  std::string resource;         // "uplink of store models", ...
  std::int64_t bytes = 0;       // carried
  std::int64_t busy_ns = 0;     // in which it carried some; of several, their sum
  double bytes_per_second = 0;  // of one, at most
  double utilization = 0;       // bytes / (busy time x rate)
};

/// How much of a pool's weights came from one of several stores.
struct StoreBytes {
  std::string store;
  std::int64_t bytes = 0;
};

/// What a pool had from one of its offers. Its cost stands in the bill.
struct OfferUse {
  std::string offer;
  std::string provider;
  std::string region;  // of its nodes; empty: not said
  Contract contract = Contract::on_demand;
  std::int64_t nodes_per_replica = 1;
  std::int64_t orders = 0;      // replicas, those of t = 0 included
  std::int64_t deliveries = 0;  // of these
  std::int64_t reclaims = 0;    // replicas whose nodes were taken back
  std::int64_t lost = 0;        // replicas that went with the offer, in an outage
  std::int64_t sold_out = 0;    // orders of the pool that found nothing here
  std::int64_t most_nodes = 0;  // rented at once
  std::int64_t rented_ns = 0;   // replica-nanoseconds
};

struct ElasticitySummary {
  std::int64_t base_replicas = 0;      // that 1x is: those of t = 0
  std::int64_t most_serving = 0;       // at any moment
  std::int64_t starts = 0;             // that ended serving; none of those ready at t = 0
  std::int64_t called_off = 0;         // starts that did not
  std::int64_t failures = 0;           // replicas that stopped abruptly, reclaimed ones included
  std::int64_t reclaims = 0;           // spot machines taken back
  std::int64_t reclaimed_serving = 0;  // of these, with requests that notice did not let end
  StartTimes times{};                  // of all starts, called off and under way included
  std::int64_t failed_ns = 0;          // rented and broken
  std::int64_t longest_start_ns = 0;   // from order to serving
  std::array<std::int64_t, contract_count> rented_ns{};  // replica-nanoseconds by Contract
  std::vector<MultipleReached> multiples;
  /// The multiple that follows, where starts under way at the end would have reached it: `at` is
  /// `never`, and the rest is of the oldest of them, so far.
  std::optional<MultipleReached> next_multiple;
  std::vector<ResourceUse> resources;
  std::vector<StoreBytes> pulled_from;  // when its store has a fallback
  std::vector<OfferUse> offers;         // in order of their names; their rented_ns add up
  /// Attempts of requests that went with spot machines; of pools with some.
  std::optional<LossSummary> reclaim_losses;
};

}  // namespace plimsoll
