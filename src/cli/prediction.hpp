// Command line: one point of `plimsoll predict`: from names and numbers to a Config, from there to
// times: in closed form for a static batch, by the simulator for a closed loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fleet/memory_fit.hpp"
#include "perf/static_batch.hpp"
#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll::cli {

/// One replica and its load. Names are those of the catalog.
struct Point {
  std::string model;
  std::string gpu;
  std::string profile;
  std::string precision = "fp16";
  std::string kv_precision;  // empty: as the engine keeps it (take_from), else fp16
  int tp = 1;
  int pp = 1;
  std::int64_t batch = 1;                   // sequences; closed loop: requests in flight
  std::int64_t prompt = 1;                  // tokens of each
  std::int64_t output = 1;                  // tokens of each
  std::int64_t max_num_batched_tokens = 0;  // prompt tokens of one pass; 0: a pool's default
  std::int64_t prompt_pass_tokens = 0;      // as in a pool; 0: prompts and decodes pass together
  std::int64_t runtime_memory = 0;          // as in a pool, in bytes
  bool chunked_prefill = true;
  Duration front_end{};      // closed loop: mean time before a request is in the engine's queue
  double output_spread = 0;  // closed loop: outputs lie evenly within this share of `output`

  /// The longest output.
  std::int64_t most_output() const;
};

/// What KV is kept in.
std::string kv_precision_of(const Point& point);

/// The point as a configuration of one pool with one replica, whose context limit is prompt +
/// output, checked like every scenario: by a scenario text that includes `catalogs` and is loaded.
/// `requests` > 0 makes the workload a closed loop of `point.batch` that ends after so many.
/// Throws ConfigError whose key paths are options ("--tp").
Config config_of(const Point& point, const std::vector<std::string>& catalogs,
                 std::int64_t requests);

/// Refuses, with the arithmetic, a point whose weights or one request do not fit the memory.
/// Throws ConfigError whose key paths are options.
void require_fit(const Config& config);

/// Whether KV memory holds all sequences of the batch at their full length.
bool batch_fits(const Config& config, const Point& point);

/// Throws ConfigError that says how many sequences do fit, and how many GPUs it would take.
void require_batch_fit(const Config& config, const Point& point);

/// What limits a step.
enum class Bound : std::uint8_t { compute, bandwidth, overhead, network };
const char* bound_name(Bound bound);

/// One step of one micro-batch, explained.
struct StepAccount {
  StepWork work;
  StepBreakdown parts;
  double seconds = 0;           // through all stages and hops
  double roofline_seconds = 0;  // what no such hardware can beat
  Bound bound = Bound::compute;
  double gpu_watts = 0;  // mean of one GPU, all micro-batches in flight
};

/// `config` is the point's, `model` its step times.
StepAccount account_of(const Config& config, const StepTimeModel& model, const StepWork& work);

struct Prediction {
  double ttft_ms = 0;       // static batch: when all of it has its first token; else the mean
  double last_ttft_ms = 0;  // of the request that waits longest for it
  double last_e2e_ms = 0;   // of the request that takes longest
  double tpot_ms = 0;
  double e2e_ms = 0;
  double throughput = 0;         // output tokens/s of the replica
  double median_itl_ms = 0;      // the median gap between tokens; static batches: the same as tpot
  std::int64_t requests = 0;     // played; 0: in closed form
  std::int64_t preemptions = 0;  // closed loop
};

/// The static batch in closed form.
Prediction predict_static(const Config& config, const StepTimeModel& model, const Point& point);

/// Plays config_of(..., requests > 0): one call per process. Times are means over all requests;
/// throughput is batch x output / e2e, what the loop sustains (Little's law).
Prediction play_closed_loop(const Config& config, const Point& point);

}  // namespace plimsoll::cli
