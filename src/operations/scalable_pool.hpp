// A pool of replicas: how each begins, comes, serves, goes, breaks and comes again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/engine.hpp"
#include "operations/fault_target.hpp"
#include "operations/gpu_scheduler.hpp"
#include "operations/offer_market.hpp"
#include "operations/procurement.hpp"
#include "operations/rollout/rollout_target.hpp"
#include "operations/scalable_target.hpp"
#include "operations/start_account.hpp"
#include "operations/start_clock.hpp"
#include "operations/stream_rest.hpp"
#include "operations/wait_meter.hpp"
#include "operations/weight_source.hpp"
#include "plimsoll/config.hpp"
#include "serving/replica.hpp"
#include "serving/replica_directory.hpp"
#include "serving/replica_incidents.hpp"

namespace plimsoll {

/// All slots exist from the beginning, so that nothing moves when the pool grows. The life of a
/// slot, whoever starts it (t = 0, an autoscaler, an order, a deployment):
///
///   off -> ordered (stock-out, lead time; not rented yet) -> provisioned -> pulling -> loading
///       -> warming -> ready -> draining -> off
///   any of these -> failed -> pulling or off
///
/// A slot that a rollout gives another version drains, keeps its machines, loads that version in
/// their place and serves again; meanwhile it counts as loading. One that is off or on order begins
/// with the version that it should have. The slots behind maximum() are those that rollouts add:
/// nobody else orders or removes them.
///
/// A pool on shared GPUs orders by claiming some: it waits for the grant as for the end of a
/// stock-out, and what others preempt goes as spot machines do that are taken back after a notice.
///
/// A spot replica that is given notice gets no more requests from then on: it drains, or, when it
/// does not serve yet, its start is given up; its replacement is ordered at that moment, in a slot
/// of its own.
///
/// With offers (OfferMarket) a slot is ordered from one of them, or its order waits for one, as in
/// a stock-out; who is removed is chosen among the replicas of the offer that the rule gives back.
///
/// A pool whose replicas do not start cold has no WeightSource: there a start is provisioned and
/// then ready. While a draining replica holds its slot, fewer may be loading than were asked for:
/// the next evaluation asks again. One that failed counts as loading until it serves again.
class ScalablePool final : public ScalableTarget,
                           public RolloutTarget,
                           public FaultTarget,
                           public GpuClaimant,
                           private DrainListener {
 public:
  /// `replicas` are the pool's slots in order, all down and of consecutive indices. All references
  /// outlive the pool. `weights` may be null when the pool never starts cold.
  ScalablePool(const Config& config, PoolIndex pool, std::vector<Replica*> replicas,
               ReplicaDirectory& directory, ReplicaIncidents& incidents, Engine& engine,
               WeightSource* weights);

  /// Its machines are shared ones, which outlive it. Before open().
  void share(GpuScheduler& gpus);
  /// Its machines are bought from the offers of its procurement, by this rule. Before open().
  void buy(std::unique_ptr<PlacementPolicy> rule);
  /// At t = 0: so many slots as the pool has replicas begin, ready or loading; the rest is off. On
  /// shared GPUs those begin that GpuScheduler::start() grants some.
  void open();

  // ScalableTarget
  InstanceCounts instances() const override;
  std::int64_t minimum() const override;
  std::int64_t maximum() const override;
  double dollars_per_hour() const override;
  std::optional<double> scrape(ScalingSignal signal, Duration interval) override;
  void scale_to(std::int64_t instances) override;

  // What happens to single replicas: faults, reclaims, deployments. Slots count from 0.
  std::size_t slots() const { return slots_.size(); }
  bool serves(std::size_t slot) const { return slots_[slot].state == State::ready; }
  bool failed(std::size_t slot) const { return slots_[slot].state == State::failed; }
  bool off(std::size_t slot) const { return slots_[slot].state == State::off; }
  /// That it has; of a slot that is off, the one that it will begin with.
  WeightsVersion version(std::size_t slot) const { return slots_[slot].version; }
  /// Stops abruptly whatever it does, and everybody knows at once: requests in flight are handed
  /// back to the service, a start is given up. It stays rented. Not for slots that are off, ordered
  /// or failed.
  void fail(std::size_t slot);
  /// A failed slot starts again, as from its delivery, with the weights of `version`.
  void restart(std::size_t slot, WeightsVersion version);
  /// A failed slot's machines are given back: it is off.
  void dismiss(std::size_t slot);
  /// A slot that is off is ordered, and serves `version` in the end; once it is repaired, when its
  /// machine is broken. Not one that a rollout adds and wants no more.
  void order(std::size_t slot, WeightsVersion version);
  /// A slot that serves ends what it has and gets no more; then it is off and `drained` (may be
  /// empty) runs as an event.
  void drain(std::size_t slot, std::function<void()> drained);

  // RolloutTarget
  LoadedVersions& versions() override { return versions_; }
  std::size_t size() const override { return slots_.size(); }
  SlotGoal goal(std::size_t slot) const override;
  void set_goal(std::size_t slot, SlotGoal goal) override;
  bool spare(std::size_t slot) const override { return is_extra(slot) && off(slot); }
  bool settled(std::size_t slot) const override;
  /// For machines of a slot that a rollout adds.
  std::optional<SimTime> waits_since(std::size_t slot) const override;
  WeightsVersion version_of(ReplicaIndex replica) const override {
    return slots_[replica - slots_.front().replica->index()].version;
  }
  void add_with(WeightsVersion version, std::optional<WeightsVersion> on_trial) override;
  void set_listener(std::function<void()> listener) override { listener_ = std::move(listener); }

  // GpuClaimant: the claims are those of share().
  void granted(std::size_t slot, const std::vector<int>& nodes) override;
  void preempted(std::size_t slot, Duration grace) override;
  int warmth(int node) const override;
  std::int64_t preempted_busy() const override { return preempted_busy_; }

  // FaultTarget: a machine that fails is not used before it is repaired; then its replica starts
  // again, or is off when nobody wants it any more. On shared GPUs it does so once the failure is
  // noticed, on others.
  bool machine_failed(std::size_t slot, DownCause cause) override;
  void machine_failure_noticed(std::size_t slot) override;
  void machine_repaired(std::size_t slot) override;
  std::int64_t offers_lost(const std::string& provider, const std::string& region) override;
  void offers_back(const std::string& provider, const std::string& region) override;
  PoolLacks lacks() const override { return lacks_.lacks(engine_.now()); }

  /// How the pool's replicas came to serve, up to now(); replica time in it adds up exactly.
  ElasticitySummary elasticity() const;

 private:
  enum class State : std::uint8_t {
    off,
    ordered,
    provisioned,
    pulling,
    loading,
    warming,
    ready,
    draining,
    failed
  };
  struct Slot {
    Replica* replica = nullptr;
    State state = State::off;
    bool called_off = false;  // it is off once it is repaired
    bool machine_broken = false;
    bool opens = false;                    // its claim is that of t = 0
    DownCause cause = DownCause::loading;  // why it has to start
    std::optional<DownCause> broken_by;    // until it is noticed
    SlotLack lack;
    bool order_when_repaired = false;  // off until then
    WeightsVersion version = 0;
    WeightsVersion wanted = 0;  // by a rollout: differs from version until it is loaded
    bool wanted_extra = false;  // of the slots that rollouts add
    bool comes_back = false;    // it broke, or stands in for what was lost; until it serves
    bool redeploys = false;     // it drains to load what is wanted, and keeps its machines
    std::uint64_t number = 0;   // of its order: the youngest is called off first
    std::uint64_t drains = 0;   // how often it began to
    SimTime ordered{};
    SimTime since{};                 // of being rented
    std::optional<SimTime> failed;   // since when it is broken
    StartClock clock;                // of its start
    std::optional<TimerId> next;     // the event that ends its phase
    std::optional<TimerId> reclaim;  // the next event of its spot machines
    bool noticed = false;            // they go, and others are ordered in their place
    std::function<void()> drained;   // what follows once it is off
  };

  void after(Slot& slot, Duration delay, void (ScalablePool::*then)(Slot&));
  void enter(Slot& slot, State state, StartPhase phase);
  void begin(Slot& slot, WeightsVersion version);
  void open_one(std::size_t slot);
  void placed(std::size_t slot);
  void wait_for_delivery(Slot& slot);
  void deliver(Slot& slot);
  void prepare(Slot& slot);
  void pull(Slot& slot);
  void load(Slot& slot);
  void warm_up(Slot& slot);
  /// Its start is over.
  void serve(Slot& slot);
  void begin_to_serve(Slot& slot);
  std::string bound_of(const Slot& slot, StartPhase phase) const;
  void release(Slot& slot);
  void end_start(Slot& slot);
  void give_up_start(Slot& slot);
  void begin_draining(Slot& slot, bool redeploys = false);
  void leave_after_all(Slot& slot);
  void redeploy(Slot& slot);
  void reload(Slot& slot);
  void load_timed(Slot& slot, Duration load);
  void note_version(Slot& slot);
  void settle_version(Slot& slot);
  void give_up_extra(Slot& slot);
  void come_further();
  void arm_reclaim(Slot& slot);
  void give_notice(Slot& slot, Duration notice);
  void note_reclaim(const Slot& slot);
  void take_back(Slot& slot);
  void replace(std::size_t slot);
  void replace_later();
  void owe();
  std::optional<std::size_t> free_spot_slot() const;
  bool is_free(std::size_t slot) const;
  bool may_hold_more(std::size_t slot) const;
  bool lose_nodes(Slot& slot);
  void take_gpus_back(Slot& slot, bool again);
  bool keeps_its_size() const { return !pool_.autoscale; }
  void note_losses(const LossSummary& before);
  void place_order(int replicas);
  template <class InQuestion>
  std::vector<Slot*> may_go(InQuestion in_question);
  bool remove_one(bool on_trial);
  bool scrap_one(bool on_trial);
  bool may_be_removed(const Slot& slot, bool on_trial) const;
  void break_down(Slot& slot, DownCause cause);
  void end_failure(Slot& slot);
  void end_repair(std::size_t slot);
  void start_elsewhere(std::size_t slot);
  void order_in_place(std::size_t slot, WeightsVersion version, DownCause cause);
  void note_stock_out(Slot& slot);
  void call_off(Slot& slot);
  void on_drained(ReplicaIndex replica) override;
  bool starts(const Slot& slot) const;
  std::size_t index_of(const Slot& slot) const {
    return static_cast<std::size_t>(&slot - slots_.data());
  }
  std::size_t own_slots() const { return slots_.size() - static_cast<std::size_t>(pool_.surge); }
  /// Of a rollout: behind the pool's own, before those of notice_slots().
  bool is_extra(std::size_t slot) const {
    return slot >= own_slots() && slot + stand_ins_ < slots_.size();
  }
  PoolGauges gauges() const;

  const Config& config_;
  const PoolConfig& pool_;
  ReplicaDirectory& directory_;
  ReplicaIncidents& incidents_;
  Engine& engine_;
  WeightSource* weights_;
  GpuScheduler* gpus_ = nullptr;         // null: machines of its own
  std::size_t member_ = 0;               // of gpus_
  std::unique_ptr<OfferMarket> market_;  // null: no offers
  bool opening_ = false;                 // t = 0: what is placed is there
  Procurement procurement_;
  LoadedVersions versions_;
  WeightsVersion added_with_ = 0;
  std::optional<WeightsVersion> on_trial_;
  std::function<void()> listener_;  // of rollouts
  std::vector<Slot> slots_;
  std::size_t stand_ins_ = static_cast<std::size_t>(notice_slots(pool_));
  std::uint64_t orders_ = 0;
  std::int64_t owed_ = 0;  // replacements that found no free slot
  std::int64_t serving_ = 0;
  ElasticitySummary seen_;  // of what is over
  std::int64_t preempted_busy_ = 0;
  LackMeter lacks_;
  std::int64_t busy_before_ = 0;  // at the last scrape, replica-ns
  std::int64_t idle_before_ = 0;
  std::int64_t arrived_before_ = 0;
};

}  // namespace plimsoll
