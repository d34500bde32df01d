// Money of a finished run: bill, revenue and what follows from them. Amounts are whole
// micro-dollars, so that parts add up to totals exactly. Definitions: docs/money.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/ids.hpp"
#include "plimsoll/money_config.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Completed requests of one class in one pool, warm-up included.
struct TokenCell {
  ClassIndex request_class = 0;
  PoolIndex pool = 0;
  std::int64_t completed = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t output_tokens = 0;
};

/// What prices and unit costs of a run are counted on: what was played or, when only windows of a
/// horizon were, an estimate for the whole of it.
struct BilledLoad {
  std::int64_t arrived = 0;
  std::int64_t unanswered = 0;  // of windows: ended without an answer, from a GPU or a cache
  std::int64_t good = 0;        // answered within the objectives of their tier; of a
                                // warm-up as of what was measured
  std::int64_t cached_output_tokens = 0;  // of answers from a cache, which no cell has
  std::vector<TokenCell> cells;
  std::vector<TokenCell> stolen{};  // of cells: what a bypass let pass, and nobody pays for

  std::int64_t completed() const;
  std::int64_t prompt_tokens() const;
  std::int64_t output_tokens() const;
};

/// How long a replica of a pool works on one token, in picoseconds: a prompt token in a full chunk,
/// an output token in a decode step of the run's mean batch. Zeros: not known.
struct TokenTimes {
  std::int64_t prompt_ps = 0;
  std::int64_t output_ps = 0;
};

/// Replica-nanoseconds that each pool has rented from t = 0 to `at`.
struct RentMark {
  SimTime at{};
  std::vector<std::int64_t> rented_ns;
  /// By pool and Contract; only of pools with a mix of contracts.
  std::vector<std::array<std::int64_t, contract_count>> by_contract;
  /// By pool and offer; only of pools with offers.
  std::vector<std::vector<std::int64_t>> by_offer{};
  std::vector<std::int64_t> shared_gpu_ns{};  // by Config::shared_gpus: GPU-ns, whoever had them
};

/// One row of the bill.
struct BillRow {
  CostComponent component = CostComponent::gpu;
  std::string resource;     // the pool's or the item's name
  std::string offer;        // of the pool's procurement; empty: none
  std::string description;  // of the quantity
  std::string sku;          // the price's name
  std::string provider;
  std::string region;
  std::string pricing;  // "Standard", "Committed", "Dynamic": FOCUS PricingCategory
  SimTime begin{};
  SimTime end{};
  double quantity = 0;  // in `unit`; for people, the amounts are formed from integers
  std::string unit;
  double unit_price = 0;       // $
  double list_unit_price = 0;  // $, on demand
  bool follows_load = false;   // grows with requests or tokens
  bool unused = false;         // of a commitment: paid for, and not rented
  MicroUsd billed;
  MicroUsd listed;
};

struct RevenueRow {
  std::string name;
  std::string kind;  // "subscription", "tokens", "contract"
  std::string tier;
  std::string model;  // tokens
  double quantity = 0;
  std::string unit;
  bool follows_load = false;
  MicroUsd amount;
  MicroUsd stolen;  // what a bypass let pass, at the same price; not in `amount`
};

/// What the requests of a tier or a model cost and earn. Attribution: docs/money.md.
struct UnitCost {
  std::string kind;  // "tier", "model"
  std::string name;
  std::int64_t completed = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t users = 0;  // tiers: on average over the run; 0: not known
  MicroUsd prompt_cost;
  MicroUsd output_cost;
  MicroUsd revenue;
  MicroUsd stolen;  // not in the revenue
};

struct MoneySummary {
  std::vector<BillRow> bill;  // GPU rows in the order of pools and dates, then items
  std::vector<RevenueRow> revenue;
  std::array<MicroUsd, cost_component_count> by_component{};
  MicroUsd total;          // the sum of the bill
  MicroUsd revenue_total;  // the sum of the revenue
  MicroUsd stolen;         // tokens that a bypass let pass, at their prices; not in the revenue
  MicroUsd idle;           // of the total: GPUs that were ready and had no work
  MicroUsd down;           // of the total: GPUs that were rented and not serving
  MicroUsd unused;         // of the total: commitments to offers that were not rented
  MicroUsd missed;         // of the total: answers that missed their tier's objectives
  MicroUsd unearned;       // token revenue that unanswered requests would have brought
  MicroUsd unattributed;   // of the total: pools that completed nothing
  std::vector<UnitCost>
      units;               // tiers, then models: each kind and `unattributed` add up to `total`
  std::int64_t users = 0;  // of all tiers, on average; 0: not known
  double revenue_per_user_month = 0;  // $
  double cost_per_user_month = 0;     // $
  double revenue_per_gpu_hour = 0;    // $
  double cost_per_good_request = 0;   // $; of requests within their tier's objectives
  bool breaks_even = false;           // at some load of this mix, on the fleet as it is
  double break_even_rate = 0;         // completed requests/s at which revenue equals cost
  double served_rate = 0;             // requests/s that the fleet was seen to complete, at best
  double break_even_share = 0;        // of the load that was completed
};

/// "gpu", "cpu", "storage", "network", "monitoring", "other".
constexpr const char* cost_component_name(CostComponent component) {
  constexpr const char* names[] = {"gpu", "cpu", "storage", "network", "monitoring", "other"};
  return names[static_cast<int>(component)];
}

/// For people and files; sums are formed before.
constexpr double to_dollars(MicroUsd amount) {
  return static_cast<double>(amount.count()) / 1e6;
}

}  // namespace plimsoll
