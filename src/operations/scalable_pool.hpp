// A pool of replicas that grows and shrinks.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/engine.hpp"
#include "operations/fault_target.hpp"
#include "operations/scalable_target.hpp"
#include "plimsoll/config.hpp"
#include "serving/replica.hpp"
#include "serving/replica_directory.hpp"

namespace plimsoll {

/// All slots exist from the beginning, so that nothing moves when the pool grows; a slot is off
/// until it is provisioned. An added replica loads (for the provisioning delay, or through its cold
/// start) and then serves; a removed one drains and is then off, and may be provisioned again.
/// While a draining replica holds its slot, fewer may be loading than were asked for: the next
/// evaluation asks again. One that breaks counts as loading until it serves again.
class ScalablePool final : public ScalableTarget, public FaultTarget, private DrainListener {
 public:
  /// How a slot of a cold pool starts: calls `ready` as an event when its weights are warm.
  using ColdStart = std::function<void(std::size_t slot, std::function<void()> ready)>;

  /// `replicas` are the pool's slots in order, all down and of consecutive indices. All references
  /// outlive the pool. `cold_start` may be empty when the pool does not start cold.
  ScalablePool(const Config& config, PoolIndex pool, std::vector<Replica*> replicas,
               ReplicaDirectory& directory, Engine& engine, ColdStart cold_start);

  /// At t = 0: so many slots as the pool has replicas begin, ready or loading; the rest is off.
  void open();

  InstanceCounts instances() const override;
  std::int64_t minimum() const override { return scale_.min_replicas; }
  std::int64_t maximum() const override { return scale_.max_replicas; }
  double dollars_per_hour() const override;
  std::optional<double> scrape(ScalingSignal signal, Duration interval) override;
  void scale_to(std::int64_t instances) override;

  bool machine_failed(std::size_t slot, DownCause cause) override;
  void machine_repaired(std::size_t slot) override;

 private:
  enum class State : std::uint8_t {
    off,
    loading,
    cancelled,
    ready,
    draining,
    broken,    // loads again once it is repaired
    scrapped,  // broken and not wanted any more
  };
  struct Slot {
    Replica* replica = nullptr;
    State state = State::off;
    std::uint64_t started = 0;  // order of the latest start: the youngest is cancelled first
    TimerId start_event = 0;    // of a plain provisioning delay
    bool machine_broken = false;
  };

  void start(std::size_t slot);
  void load(std::size_t slot);
  void finish_start(std::size_t slot, std::uint64_t start);
  void remove_one();
  bool scrap_one();
  void cancel_start(Slot& slot);
  void on_drained(ReplicaIndex replica) override;
  std::int64_t count(State state) const;
  PoolGauges gauges() const;

  const Config& config_;
  const PoolConfig& pool_;
  const AutoscaleConfig& scale_;
  ReplicaDirectory& directory_;
  Engine& engine_;
  ColdStart cold_start_;
  std::vector<Slot> slots_;
  std::uint64_t starts_ = 0;
  std::int64_t busy_before_ = 0;  // at the last scrape, replica-ns
  std::int64_t idle_before_ = 0;
  std::int64_t arrived_before_ = 0;
};

}  // namespace plimsoll
