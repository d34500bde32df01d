// Instances that spend CPU time on every request: an M/G/k queue, first come first served.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "engine/engine.hpp"
#include "plimsoll/rng.hpp"
#include "service/latency_sampler.hpp"

namespace plimsoll {

/// Who is told that a worker is done with a request.
class ApiTierListener {
 public:
  virtual ~ApiTierListener() = default;
  /// The attempt `id` in place `flight` waited for `wait` and was worked on for `work`.
  virtual void on_api_done(std::uint32_t flight, std::uint64_t id, Duration wait,
                           Duration work) = 0;
  /// False when its client left.
  virtual bool still_there(std::uint32_t flight, std::uint64_t id) const = 0;
};

/// k = instances x workers servers. A request costs O(1) and one event, its end. Whose client left
/// is worked on all the same, unless ApiTierConfig::drops_leavers. Of outages that overlap each
/// takes its share of the instances that the others have left.
class ApiTier {
 public:
  /// Everything referred to outlives it. Outages are put on the engine's timeline.
  ApiTier(std::uint64_t seed, const ApiTierConfig& config, Engine& engine,
          ApiTierListener& listener);

  enum class Entry : std::uint8_t { began, waits, full };
  /// A request comes at now(), with so many tokens in its prompt.
  Entry enter(std::uint32_t flight, std::uint64_t id, std::int32_t prompt_tokens);

  /// Instances come, or go once they are done with what they work on.
  void set_instances(int instances);
  int instances() const { return instances_; }
  /// Requests that wait for a worker.
  std::int64_t waiting() const { return static_cast<std::int64_t>(waiting_.size()); }
  /// Requests that are worked on.
  std::int64_t busy() const { return busy_; }
  /// Requests that came since t = 0, refused ones too.
  std::int64_t entered() const { return entered_; }
  /// Busy worker-nanoseconds, and all of them, since t = 0: differences of two readings give the
  /// utilization between them.
  struct WorkerTime {
    double busy = 0;
    double all = 0;
  };
  WorkerTime worker_time() const;

 private:
  struct Visitor {
    std::uint32_t flight = 0;
    std::int32_t prompt_tokens = 0;
    std::uint64_t id = 0;
    SimTime came{};
  };
  struct Job {
    Visitor visitor;
    SimTime began{};
    TimerId timer = 0;
  };
  __extension__ using WorkerNanoseconds = __int128;
  static void on_job_done(void* tier, std::uint64_t job);

  void begin(const Visitor& visitor);
  void begin_waiting();
  void end_job(std::uint32_t job);
  void note_outages();
  void note_time();
  std::int64_t servers() const;

  Engine& engine_;
  ApiTierListener& listener_;
  RandomStream cpu_stream_;
  LatencySampler cpu_;
  Duration per_token_;
  int instances_;
  std::int64_t workers_;
  double left_ = 1;  // share of the instances that no outage takes
  std::int64_t room_;
  bool drops_leavers_;
  std::vector<OutageConfig> outages_;
  std::deque<Visitor> waiting_;
  std::vector<Job> jobs_;
  std::vector<std::uint32_t> idle_jobs_;
  std::int64_t busy_ = 0;  // servers
  std::int64_t entered_ = 0;
  SimTime noted_{};
  WorkerNanoseconds busy_ns_ = 0;
  WorkerNanoseconds all_ns_ = 0;
};

}  // namespace plimsoll
