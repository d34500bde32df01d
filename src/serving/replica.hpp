// A replica: tp x pp GPUs that hold one copy of the model and run batches of requests.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/engine.hpp"
#include "perf/power_model.hpp"
#include "perf/step_time_model.hpp"
#include "plimsoll/config.hpp"
#include "serving/events.hpp"
#include "serving/request_table.hpp"
#include "serving/segment.hpp"
#include "serving/segment_energy.hpp"
#include "serving/waiting_queue.hpp"

namespace plimsoll {

class Speculation;

/// What all replicas of a pool have in common.
struct ReplicaShape {
  PoolIndex pool = 0;
  const StepCostTable* costs = nullptr;
  int micro_batches = 1;          // pp
  int max_num_seqs = 1;           // in all micro-batches together
  std::int64_t token_budget = 1;  // of one micro-batch in one step
  bool chunked_prefill = true;
  Batching batching = Batching::continuous;
  KvLayout kv_layout = KvLayout::paged;
  bool prefix_cache = false;  // continuous batching and paged KV only
  int block_size = 16;
  std::int64_t kv_blocks = 0;
  std::int64_t watermark_blocks = 0;
  int max_context = 0;
  PoolRole role = PoolRole::both;
  const Speculation* speculation = nullptr;  // when set, continuous replicas speculate
  bool holds_unread = false;  // answers keep KV and place until the listener says; continuous only
  bool fast_forward = true;
  const EnergyTable* energy = nullptr;        // null: energy is not counted
  const EnergyTable* draft_energy = nullptr;  // with `energy` and `speculation`
  const StepTimeModel* audit = nullptr;  // when set, every step is checked against its roofline
};

/// Whom a replica tells about its requests. Calls come from step events.
class ReplicaListener {
 public:
  virtual ~ReplicaListener() = default;
  /// The request at `slot` is in a batch for the first time.
  virtual void on_scheduled(RequestSlot) {}
  /// The request at `slot` got its first token at `now` (its fields are up to date).
  virtual void on_first_token(RequestSlot slot, SimTime now) = 0;
  /// A prefill replica computed its prompt and emitted its first token, and more are wanted: it has
  /// left the batch, and its KV is kept until let_go.
  virtual void on_prefilled(RequestSlot, SimTime) {}
  /// Only where the shape holds unread answers: when the last token of the request at `slot`, whose
  /// tokens are all computed by `now`, leaves the replica for its client; `now` or later.
  virtual SimTime leaves_at(RequestSlot, SimTime now) { return now; }
  /// It has all its tokens and left the batch. The listener releases the slot.
  virtual void on_completed(RequestSlot slot, SimTime now) = 0;
  /// It was cancelled while it ran and has left the batch. The listener releases the slot.
  virtual void on_cancelled(RequestSlot slot, SimTime now) = 0;
};

/// How the moment of an enqueue or cancel stands to step boundaries of the same nanosecond.
enum class Phase : std::uint8_t {
  before_steps,  // arrivals, deadlines: a boundary at this time sees them
  after_steps,   // dispatch: the boundary at this time has passed
};

/// What ran on a replica that stopped.
struct DroppedWork {
  std::vector<RequestSlot> running;
  std::vector<RequestSlot> leavers;  // of these, those that were to leave at the next boundary
};

/// Common to all kinds of batching: the queue, the step timer and the account of time. Requests
/// are referred to by slot; the true output length is used for one thing only: to know when a
/// sequence ends.
class Replica {
 public:
  Replica(ReplicaIndex index, const ReplicaShape& shape, Engine& engine, RequestTable& requests,
          EventSink& sink, ReplicaListener& listener);
  virtual ~Replica() = default;
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // A replica's life: down (rented, not serving; it begins so) -> idle or busy -> draining -> off
  // (not rented) -> down again. Only what follows here changes it.

  /// Of a replica that is down: what it loads makes it one of `shape`, which differs in costs at
  /// most and outlives it.
  void take_shape(const ReplicaShape& shape);
  /// down -> idle. Starts what already waits.
  void become_ready();
  /// Of a replica that is down and becomes ready before all its weights are there: layers stream in
  /// under its first pass, which ends no earlier than weights_complete(). Every pass of a dense
  /// model reads every weight, and one of a mixture of experts, whose prompt has tokens for nearly
  /// all of them, waits for all, too. What it waits for is no step: it draws idle power meanwhile.
  void begin_streaming();
  /// The last layer is there. Does nothing when the replica went or failed meanwhile.
  void weights_complete();
  /// It serves what it has and gets no more; its time counts as draining from now on.
  void begin_draining();
  /// Nothing waits or runs here: down or draining -> off.
  void turn_off();
  /// off -> down.
  void begin_loading(DownCause cause = DownCause::loading);
  /// It stays after all, before its last request has ended.
  void end_draining();
  /// The machine stops: idle, busy, draining or down -> down. Steps that ended before now() count,
  /// the one under way emits nothing; KV memory is lost. Whoever ran or waited stands in the line
  /// with nothing generated, until take_waiting; KV that was kept for others is for the listener to
  /// see to. The account of time says `cause`.
  void fail(DownCause cause);
  /// What it still has stands in its line, as after fail(); the machine goes on. take_waiting() and
  /// end_cut(), at the same time, follow.
  void cut_drain();
  /// It drains as before and has nothing left.
  void end_cut();
  /// Everybody leaves the line of a replica that is down, in order. Slots are not released.
  std::vector<RequestSlot> take_waiting();
  /// The same for one of them.
  void take_waiting(RequestSlot slot);

  /// A new request joins the replica's queue; its rank, replica and lengths are set.
  void enqueue(RequestSlot slot, Phase phase);
  /// A waiting request leaves, also one that was preempted. Does not release the slot.
  void cancel_waiting(RequestSlot slot, Phase phase);
  /// A running request is to leave: at the next step boundary, which tells on_cancelled, unless it
  /// is completed there. Static batches run on: there it is completed as if nothing had been. So is
  /// one whose tokens are all computed and wait to be read.
  virtual void cancel_running(RequestSlot slot, Phase phase) = 0;

  /// The KV of a request that on_prefilled told of has been sent, or is not wanted any more.
  virtual void let_go(RequestSlot slot);

  /// Tells the sink about all steps that ended up to `t` == now: at the end of a window.
  virtual void settle(SimTime t) = 0;
  /// Adds the state at the last step boundary, and the account of time up to `t` == now.
  void add_gauges(PoolGauges& gauges, SimTime t) const;

  ReplicaIndex index() const { return index_; }
  const ReplicaShape& shape() const { return *shape_; }
  std::int64_t waiting() const { return waiting_.size(); }

 protected:
  /// A step segment ended, or there is work for an idle replica: plan what follows.
  virtual void step_ended() = 0;
  virtual void plan(FineTime start) = 0;
  /// `slot` joined or left the line; `was_head` tells that it is or was first.
  virtual void line_changed(bool head_changed, Phase phase) = 0;
  /// `slot`, which had been preempted, is cancelled while it waits.
  virtual void forget_interrupted(RequestSlot) {}
  virtual std::int64_t running() const = 0;
  /// Drops what runs as of `before`, the last moment that still was: steps that ended by then are
  /// told to the sink, memory and batch are empty.
  virtual DroppedWork drop_work(SimTime before) = 0;
  virtual std::int64_t kv_blocks_used(SimTime t) const = 0;
  /// Adds what the prefix cache has seen, if there is one.
  virtual void add_prefix_counts(PrefixCounts&) const {}

  void set_busy(bool busy);
  bool is_idle() const { return activity_ == Activity::idle; }
  /// Has the timer strike at the end of `segment_`; the first pass of weights that stream in waits
  /// for the last of them.
  void arm_segment();
  /// Steps of `segment_` that are over at `t`.
  std::int64_t steps_over(SimTime t) const { return held_ ? 0 : segment_.steps_until(t); }
  /// `slot` joins a batch now.
  void note_scheduled(RequestSlot slot);
  void end_request(RequestSlot slot, SimTime now);
  void first_token(RequestSlot slot, SimTime now);
  /// Throws InternalError when a step of `segment` beats the machine; only when the shape asks for
  /// audits. Costs and bounds are piecewise affine in the KV tokens, so the first step (`work`, by
  /// micro-batch) and the last one (grown by `growth` a step) stand for all.
  void audit_segment(const std::vector<StepWork>& work, const std::vector<std::int64_t>& growth,
                     const Segment& segment) const;

  ReplicaIndex index_;
  const ReplicaShape* shape_;
  Engine* engine_;
  RequestTable* requests_;
  EventSink* sink_;
  ReplicaListener* listener_;
  TimerId timer_;
  Segment segment_;  // under way, while something runs
  WaitingQueue waiting_;
  std::int64_t preemptions_ = 0;
  std::int64_t cut_drains_ = 0;
  std::int64_t cut_attempts_ = 0;
  std::int64_t kept_ = 0;  // requests that on_prefilled told of, until let_go
  EnergyAccount energy_;   // when the shape asks for it

 private:
  enum class Activity : std::uint8_t { down, idle, busy, off };
  static void on_timer(void* replica, std::uint64_t);
  void audit_step(const StepWork& work, Femtoseconds cost) const;
  void set_activity(Activity activity);
  void add_time(SimTime now);
  void end_streaming();
  using Spent = std::array<std::int64_t, 5>;
  void add_energy_gauges(EnergyGauges& gauges, const Spent& spent) const;

  static constexpr std::size_t draining_account = 4;
  std::size_t account() const {
    return draining_ ? draining_account : static_cast<std::size_t>(activity_);
  }

  Activity activity_ = Activity::down;
  bool draining_ = false;
  bool streams_ = false;  // weights
  bool held_ = false;     // the pass under way ends when they are there
  SimTime activity_since_{};
  DownCause down_cause_ = DownCause::loading;
  Spent spent_ns_{};     // by Activity; draining
  DownTimes down_ns_{};  // parts of the time down
};

/// A replica of the kind of batching that `shape` says. All references must outlive it.
std::unique_ptr<Replica> make_replica(ReplicaIndex index, const ReplicaShape& shape, Engine& engine,
                                      RequestTable& requests, EventSink& sink,
                                      ReplicaListener& listener);

}  // namespace plimsoll
