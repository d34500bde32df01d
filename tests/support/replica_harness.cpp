// Test support: plays a workload on one replica and writes down all that can be seen from outside.
#include "support/replica_harness.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>

namespace plimsoll::testing {
namespace {

std::int64_t ns(SimTime t) {
  return t == never ? -1 : t.time_since_epoch().count();
}

std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// The requests' table, and everything a replica tells.
class Recorder : public EventSink, public ReplicaListener {
 public:
  explicit Recorder(const ReplicaCase& replica_case)
      : case_{replica_case}, slots_(replica_case.requests.size(), no_slot) {
    result_.requests.resize(replica_case.requests.size());
    if (replica_case.shape.prefix_cache) {
      table_.keep_prefixes();
    }
  }

  RequestTable& table() { return table_; }
  PlayResult& result() { return result_; }

  RequestSlot arrive(std::size_t i) {
    const CaseRequest& from = case_.requests[i];
    slots_[i] = table_.allocate();
    Request& request = table_[slots_[i]];
    request.id = i;
    request.arrived = from.arrival;
    request.rank = from.rank;
    request.prompt_tokens = from.prompt;
    request.output_tokens = from.output;
    if (table_.keeps_prefixes()) {
      table_.prefix_use(slots_[i]).prefix = from.prefix;
    }
    return slots_[i];
  }

  /// The slot of a request that still waits for the first time, else no_slot.
  RequestSlot patience_ends(std::size_t i) const {
    const RequestSlot slot = slots_[i];
    if (slot == no_slot || table_[slot].state != RequestState::waiting ||
        table_[slot].scheduled != never) {
      return no_slot;
    }
    return slot;
  }
  /// The slot of a request that waits or runs, else no_slot.
  RequestSlot client_leaves(std::size_t i) const {
    const RequestSlot slot = slots_[i];
    const bool there = slot != no_slot && (table_[slot].state == RequestState::waiting ||
                                           table_[slot].state == RequestState::running);
    return there ? slot : no_slot;
  }
  void gave_up(std::size_t i, SimTime now) {
    result_.requests[i].given_up = ns(now);
    result_.requests[i].emitted = table_[slots_[i]].emitted_tokens;
    end(slots_[i]);
  }

  void close_window(const PoolGauges& gauges) {
    window_.running = gauges.running;
    window_.waiting = gauges.waiting;
    window_.kv_blocks_used = gauges.kv_blocks_used;
    window_.preemptions = gauges.preemptions;
    window_.busy_ns = gauges.busy_ns;
    window_.idle_ns = gauges.idle_ns;
    window_.down_ns = gauges.down_ns;
    window_.prefix = gauges.prefix;
    window_.steps_energy = static_cast<std::uint64_t>(gauges.energy.steps);
    window_.idle_energy = static_cast<std::uint64_t>(gauges.energy.idle);
    window_.loading_energy = static_cast<std::uint64_t>(gauges.energy.loading);
    result_.windows.push_back(window_);
    window_ = {};
  }

  /// Requests in flight at the end of the run count as far as they came.
  void close() {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i] != no_slot) {
        write_down(slots_[i]);
      }
    }
  }

  void on_arrival(RequestId, ClassIndex, SimTime) override {}
  void on_first_token(const RequestRecord&) override {}
  void on_end(const RequestRecord&) override {}
  void on_steps(const StepRun& run) override {
    ++result_.step_reports;
    window_.steps += run.told_before ? 0 : run.steps;
    window_.decode_tokens += run.steps * run.sequences;
    window_.burst_tokens += run.burst_tokens;
    window_.prompt_tokens += run.prompt_tokens;
    window_.first_tokens += run.first_tokens;
    const auto sequences = static_cast<std::uint64_t>(run.sequences);
    for (std::int64_t j = 0; j < run.steps; ++j) {
      const auto gap = static_cast<std::uint64_t>(run.first_step + j * run.slope);
      window_.gaps += sequences * gap;
      window_.gap_hash += sequences * mixed(gap);
    }
  }
  void on_resumed_token(PoolIndex, Duration gap) override {
    ++window_.resumed;
    window_.resumed_ns += gap.count();
  }
  void on_first_token(RequestSlot slot, SimTime now) override {
    result_.requests[table_[slot].id].first_token = ns(now);
    PLIMSOLL_CHECK(table_[slot].first_token == now, "the table knows the first token");
  }
  /// A client takes the first token when it comes, each further one a gap later.
  SimTime leaves_at(RequestSlot slot, SimTime now) override {
    const Request& request = table_[slot];
    return std::max(now, request.first_token +
                             case_.requests[request.id].read_gap * (request.output_tokens - 1));
  }
  void on_cancelled(RequestSlot slot, SimTime now) override {
    gave_up(static_cast<std::size_t>(table_[slot].id), now);
  }
  void on_completed(RequestSlot slot, SimTime now) override {
    result_.requests[table_[slot].id].finished = ns(now);
    result_.requests[table_[slot].id].emitted = table_[slot].emitted_tokens;
    end(slot);
  }

 private:
  void write_down(RequestSlot slot) {
    RequestResult& result = result_.requests[table_[slot].id];
    result.scheduled = ns(table_[slot].scheduled);
    result.preemptions = table_[slot].preemptions;
    result.prefix_hit = table_.keeps_prefixes() ? table_.prefix_use(slot).hit_tokens : 0;
  }
  void end(RequestSlot slot) {
    write_down(slot);
    slots_[table_[slot].id] = no_slot;
    table_.release(slot);
  }

  const ReplicaCase& case_;
  RequestTable table_;
  std::vector<RequestSlot> slots_;
  PlayResult result_;
  WindowResult window_;
};

/// What happens to a replica from outside, in the order of the engine's priorities.
struct Event {
  SimTime time;
  EventPriority priority;
  std::size_t index;  // of the request or window; of a client who leaves behind all requests'
};

std::vector<Event> events_of(const ReplicaCase& replica_case) {
  std::vector<Event> events;
  const SimTime end = replica_case.windows.back();
  const auto add = [&](SimTime t, EventPriority priority, std::size_t index) {
    if (t <= end) {
      events.push_back({t, priority, index});
    }
  };
  add(replica_case.ready, EventPriority::fleet, 0);
  for (std::size_t i = 0; i < replica_case.requests.size(); ++i) {
    const CaseRequest& request = replica_case.requests[i];
    const bool before = request.phase == Phase::before_steps;
    add(request.arrival, before ? EventPriority::arrival : EventPriority::dispatch, i);
    if (request.deadline != never) {
      add(request.deadline, EventPriority::deadline, i);
    }
    if (request.leaves != never) {
      add(request.leaves, EventPriority::deadline, replica_case.requests.size() + i);
    }
  }
  for (std::size_t i = 0; i < replica_case.windows.size(); ++i) {
    add(replica_case.windows[i], EventPriority::window, i);
  }
  std::stable_sort(events.begin(), events.end(), [](const Event& a, const Event& b) {
    return a.time != b.time ? a.time < b.time : a.priority < b.priority;
  });
  return events;
}

void set_tables(ReplicaShape& shape, const ReplicaCase& replica_case) {
  shape.costs = &replica_case.costs;
  shape.speculation = replica_case.speculation ? &*replica_case.speculation : nullptr;
  shape.energy = replica_case.energy.tokens.empty() ? nullptr : &replica_case.energy;
  shape.draft_energy = &replica_case.draft_energy;
}

// ---- the replica under test ----

class Player {
 public:
  Player(const ReplicaCase& replica_case, bool fast_forward, Engine& engine)
      : recorder_{replica_case},
        requests_{replica_case.requests.size()},
        shape_{replica_case.shape},
        engine_{engine} {
    set_tables(shape_, replica_case);
    shape_.fast_forward = fast_forward;
    replica_ = make_replica(0, shape_, engine, recorder_.table(), recorder_, recorder_);
    for (const Event& event : events_of(replica_case)) {
      engine.at(event.time, event.priority, [this, event] { act(event); });
    }
  }

  PlayResult take_result() {
    recorder_.close();
    return recorder_.result();
  }

 private:
  void act(const Event& event) {
    switch (event.priority) {
      case EventPriority::fleet:
        replica_->become_ready();
        break;
      case EventPriority::arrival:
        replica_->enqueue(recorder_.arrive(event.index), Phase::before_steps);
        break;
      case EventPriority::dispatch:
        replica_->enqueue(recorder_.arrive(event.index), Phase::after_steps);
        break;
      case EventPriority::deadline:
        if (event.index >= requests_) {
          leave(event.index - requests_);
        } else if (const RequestSlot slot = recorder_.patience_ends(event.index); slot != no_slot) {
          replica_->cancel_waiting(slot, Phase::before_steps);
          recorder_.gave_up(event.index, engine_.now());
        }
        break;
      default:
        close_window();
    }
  }
  void leave(std::size_t request) {
    const RequestSlot slot = recorder_.client_leaves(request);
    if (slot != no_slot && recorder_.table()[slot].state == RequestState::running) {
      replica_->cancel_running(slot, Phase::before_steps);
    } else if (slot != no_slot) {
      replica_->cancel_waiting(slot, Phase::before_steps);
      recorder_.gave_up(request, engine_.now());
    }
  }
  void close_window() {
    replica_->settle(engine_.now());
    PoolGauges gauges;
    replica_->add_gauges(gauges, engine_.now());
    recorder_.close_window(gauges);
  }

  Recorder recorder_;
  std::size_t requests_;
  ReplicaShape shape_;
  Engine& engine_;
  std::unique_ptr<Replica> replica_;
};

// ---- results over a pipe ----

template <class T>
void append(std::string& bytes, const std::vector<T>& values) {
  const std::uint64_t size = values.size();
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes.append(reinterpret_cast<const char*>(values.data()), size * sizeof(T));
}

template <class T>
void extract(const std::string& bytes, std::size_t& at, std::vector<T>& values) {
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data() + at, sizeof size);
  at += sizeof size;
  values.resize(size);
  std::memcpy(values.data(), bytes.data() + at, size * sizeof(T));
  at += size * sizeof(T);
}

void append(std::string& bytes, const PlayResult& result) {
  append(bytes, result.requests);
  append(bytes, result.windows);
  append(bytes, std::vector<std::int64_t>{result.step_reports});
}

void extract(const std::string& bytes, std::size_t& at, PlayResult& result) {
  extract(bytes, at, result.requests);
  extract(bytes, at, result.windows);
  std::vector<std::int64_t> reports;
  extract(bytes, at, reports);
  result.step_reports = reports.at(0);
}

std::string play_in_engine(const ReplicaCase& replica_case) {
  Engine engine{PlatformSpec{}};
  Player fast{replica_case, true, engine};
  Player slow{replica_case, false, engine};
  engine.run_until(replica_case.windows.back());
  std::string bytes;
  append(bytes, fast.take_result());
  append(bytes, slow.take_result());
  return bytes;
}

/// In the child: '+' and the results, or '-' and what went wrong. Does not return.
[[noreturn]] void run_child(const ReplicaCase& replica_case, int out) {
  std::string bytes;
  try {
    bytes = "+" + play_in_engine(replica_case);
  } catch (const std::exception& error) {
    bytes = std::string{"-"} + error.what();
  }
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n = write(out, bytes.data() + written, bytes.size() - written);
    if (n <= 0) {
      _exit(1);
    }
    written += static_cast<std::size_t>(n);
  }
  _exit(0);
}

std::string read_all(int in) {
  std::string bytes;
  char buffer[65536];
  for (ssize_t n = read(in, buffer, sizeof buffer); n > 0; n = read(in, buffer, sizeof buffer)) {
    bytes.append(buffer, static_cast<std::size_t>(n));
  }
  return bytes;
}

template <class T>
std::size_t first_difference(const std::vector<T>& a, const std::vector<T>& b) {
  std::size_t i = 0;
  while (i < a.size() && i < b.size() && std::memcmp(&a[i], &b[i], sizeof(T)) == 0) {
    ++i;
  }
  return i;
}

std::string words(const RequestResult& r) {
  return fmt::format(
      "scheduled {} first {} finished {} given up {} preemptions {} emitted {} "
      "prefix hit {}",
      r.scheduled, r.first_token, r.finished, r.given_up, r.preemptions, r.emitted, r.prefix_hit);
}

std::string words(const WindowResult& w) {
  return fmt::format(
      "steps {} decoded {} + {} prompt {} first {} gaps {} hash {:x} resumed {} ({} ns) running {} "
      "waiting {} blocks {} preemptions {} busy {} idle {} down {} "
      "prefix: prompts {} hits {} recomputed {} hits {} given up {} left {} energy {} {} {}",
      w.steps, w.decode_tokens, w.burst_tokens, w.prompt_tokens, w.first_tokens, w.gaps, w.gap_hash,
      w.resumed, w.resumed_ns, w.running, w.waiting, w.kv_blocks_used, w.preemptions, w.busy_ns,
      w.idle_ns, w.down_ns, w.prefix.prompt_tokens, w.prefix.hit_tokens, w.prefix.recompute_tokens,
      w.prefix.recompute_hit_tokens, w.prefix.given_up_tokens, w.prefix.left_tokens, w.steps_energy,
      w.idle_energy, w.loading_energy);
}

template <class T>
std::string compare(const char* what, const std::vector<T>& a, const std::vector<T>& b) {
  const std::size_t i = first_difference(a, b);
  if (i == a.size() && i == b.size()) {
    return {};
  }
  if (i == a.size() || i == b.size()) {
    return fmt::format("{} and {} {}s\n", a.size(), b.size(), what);
  }
  return fmt::format("{} {}:\n  {}\n  {}\n", what, i, words(a[i]), words(b[i]));
}

}  // namespace

ReplicaCase roomy_case(StepCostTable costs, int budget, std::vector<CaseRequest> requests) {
  ReplicaCase c;
  c.costs = std::move(costs);
  c.shape.max_num_seqs = 16;
  c.shape.token_budget = budget;
  c.shape.block_size = 4;
  c.shape.kv_blocks = 1000;
  c.shape.max_context = 4000;
  c.requests = std::move(requests);
  c.windows = {SimTime{std::chrono::hours{1}}};
  return c;
}

NaiveResult play_naive(const ReplicaCase& replica_case) {
  Recorder recorder{replica_case};
  ReplicaShape shape = replica_case.shape;
  set_tables(shape, replica_case);
  NaiveReplica replica{shape, recorder.table(), recorder, recorder};
  NaiveResult result;
  const auto play_steps_before = [&](const Event& event) {
    while (true) {
      const bool reads = replica.next_read() <= replica.next_boundary();
      const SimTime next = reads ? replica.next_read() : replica.next_boundary();
      const EventPriority priority = reads ? EventPriority::completion : EventPriority::step;
      if (next > event.time || (next == event.time && priority > event.priority)) {
        return;
      }
      if (reads) {
        replica.end_read();
      } else {
        result.boundaries.push_back(next);
        replica.end_step();
      }
    }
  };
  for (const Event& event : events_of(replica_case)) {
    play_steps_before(event);
    if (event.priority == EventPriority::fleet) {
      replica.become_ready(event.time);
    } else if (event.priority == EventPriority::deadline) {
      const std::size_t requests = replica_case.requests.size();
      const bool leaves = event.index >= requests;
      const std::size_t i = leaves ? event.index - requests : event.index;
      const RequestSlot slot = leaves ? recorder.client_leaves(i) : recorder.patience_ends(i);
      if (slot != no_slot && recorder.table()[slot].state == RequestState::running) {
        replica.cancel_running(slot);
      } else if (slot != no_slot) {
        replica.cancel_waiting(slot);
        recorder.gave_up(i, event.time);
      }
    } else if (event.priority == EventPriority::window) {
      PoolGauges gauges;
      replica.add_gauges(gauges, event.time);
      recorder.close_window(gauges);
    } else {
      replica.enqueue(recorder.arrive(event.index), event.time);
    }
  }
  recorder.close();
  static_cast<PlayResult&>(result) = recorder.result();
  result.counts = replica.counts();
  return result;
}

ContinuousResults play_continuous(const ReplicaCase& replica_case) {
  int ends[2];
  if (pipe(ends) != 0) {
    throw std::runtime_error{"no pipe"};
  }
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    run_child(replica_case, ends[1]);
  }
  close(ends[1]);
  const std::string bytes = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0 || bytes.empty() || bytes[0] != '+') {
    throw std::runtime_error{fmt::format("child ended with {}: {}", status, bytes)};
  }
  ContinuousResults results;
  std::size_t at = 1;
  extract(bytes, at, results.fast);
  extract(bytes, at, results.slow);
  return results;
}

std::string difference(const PlayResult& a, const PlayResult& b) {
  return compare("request", a.requests, b.requests) + compare("window", a.windows, b.windows);
}

}  // namespace plimsoll::testing
