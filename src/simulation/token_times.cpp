// How long a replica works on a prompt token and on an output token: what splits its cost.
#include "simulation/token_times.hpp"

#include <cmath>

#include "service/capacity_weight.hpp"

namespace plimsoll {
namespace {

/// Seconds per token as whole picoseconds.
std::int64_t picoseconds_of(double tokens_per_second) {
  return std::llround(1e12 / tokens_per_second);
}

}  // namespace

TokenTimes token_times(const ReplicaShape& shape, const RunResult& result, std::size_t pool) {
  std::int64_t completed = 0;
  std::int64_t prompts = 0;
  std::int64_t outputs = 0;
  for (const TokenCell& cell : result.token_cells) {
    if (cell.pool == pool) {
      completed += cell.completed;
      prompts += cell.prompt_tokens;
      outputs += cell.output_tokens;
    }
  }
  if (completed == 0) {
    return {};
  }
  const double context = (static_cast<double>(prompts) + static_cast<double>(outputs) / 2) /
                         static_cast<double>(completed);
  const double batch = result.pools[pool].mean_batch;
  TokenTimes times;
  times.prompt_ps = picoseconds_of(prefill_rate(shape));
  times.output_ps = picoseconds_of(decode_rate(shape, batch, context));
  return times;
}

}  // namespace plimsoll
