// A closed loop in closed form.
#include "perf/closed_loop.hpp"

#include <algorithm>

namespace plimsoll {

StepWork decode_step(std::int64_t sequences, const StaticLoad& load) {
  StepWork decode;
  decode.tokens = sequences;
  decode.samples = sequences;
  decode.kv_tokens = sequences * (load.prompt + load.output / 2);
  return decode;
}

std::vector<StepWork> steps_with_chunks(const StepWork& decode, std::int64_t prompt,
                                        std::int64_t room) {
  std::vector<StepWork> steps;
  for (std::int64_t done = 0; done < prompt;) {
    const std::int64_t chunk = std::min(room, prompt - done);
    StepWork mixed = decode;
    mixed.tokens += chunk;
    mixed.kv_tokens += done;
    mixed.attention_pairs = chunk * (2 * done + chunk);
    steps.push_back(mixed);
    done += chunk;
  }
  return steps;
}

double closed_loop_tpot(const StepTimeModel& model, const PoolConfig& pool,
                        const StaticLoad& load) {
  if (load.output <= 1) {
    return 0;
  }
  const StepWork decode = decode_step(load.batch, load);
  const double alone = latency_seconds(model, decode);
  const std::int64_t room = std::max<std::int64_t>(1, pool.max_num_batched_tokens - load.batch);
  double more = 0;
  for (const StepWork& mixed : steps_with_chunks(decode, load.prompt, room)) {
    more += latency_seconds(model, mixed) - alone;
  }
  return alone + static_cast<double>(load.batch - 1) / static_cast<double>(load.output - 1) * more;
}

}  // namespace plimsoll
