// What a validated scenario says of money beside the prices of GPUs: what else costs, who pays.
// Part of config.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/ids.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// How a figure came to be known. Rumours and assumptions are told in every report that uses them.
enum class Provenance : std::uint8_t { measured, published, calibrated, assumed, rumour };

enum class Contract : std::uint8_t { on_demand, reserved, spot, reserved_3y };
inline constexpr std::size_t contract_count = 4;

/// The lines of a bill.
enum class CostComponent : std::uint8_t { gpu, cpu, storage, network, monitoring, other };
inline constexpr int cost_component_count = 6;

/// What the amount of a cost follows, and the unit of its price.
enum class CostDriver : std::uint8_t {
  cpu_time,      // vCPU-hours
  bytes_held,    // GB-months
  bytes_moved,   // GB
  subscription,  // months
};

/// Something that is paid for and is no GPU: a unit price and the quantity that a run makes of it.
struct CostItemConfig {
  std::string name;
  CostComponent component = CostComponent::other;
  CostDriver driver = CostDriver::subscription;
  std::string provider;
  std::string region;
  // cpu_time
  UsdPerHour vcpu_price;                    // of one vCPU
  std::int64_t vcpus = 0;                   // held throughout
  std::int64_t vcpus_per_gpu = 0;           // held beside every rented GPU
  std::int64_t vcpus_per_api_instance = 0;  // held in every instance of the path's API tier
  Duration vcpu_time_per_request{};         // of every arrival
  // bytes_held
  UsdPerGbMonth held_price;
  Bytes held;                      // throughout
  std::int64_t weight_copies = 0;  // of the weights of every model and precision, throughout
  std::int64_t cache_copies = 0;   // of the capacity of every cache of the path, throughout
  // bytes_moved
  UsdPerGb moved_price;
  Bytes per_request;       // of every arrival
  Bytes per_prompt_token;  // of completed requests
  Bytes per_output_token;
  Bytes per_gpu_hour;  // rented
  // subscription
  UsdPerMonth fee;
  std::string source;
  Provenance provenance = Provenance::assumed;
};

enum class RevenueKind : std::uint8_t {
  subscription,  // by user and month
  tokens,        // by token of completed requests
  contract,      // by month
};

/// Who pays, and for what.
struct RevenueConfig {
  std::string name;
  RevenueKind kind = RevenueKind::contract;
  TierIndex tier = 0;
  std::optional<ModelIndex> model;  // tokens: of this model only
  UsdPerMonth price;                // subscription: of one user; contract: of all of it
  UsdPerMillion prompt_price;       // tokens
  UsdPerMillion output_price;
  std::string source;
  Provenance provenance = Provenance::assumed;
};

/// Users of a tier, on average over the run, where the workload does not know them.
struct UserCountConfig {
  std::string name;  // a tier's
  std::int64_t mean = 0;
};

struct MoneyConfig {
  std::vector<CostItemConfig> costs;   // sorted by name
  std::vector<RevenueConfig> revenue;  // sorted by name
  std::vector<UserCountConfig> users;  // sorted by name

  bool empty() const { return costs.empty() && revenue.empty() && users.empty(); }
};

}  // namespace plimsoll
