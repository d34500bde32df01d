// A closed loop in closed form.
#include "perf/closed_loop.hpp"

#include <algorithm>

namespace plimsoll {

double closed_loop_tpot(const StepTimeModel& model, const PoolConfig& pool,
                        const StaticLoad& load) {
  StepWork decode;
  decode.tokens = load.batch;
  decode.samples = load.batch;
  decode.kv_tokens = load.batch * (load.prompt + load.output / 2);
  const double alone = latency_seconds(model, decode);
  if (load.output <= 1) {
    return 0;
  }
  const std::int64_t room = std::max<std::int64_t>(1, pool.max_num_batched_tokens - load.batch);
  double more = 0;
  for (std::int64_t done = 0; done < load.prompt;) {
    const std::int64_t chunk = std::min(room, load.prompt - done);
    StepWork mixed = decode;
    mixed.tokens += chunk;
    mixed.kv_tokens += done;
    mixed.attention_pairs = chunk * (2 * done + chunk);
    more += latency_seconds(model, mixed) - alone;
    done += chunk;
  }
  return alone + static_cast<double>(load.batch - 1) / static_cast<double>(load.output - 1) * more;
}

}  // namespace plimsoll
