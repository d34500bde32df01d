// A pool whose size is given: its replicas load versions of the weights, serve, stand by, drain,
// break and come back.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/engine.hpp"
#include "operations/cold_starts.hpp"
#include "operations/fault_target.hpp"
#include "operations/gpu_scheduler.hpp"
#include "operations/rollout/rollout_target.hpp"
#include "operations/start_account.hpp"
#include "operations/stream_rest.hpp"
#include "operations/wait_meter.hpp"
#include "operations/weight_source.hpp"
#include "plimsoll/config.hpp"
#include "serving/replica.hpp"
#include "serving/replica_directory.hpp"
#include "serving/replica_incidents.hpp"

namespace plimsoll {

/// Replicas are slots; those above PoolConfig::replicas are off until a rollout uses them. A slot
/// that changes its version drains first, so that no request is lost by that.
///
/// On shared GPUs a slot that is to be used claims some, and waits for the grant; it keeps them
/// while it changes its version. What others preempt, or what breaks, claims anew as long as its
/// goal wants it.
class FixedPool final : public RolloutTarget,
                        public FaultTarget,
                        public GpuClaimant,
                        private DrainListener {
 public:
  /// `replicas` are the slots in order, all down, of consecutive indices. References outlive this.
  /// `weights` may be null when the pool never starts cold.
  FixedPool(const Config& config, PoolIndex pool, std::vector<Replica*> replicas,
            ReplicaDirectory& directory, ReplicaIncidents& incidents, Engine& engine,
            WeightSource* weights);

  /// Its machines are shared ones, which outlive it. Before open().
  void share(GpuScheduler& gpus);
  /// At t = 0: the pool's replicas begin with version 0, ready or loading.
  void open();

  // RolloutTarget
  LoadedVersions& versions() override { return versions_; }
  std::size_t size() const override { return slots_.size(); }
  SlotGoal goal(std::size_t slot) const override { return slots_[slot].goal; }
  void set_goal(std::size_t slot, SlotGoal goal) override;
  bool spare(std::size_t slot) const override { return slots_[slot].goal.use != SlotUse::serving; }
  bool settled(std::size_t slot) const override;
  /// For shared GPUs.
  std::optional<SimTime> waits_since(std::size_t slot) const override;
  WeightsVersion version_of(ReplicaIndex replica) const override {
    return slots_[replica - slots_.front().replica->index()].version;
  }
  /// Nobody else adds any.
  void add_with(WeightsVersion, std::optional<WeightsVersion>) override {}
  void set_listener(std::function<void()> listener) override { listener_ = std::move(listener); }

  /// How the pool's replicas came to serve, up to now(); replica time in it adds up exactly.
  ElasticitySummary elasticity() const;

  bool machine_failed(std::size_t slot, DownCause cause) override;
  void machine_failure_noticed(std::size_t slot) override;
  void machine_repaired(std::size_t slot) override;
  PoolLacks lacks() const override { return lacks_.lacks(engine_.now()); }

  // GpuClaimant: the claims are those of share().
  void granted(std::size_t slot, const std::vector<int>& nodes) override;
  void preempted(std::size_t slot, Duration grace) override;
  int warmth(int node) const override;
  std::int64_t preempted_busy() const override { return preempted_busy_; }

 private:
  enum class State : std::uint8_t { off, waiting, loading, standby, serving, draining, broken };
  struct Slot {
    Replica* replica = nullptr;
    State state = State::off;
    SlotGoal goal;
    int version = 0;
    SimTime load_began{};
    bool broken_off = false;       // its machine is, and nobody rents it
    std::uint64_t generation = 0;  // of what is under way: later calls from before are ignored
    DownCause cause = DownCause::deployment;  // why it has to load
    bool comes_back = false;                  // it broke, or lost its GPUs; until it serves
    // On shared GPUs:
    bool has_gpus = false;
    bool revoked = false;  // others get them, once it has drained or `reclaim` comes
    bool opens = false;    // its claim is that of t = 0
    SlotLack lack;         // of GPUs
    SimTime claimed{};
    std::optional<TimerId> reclaim;
  };
  void reconcile(std::size_t slot);
  void begin_load(std::size_t slot);
  void serve(std::size_t slot);
  /// Every change of a slot's state, so that serving_ keeps up.
  void set_state(Slot& slot, State state);
  void finish_load(std::size_t slot, std::uint64_t generation);
  void begin_drain(Slot& slot);
  void finish_drain(std::size_t slot, std::uint64_t generation);
  void turn_off(std::size_t slot);
  void claim(std::size_t slot);
  void withdraw(std::size_t slot);
  void give_back(std::size_t slot);
  void take_back(std::size_t slot);
  void miss_gpus(Slot& slot);
  std::vector<ReadSpan> reads_of(std::size_t slot) const;
  void on_drained(ReplicaIndex replica) override;

  const PoolConfig& pool_;
  ReplicaDirectory& directory_;
  ReplicaIncidents& incidents_;
  Engine& engine_;
  WeightSource* weights_;
  ColdStarts cold_starts_;
  StartAccount account_;          // of machines of its own
  GpuScheduler* gpus_ = nullptr;  // null: machines of its own
  std::size_t member_ = 0;        // of gpus_
  LackMeter lacks_;
  std::int64_t preempted_busy_ = 0;
  std::function<void()> listener_;
  std::vector<Slot> slots_;
  std::int64_t serving_ = 0;  // slots in that state
  LoadedVersions versions_;
};

}  // namespace plimsoll
