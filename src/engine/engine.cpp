// Engine: the loop that plays the heap, inside one SimGrid kernel timer. SimGrid's double seconds
// and our integer nanoseconds meet in this file only.
#include "engine/engine.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <exception>
#include <limits>
#include <map>
#include <simgrid/Exception.hpp>
#include <simgrid/kernel/Timer.hpp>
#include <simgrid/kernel/resource/Model.hpp>
#include <simgrid/s4u.hpp>
#include <utility>

#include "engine/simgrid_platform.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {

namespace s4u = simgrid::s4u;
using simgrid::kernel::timer::Timer;

namespace {

// SimGrid's run_until() leaves within 10 us of its end, so it is asked for a little more than the
// kernel timer at our end, and never steps over it.
constexpr double beyond_end = 5e-6;
// SimGrid's precision is 1 ns: a completion may be reported that much early, and rounds.
constexpr Duration clock_tolerance{2};
constexpr SimTime trusted_clock_end{std::chrono::seconds{1'000'000}};

double date_of(SimTime t) {
  return to_seconds(t.time_since_epoch());
}
double clock() {
  return s4u::Engine::get_clock();
}

}  // namespace

class Engine::Impl {
 public:
  Impl(Engine& engine, const PlatformSpec& spec) : engine_{engine}, platform_{spec} {
    s4u::Activity::on_completion_cb([this](const s4u::Activity& a) { on_completion(a); });
  }
  ~Impl();

  TimerId at(SimTime t, EventPriority priority, std::function<void()> fn);
  void cancel(TimerId event);
  void spawn(const std::string& name, std::function<void(ActorContext&)> body);
  FlowId transfer(const std::string& from, const std::string& to, Bytes bytes,
                  std::function<void()> done);
  FlowId read(const std::string& node, Bytes bytes, std::function<void()> done);
  void cancel_flow(FlowId id, std::function<void(Bytes)> carried);
  Bytes carried(FlowId id) const;
  void set_bandwidth_share(const std::string& name, double share);
  /// Plays up to `end`; `never` plays all there is.
  void run(SimTime end);
  void stop() { stopping_ = interrupted_ = true; }
  std::uint64_t events() const { return events_; }

 private:
  /// A transfer or read, from its call until `done` runs.
  struct Flow {
    FlowId id = 0;
    Bytes bytes;
    s4u::ActivityPtr activity;  // null until its latency has passed in SimGrid's clock, too
    std::function<void()> done;
    bool ended = false;  // its event is in the heap
    bool cancelled = false;
  };
  class Actor;
  /// What must wait until SimGrid's clock stands at now().
  struct Deferred {
    std::function<void()> act;
    bool readies_actor = false;  // SimGrid must then run the actor before we go on
  };

  static void play_one_shot(void* context, std::uint64_t slot);
  std::function<void()> take_one_shot(std::uint64_t slot);
  void play();
  bool start_deferred();
  void drain(SimTime limit);
  void wake_at(SimTime t);
  void arm_kernel_timer(double date);
  bool completions_are_in();
  SimTime quiet_until();
  void defer(std::function<void()> act, bool readies_actor);
  Flow& add_flow(Bytes bytes, std::function<void()> done);
  void start_flow(FlowId id, s4u::ActivityPtr activity);
  void end_flow(FlowId id);
  Bytes drop_flow(FlowId id);
  static Bytes arrived(const Flow& flow);
  void start_actor(const std::string& name, std::function<void(ActorContext&)> body);
  void on_completion(const s4u::Activity& activity);
  void finish_flow(Flow& flow);
  void go_on_after_actor();
  void abandon_all();
  void fail(std::exception_ptr error);

  Engine& engine_;
  SimGridPlatform platform_;
  Timer* kernel_timer_ = nullptr;  // the one that is armed, if any; SimGrid deletes it
  SimTime armed_for_{};            // events up to here may be played while flows are under way
  double settled_until_ = -1.0;    // SimGrid's clock: what ended up to here is in the heap
  SimTime end_{};
  std::uint64_t events_ = 0;
  bool interrupted_ = false;  // something wants SimGrid, or stop()
  bool stopping_ = false;
  bool running_ = false;
  bool abandoned_ = false;    // nothing is played any more, actors unwind
  bool actor_ready_ = false;  // SimGrid runs an actor next; it wakes us when it waits or ends
  std::exception_ptr error_;

  std::vector<std::function<void()>> one_shots_;  // by slot
  std::vector<TimerId> one_shot_timers_;          // by slot
  std::vector<std::uint64_t> free_slots_;

  std::deque<Deferred> deferred_;
  std::map<FlowId, Flow> flows_;  // by id: nodes stay where SimGrid's data points to
  FlowId next_flow_ = 0;
  std::size_t flows_under_way_ = 0;
  std::set<std::string> dead_links_;       // that pass next to nothing
  std::vector<s4u::ActivityPtr> dropped_;  // until SimGrid has shared what they had
  std::map<std::uint64_t, s4u::ActorPtr> actors_;
  std::uint64_t next_actor_ = 0;
};

// ---- actors ----

/// The face an actor's body sees. Every wait ends by an event of the heap that releases the
/// semaphore: SimGrid holds no sleeping actor's clock.
class Engine::Impl::Actor : public ActorContext {
 public:
  Actor(Impl& engine, std::uint64_t id) : engine_{engine}, id_{id} {}
  ~Actor() override {
    engine_.actors_.erase(id_);
    engine_.go_on_after_actor();
  }
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  void sleep_until(SimTime t) override {
    engine_.at(t, EventPriority::fleet, [this] { wake(); });
    wait();
  }
  void transfer(const std::string& from, const std::string& to, Bytes bytes) override {
    engine_.transfer(from, to, bytes, [this] { wake(); });
    wait();
  }
  void read(const std::string& node, Bytes bytes) override {
    engine_.read(node, bytes, [this] { wake(); });
    wait();
  }

 private:
  void wait() {
    engine_.go_on_after_actor();
    awake_->acquire();
  }
  void wake() {
    engine_.defer([this] { awake_->release(); }, true);
  }

  Impl& engine_;
  std::uint64_t id_;
  s4u::SemaphorePtr awake_ = s4u::Semaphore::create(0);
};

void Engine::Impl::spawn(const std::string& name, std::function<void(ActorContext&)> body) {
  defer([this, name, body = std::move(body)]() mutable { start_actor(name, std::move(body)); },
        true);
}

/// An actor ran as part of an event and now waits or ends: the next event may be played.
void Engine::Impl::go_on_after_actor() {
  actor_ready_ = false;
  if (!abandoned_) {
    wake_at(engine_.now_);
  }
}

void Engine::Impl::start_actor(const std::string& name, std::function<void(ActorContext&)> body) {
  const std::uint64_t id = next_actor_++;
  actors_[id] =
      s4u::Actor::create(name, platform_.control_host(), [this, id, body = std::move(body)] {
        Actor actor{*this, id};
        try {
          body(actor);
        } catch (const simgrid::ForcefulKillException&) {
          throw;  // SimGrid unwinds the actor: not ours to stop
        } catch (...) {
          fail(std::current_exception());
        }
      });
}

// ---- flows ----

Engine::Impl::Flow& Engine::Impl::add_flow(Bytes bytes, std::function<void()> done) {
  const FlowId id = next_flow_++;
  Flow& flow = flows_[id];
  flow.id = id;
  flow.bytes = bytes;
  flow.done = std::move(done);
  return flow;
}

FlowId Engine::Impl::transfer(const std::string& from, const std::string& to, Bytes bytes,
                              std::function<void()> done) {
  PLIMSOLL_CHECK(bytes >= Bytes{}, "a transfer moves 0 bytes or more");
  s4u::Host* const source = platform_.host(from);
  s4u::Host* const destination = platform_.host(to);
  Flow& flow = add_flow(bytes, std::move(done));
  const FlowId id = flow.id;
  if (source == destination) {
    flow.ended = true;
    at(engine_.now_, EventPriority::completion, [this, id] { end_flow(id); });
    return id;
  }
  const auto size = static_cast<std::uint64_t>(bytes.count());
  const auto start = [this, id, source, destination, size] {
    start_flow(id, s4u::Comm::sendto_init(source, destination)->set_payload_size(size));
  };
  const Duration latency = platform_.latency(source, destination);
  if (latency == Duration{}) {
    defer(start, false);
  } else {
    at(engine_.now_ + latency, EventPriority::completion, [this, id, start] {
      if (flows_.contains(id) && !flows_.at(id).cancelled) {
        defer(start, false);
      }
    });
  }
  return id;
}

FlowId Engine::Impl::read(const std::string& node, Bytes bytes, std::function<void()> done) {
  PLIMSOLL_CHECK(bytes >= Bytes{}, "a read takes 0 bytes or more");
  s4u::Disk* const disk = platform_.disk(node);
  const auto size = static_cast<sg_size_t>(bytes.count());
  const FlowId id = add_flow(bytes, std::move(done)).id;
  defer([this, id, disk, size] { start_flow(id, disk->io_init(size, s4u::Io::OpType::READ)); },
        false);
  return id;
}

void Engine::Impl::cancel_flow(FlowId id, std::function<void(Bytes)> carried) {
  const auto found = flows_.find(id);
  if (found == flows_.end() || found->second.cancelled) {
    return;
  }
  found->second.cancelled = true;
  defer(
      [this, id, carried = std::move(carried)] {
        const Bytes arrived = drop_flow(id);
        if (carried) {
          carried(arrived);
        }
      },
      false);
}

/// Takes a flow that was cancelled out of SimGrid. Returns what it had carried.
Bytes Engine::Impl::drop_flow(FlowId id) {
  const Flow flow = flows_.at(id);
  flows_.erase(id);
  const Bytes carried = arrived(flow);
  if (!flow.ended && flow.activity != nullptr) {
    flow.activity->set_data(nullptr);
    flow.activity->cancel();
    --flows_under_way_;
    dropped_.push_back(flow.activity);
  }
  return carried;
}

/// By SimGrid's clock.
Bytes Engine::Impl::arrived(const Flow& flow) {
  if (flow.ended) {
    return flow.bytes;
  }
  if (flow.activity == nullptr) {
    return Bytes{};  // its latency had not passed
  }
  const double left = flow.activity->get_remaining();
  return flow.bytes - Bytes::of(static_cast<std::int64_t>(std::ceil(left)));
}

Bytes Engine::Impl::carried(FlowId id) const {
  if (running_) {
    return Bytes{};
  }
  const auto found = flows_.find(id);
  return found == flows_.end() || found->second.cancelled ? Bytes{} : arrived(found->second);
}

void Engine::Impl::set_bandwidth_share(const std::string& name, double share) {
  PLIMSOLL_CHECK(share > 0 && share <= 1, "a link passes a share of its bandwidth, above 0");
  defer([this, name, share] { platform_.set_bandwidth_share(name, share); }, false);
}

void Engine::Impl::start_flow(FlowId id, s4u::ActivityPtr activity) {
  Flow& flow = flows_.at(id);
  flow.activity = std::move(activity);
  flow.activity->set_data(&flow);
  ++flows_under_way_;
  flow.activity->start();
}

void Engine::Impl::on_completion(const s4u::Activity& activity) {
  auto* const flow = activity.get_data<Flow>();
  if (flow == nullptr || flow->ended || abandoned_) {
    return;
  }
  flow->ended = true;
  --flows_under_way_;
  finish_flow(*flow);
}

void Engine::Impl::finish_flow(Flow& flow) {
  const SimTime clock_time{from_seconds(clock())};
  if (clock_time + clock_tolerance < engine_.now_ && clock_time < trusted_clock_end) {
    fail(std::make_exception_ptr(InternalError{"a flow ended before now()"}));
    return;
  }
  const SimTime t = std::max(clock_time, engine_.now_);
  at(t, EventPriority::completion, [this, id = flow.id] { end_flow(id); });
  wake_at(t);
}

void Engine::Impl::end_flow(FlowId id) {
  const auto found = flows_.find(id);
  if (found == flows_.end() || found->second.cancelled) {
    return;
  }
  const std::function<void()> done = std::move(found->second.done);
  flows_.erase(found);
  done();
}

// ---- events ----

TimerId Engine::Impl::at(SimTime t, EventPriority priority, std::function<void()> fn) {
  PLIMSOLL_CHECK(t >= engine_.now_, "no event lies in the past");
  std::uint64_t slot = one_shots_.size();
  if (free_slots_.empty()) {
    one_shots_.emplace_back();
    one_shot_timers_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  one_shots_[slot] = std::move(fn);
  const TimerId timer = engine_.heap_.make_event(priority, &play_one_shot, this, slot);
  one_shot_timers_[slot] = timer;
  engine_.heap_.arm(timer, t);
  return timer;
}

std::function<void()> Engine::Impl::take_one_shot(std::uint64_t slot) {
  engine_.heap_.free_timer(one_shot_timers_[slot]);
  free_slots_.push_back(slot);
  return std::exchange(one_shots_[slot], nullptr);
}

void Engine::Impl::play_one_shot(void* context, std::uint64_t slot) {
  static_cast<Impl*>(context)->take_one_shot(slot)();
}

void Engine::Impl::cancel(TimerId event) {
  PLIMSOLL_CHECK(engine_.heap_.armed(event), "an event is cancelled before it happens");
  engine_.heap_.disarm(event);
  take_one_shot(engine_.heap_.timer(event).argument);
}

// ---- the loop ----

void Engine::Impl::defer(std::function<void()> act, bool readies_actor) {
  if (!stopping_) {
    deferred_.push_back(Deferred{std::move(act), readies_actor});
    interrupted_ = true;
  }
}

/// Wakes play() for the events of `t`, at once when SimGrid's clock stands there already.
void Engine::Impl::wake_at(SimTime t) {
  armed_for_ = t;
  arm_kernel_timer(std::max(date_of(t), clock()));
}

void Engine::Impl::arm_kernel_timer(double date) {
  if (kernel_timer_ != nullptr) {
    kernel_timer_->remove();
  }
  kernel_timer_ = Timer::set(date, [this] {
    kernel_timer_ = nullptr;
    play();
  });
}

/// SimGrid executes timers before it hands out the activities that end at the same date. While
/// flows are under way play() therefore comes twice to each date, the second time one step of the
/// clock later, when everything that completed is in the heap. False: come again.
bool Engine::Impl::completions_are_in() {
  if (flows_under_way_ == 0 || clock() <= settled_until_) {
    return true;
  }
  settled_until_ = std::nextafter(clock(), std::numeric_limits<double>::infinity());
  arm_kernel_timer(settled_until_);
  return false;
}

/// The time before which no flow under way can end, as long as none is added: up to there events
/// need not wait for SimGrid's clock.
SimTime Engine::Impl::quiet_until() {
  const double now = clock();
  double delay = std::numeric_limits<double>::infinity();
  for (auto* const model : platform_.engine().get_all_models()) {
    const double next = model->next_occurring_event(now);
    if (next >= 0.0) {
      delay = std::min(delay, next);
    }
  }
  // Beyond the trusted clock the answer lies in the past: step by step.
  const double trusted = to_seconds(trusted_clock_end.time_since_epoch());
  return SimTime{from_seconds(std::min(now + delay, trusted))} - 2 * clock_tolerance;
}

/// Starts what waited for SimGrid's clock; true when SimGrid has to run before we go on.
bool Engine::Impl::start_deferred() {
  while (!deferred_.empty()) {
    Deferred next = std::move(deferred_.front());
    deferred_.pop_front();
    next.act();
    if (next.readies_actor) {
      actor_ready_ = true;
      return true;
    }
  }
  if (!dropped_.empty()) {
    settled_until_ = std::nextafter(clock(), std::numeric_limits<double>::infinity());
    arm_kernel_timer(settled_until_);
    return true;
  }
  return false;
}

/// Plays events up to `limit` in order, until one of them wants SimGrid.
void Engine::Impl::drain(SimTime limit) {
  EventHeap& heap = engine_.heap_;
  while (!heap.empty() && !interrupted_) {
    const SimTime t = heap.head_time();
    if (t > limit) {
      break;
    }
    engine_.now_ = t;
    const EventHeap::Timer timer = heap.pop();
    ++events_;
    heap.fetch_next();
    timer.fn(timer.context, timer.argument);
  }
}

/// Runs in SimGrid's maestro whenever the kernel timer is due; leaves it armed for what is next.
void Engine::Impl::play() {
  dropped_.clear();
  try {
    while (!stopping_) {
      if (actor_ready_ || !completions_are_in()) {
        return;
      }
      if (!deferred_.empty()) {
        if (clock() < date_of(engine_.now_)) {
          wake_at(engine_.now_);  // SimGrid's clock must catch up with now() first
          return;
        }
        if (start_deferred()) {
          return;
        }
      }
      interrupted_ = false;
      drain(flows_under_way_ == 0 ? end_ : std::min(end_, std::max(armed_for_, quiet_until())));
      if (interrupted_) {
        continue;
      }
      if (!engine_.heap_.empty() && engine_.heap_.head_time() <= end_) {
        wake_at(engine_.heap_.head_time());
      } else if (end_ != never && clock() < date_of(end_)) {
        wake_at(end_);
      }
      return;
    }
  } catch (...) {
    fail(std::current_exception());
  }
  if (!error_ && flows_under_way_ > 0 && clock() < date_of(engine_.now_)) {
    wake_at(engine_.now_);  // what flows have carried by now() is told once SimGrid stands there
    return;
  }
  abandon_all();
}

void Engine::Impl::fail(std::exception_ptr error) {
  if (!error_) {
    error_ = std::move(error);
  }
  stop();
  if (kernel_timer_ == nullptr && running_) {
    wake_at(engine_.now_);
  }
}

/// Leaves SimGrid nothing to wait for: flows end unseen and actors unwind.
void Engine::Impl::abandon_all() {
  stopping_ = true;
  abandoned_ = true;
  deferred_.clear();
  if (kernel_timer_ != nullptr) {
    kernel_timer_->remove();
    kernel_timer_ = nullptr;
  }
  for (auto& [id, flow] : flows_) {
    if (!flow.ended) {
      flow.bytes = arrived(flow);
      flow.ended = true;
      if (flow.activity) {
        flow.activity->cancel();
      }
    }
  }
  flows_under_way_ = 0;
  for (auto& [id, actor] : actors_) {
    actor->kill();
  }
}

void Engine::Impl::run(SimTime end) {
  PLIMSOLL_CHECK(!running_, "run() is not called from an event");
  PLIMSOLL_CHECK(!stopping_, "a stopped engine cannot be run again");
  PLIMSOLL_CHECK(end >= engine_.now_, "time does not run backwards");
  running_ = true;
  end_ = end;
  wake_at(engine_.now_);
  if (end == never) {
    platform_.engine().run();
  } else {
    while (!stopping_ && (kernel_timer_ != nullptr || clock() < date_of(end))) {
      platform_.engine().run_until(date_of(end) + beyond_end);
    }
    if (stopping_ && !actors_.empty()) {
      platform_.engine().run();  // lets the killed actors unwind
    }
  }
  running_ = false;
  if (error_) {
    std::rethrow_exception(std::exchange(error_, nullptr));
  }
  if (end != never && !stopping_) {
    engine_.now_ = end;
  }
}

Engine::Impl::~Impl() {
  if (flows_under_way_ > 0 || !actors_.empty()) {
    abandon_all();
    platform_.engine().run();
  }
}

// ---- the face ----

Engine::Engine(const PlatformSpec& platform) : impl_{std::make_unique<Impl>(*this, platform)} {
}
Engine::~Engine() = default;

TimerId Engine::at(SimTime t, EventPriority priority, std::function<void()> fn) {
  return impl_->at(t, priority, std::move(fn));
}
void Engine::cancel(TimerId event) {
  impl_->cancel(event);
}
void Engine::spawn(const std::string& name, std::function<void(ActorContext&)> body) {
  impl_->spawn(name, std::move(body));
}
FlowId Engine::transfer(const std::string& from, const std::string& to, Bytes bytes,
                        std::function<void()> done) {
  return impl_->transfer(from, to, bytes, std::move(done));
}
FlowId Engine::read(const std::string& node, Bytes bytes, std::function<void()> done) {
  return impl_->read(node, bytes, std::move(done));
}
void Engine::cancel_flow(FlowId flow, std::function<void(Bytes)> carried) {
  impl_->cancel_flow(flow, std::move(carried));
}
Bytes Engine::carried(FlowId flow) const {
  return impl_->carried(flow);
}
void Engine::set_bandwidth_share(const std::string& name, double share) {
  impl_->set_bandwidth_share(name, share);
}
void Engine::run_until(SimTime end) {
  impl_->run(end);
}
void Engine::run() {
  impl_->run(never);
}
void Engine::stop() {
  impl_->stop();
}
std::uint64_t Engine::events() const {
  return impl_->events();
}

}  // namespace plimsoll
