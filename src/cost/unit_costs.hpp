// Cost room: who caused what a run has to pay, and at which load it would pay for itself.
#pragma once

#include <cstdint>
#include <string>

#include "metrics/sketch.hpp"  // Int128
#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// What the GPUs of a pool cost: its rows of the bill.
MicroUsd gpu_cost(const MoneySummary& money, const std::string& pool);

/// What it paid to one of its offers; those of all offers add up to gpu_cost.
MicroUsd offer_cost(const MoneySummary& money, const std::string& pool, const std::string& offer);

/// Replica time of a pool that tokens take, in picoseconds; token for token alike where it is not
/// known. What its GPU cost is split by.
struct TokenWork {
  Int128 prompt = 0;
  Int128 output = 0;
};
TokenWork work_of(const PoolSummary& pool, std::int64_t prompt_tokens, std::int64_t output_tokens);

/// From bill and revenue to the rest of MoneySummary: unit costs by tier and model, what was idle,
/// down or missed, by user, by GPU-hour, and the load at which the run would break even.
void add_unit_costs(MoneySummary& money, const RunResult& result, const BilledLoad& load,
                    const Config& config);

}  // namespace plimsoll
