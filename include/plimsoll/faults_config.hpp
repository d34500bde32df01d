// What a validated scenario says of machines that break: what, how often, for how long, and who
// notices when.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/units.hpp"

namespace plimsoll {

/// What a fault takes with it. Links and stores do not stop replicas: they get slower. Offers take
/// the nodes that pools have from them, for good, and sell none meanwhile.
enum class FaultScope : std::uint8_t { gpu, node, rack, zone, link, store, offers };
inline constexpr int fault_scope_count = 7;

constexpr std::string_view fault_scope_name(FaultScope scope) {
  constexpr std::string_view names[fault_scope_count] = {"gpu",  "node",  "rack",  "zone",
                                                         "link", "store", "offers"};
  return names[static_cast<int>(scope)];
}

enum class FaultLaw : std::uint8_t {
  exponential,  // times up have no memory
  weibull,      // shape < 1: infant mortality; > 1: wear
  timeline,     // faults at given times
  trace,        // likewise, from a file
};

/// A kind of repair: chosen with a probability in proportion to `share`, lasts uniformly between
/// the bounds.
struct RepairClass {
  std::string name;
  double share = 1;
  Duration minimum{};
  Duration maximum{};
};

/// A fault that is given.
struct FaultEvent {
  int unit = 0;  // which one, from 0: as FailureDomains counts them; below 0: drawn evenly
  Duration at{};
  Duration lasting{};  // above 0
};

/// Faults of one kind. Each unit in scope alternates between up times by the law and repairs,
/// beginning up at t = 0, independently of all others.
struct FaultProcess {
  std::string name;
  FaultScope scope = FaultScope::node;
  std::optional<std::size_t> pool;         // scopes gpu, node, link: of this pool alone,
  std::optional<std::size_t> shared_gpus;  // or of these shared ones
  std::optional<std::size_t> store;        // scope store
  std::string provider{};                  // scope offers: whose; empty: anybody's
  std::string region{};                    // scope offers: where; empty: anywhere
  FaultLaw law = FaultLaw::exponential;
  Duration mtbf{};   // exponential, weibull: mean time up of one unit
  double shape = 1;  // weibull
  Duration at{};     // timeline
  Duration lasting{};
  int unit = 0;                       // timeline: which one
  std::vector<FaultEvent> events{};   // timeline, instead of at, lasting and unit; trace: its rows
  std::string file{};                 // trace: where they were read
  double factor = 0;                  // link, store: share of the bandwidth that is left meanwhile
  std::vector<RepairClass> repair{};  // sorted by name; exponential, weibull
};

/// What becomes of the requests of a replica that died.
enum class LostRequests : std::uint8_t {
  retry,  // begin anew at another replica, as if nothing had been generated
  fail,
};

struct FaultsConfig {
  std::vector<FaultProcess> processes;  // sorted by name
  int nodes_per_rack = 4;               // nodes stand in racks: of pools, then shared ones
  int zones = 1;                        // racks are dealt to zones in turn
  Duration check_interval{};            // health checks: at its multiples
  Duration check_timeout{};             // a check that is not answered for so long has failed
  int check_failures = 3;               // in a row, until a replica is taken out
  LostRequests lost_requests = LostRequests::retry;
  int max_retries = 3;         // of one request; then it fails
  Duration request_timeout{};  // until the sender notices that a replica is dead
  Duration reload{};           // after a repair, until a replica of a pool that does not start cold
                               // serves again
};

}  // namespace plimsoll
