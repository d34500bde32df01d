// Time. An event heap ordered by (time, priority, tie) on one SimGrid kernel timer, and SimGrid's
// flows and actors for whatever contends for a shared resource. The rest of the code does not know
// that SimGrid exists. One Engine per process, ever.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/event_heap.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Hosts, links and disks to build. Names are unique; nodes are grouped so that 1,750 of them
/// cost little.
struct PlatformSpec {
  struct NodeGroup {
    std::string name;  // hosts are called NAME-0 .. NAME-(count-1)
    int count = 0;
    BytesPerSecond nic;  // per direction
    Duration nic_latency{};
    BytesPerSecond disk_read;  // 0: no disk
  };
  struct Store {
    std::string name;
    BytesPerSecond uplink;
    Duration latency{};
  };
  /// A link that several hosts send through, e.g. from one region to another.
  struct SharedLink {
    std::string name;
    BytesPerSecond bandwidth;
  };
  /// Another name of a store: what flows under it passes the store's own link and a shared one.
  struct RemoteName {
    std::string name;
    std::string store;
    std::string link;
  };
  std::vector<NodeGroup> groups;
  std::vector<Store> stores;
  std::vector<SharedLink> shared_links;
  std::vector<RemoteName> remote_names;
};

class Engine;

/// A transfer or read, from its call on; never reused.
using FlowId = std::uint64_t;

/// What an actor's body may do besides using the engine: wait.
class ActorContext {
 public:
  virtual ~ActorContext() = default;
  /// Goes on at `t` >= now(), as an event of priority fleet: after what is due before it.
  virtual void sleep_until(SimTime t) = 0;
  /// Moves bytes and waits until they arrived.
  virtual void transfer(const std::string& from, const std::string& to, Bytes bytes) = 0;
  /// Reads from `node`'s disk and waits.
  virtual void read(const std::string& node, Bytes bytes) = 0;
};

/// Plays events in their total order. As long as nothing contends for a shared resource the heap is
/// drained in a plain loop; while flows are under way SimGrid's clock leads from event to event.
/// Both ways give the same order. Events, actors and `done` functions may call everything here but
/// run() and run_until(); what they throw ends the run and comes out of run() or run_until(), after
/// which, as after stop(), the engine cannot be run again.
class Engine {
 public:
  /// Builds the platform. Two nodes, stores or groups of one name, or a rate that is not above 0,
  /// are an InternalError: the config room has checked what the user wrote.
  explicit Engine(const PlatformSpec& platform);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  SimTime now() const { return now_; }

  /// A timer that is armed over and over without allocation: `fn(context, argument)` runs when it
  /// is due. Ties of equal (time, priority) go by order of creation, whenever they were armed.
  /// `objects`, if given, outlive the run.
  TimerId make_timer(EventPriority priority, EventFn fn, void* context, std::uint64_t argument,
                     const TimedObjects* objects = nullptr) {
    return heap_.make_timer(priority, fn, context, argument, objects);
  }
  /// Arms or re-arms; t >= now().
  void arm(TimerId timer, SimTime t) {
    PLIMSOLL_CHECK(t >= now_, "no event lies in the past");
    heap_.arm(timer, t);
  }
  void disarm(TimerId timer) { heap_.disarm(timer); }
  /// `timer` will be armed in a moment.
  void fetch(TimerId timer) const { heap_.fetch(timer); }

  /// One event; equal (time, priority) go by order of the calls, after all timers. t >= now().
  TimerId at(SimTime t, EventPriority priority, std::function<void()> fn);
  /// Cancels an event of at() that has not happened.
  void cancel(TimerId event);

  /// Starts an actor: straight-line code that waits. Runs from now().
  void spawn(const std::string& name, std::function<void(ActorContext&)> body);
  /// Moves bytes over the network; `done` runs as an event on completion. The flow takes the sum
  /// of both ends' latencies, then shares both ends' bandwidth max-min with all others. From a
  /// node to itself it takes no time. Unknown names are an InternalError.
  FlowId transfer(const std::string& from, const std::string& to, Bytes bytes,
                  std::function<void()> done);
  /// Reads from a node's disk; reads at the same time share it equally.
  FlowId read(const std::string& node, Bytes bytes, std::function<void()> done);
  /// Ends a transfer or read whose `done` has not run, and never will: from now() on the others
  /// share what it had. `carried` (may be empty) runs before any event after the current one and is
  /// told the bytes that had arrived. No news for a flow that is over.
  void cancel_flow(FlowId flow, std::function<void(Bytes)> carried);
  /// Of a flow whose `done` had not run when the run ended: the bytes that had arrived by then, to
  /// within 5 us of the end of run_until(); 0 for one that was cancelled or is over. During a run
  /// always 0: SimGrid's clock may lie behind now(), and asking it would change its rounding.
  Bytes carried(FlowId flow) const;

  /// From now on the link of a node or store passes `share` of its bandwidth, 0 < share <= 1, each
  /// way, but 10 B/s at least; flows under way get slower or faster.
  void set_bandwidth_share(const std::string& name, double share);

  /// Plays all events up to and including `end`, then now() == end; or until stop().
  void run_until(SimTime end);
  /// Plays until nothing is left to happen, or stop().
  void run();
  /// Ends run_until()/run() after the current event, for good: actors are unwound, flows dropped.
  void stop();

  /// Events played so far.
  std::uint64_t events() const;

 private:
  class Impl;
  SimTime now_{};
  EventHeap heap_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace plimsoll
