// Test support: plays a workload on one replica, on ContinuousReplica in an engine of its own or on
// the oracle, and writes down all that can be seen from outside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "serving/replica.hpp"
#include "serving/speculation.hpp"
#include "support/naive_replica.hpp"

namespace plimsoll::testing {

struct CaseRequest {
  SimTime arrival{};
  Phase phase = Phase::before_steps;
  std::int32_t prompt = 1;
  std::int32_t output = 1;
  QueueRank rank = 0;
  SimTime deadline = never;  // leaves the line then, unless it was scheduled before
  SharedPrefix prefix{};     // only with a prefix cache
  Duration read_gap{};       // between tokens that its client reads; where the shape holds unread
  SimTime leaves = never;    // its client does, wherever the request is then, unless it is unread
};

/// One replica, what comes to it, and when its metrics windows end. Whoever plays it sets
/// `shape.costs`, `shape.speculation` and the energies. Requests are in order of (arrival, phase)
/// and get the ids 0, 1, ...
struct ReplicaCase {
  StepCostTable costs;
  ReplicaShape shape;
  std::optional<Speculation> speculation{};
  EnergyTable energy{};        // empty: not counted
  EnergyTable draft_energy{};  // with `speculation`
  SimTime ready{};
  std::vector<CaseRequest> requests;
  std::vector<SimTime> windows;  // rising; the run ends with the last
};

/// A replica with room for all of `requests`: 16 sequences, `budget` tokens a step, KV blocks of 4
/// for 4,000 tokens; one window of an hour.
ReplicaCase roomy_case(StepCostTable costs, int budget, std::vector<CaseRequest> requests);

/// -1: did not happen. All fields are of one size, so that results can be compared as bytes.
struct RequestResult {
  std::int64_t scheduled = -1;
  std::int64_t first_token = -1;
  std::int64_t finished = -1;
  std::int64_t given_up = -1;
  std::int64_t preemptions = 0;
  std::int64_t emitted = 0;
  std::int64_t prefix_hit = 0;  // tokens
};

struct WindowResult {
  std::int64_t steps = 0;
  std::int64_t decode_tokens = 0;
  std::int64_t burst_tokens = 0;
  std::int64_t prompt_tokens = 0;
  std::int64_t first_tokens = 0;
  std::uint64_t gaps = 0;      // sum of inter-token gaps, fs
  std::uint64_t gap_hash = 0;  // of the multiset of gaps
  std::int64_t resumed = 0;
  std::int64_t resumed_ns = 0;
  // at its end
  std::int64_t running = 0;
  std::int64_t waiting = 0;
  std::int64_t kv_blocks_used = 0;
  std::int64_t preemptions = 0;
  std::int64_t busy_ns = 0;
  std::int64_t idle_ns = 0;
  std::int64_t down_ns = 0;
  PrefixCounts prefix{};
  // attojoules modulo 2^64
  std::uint64_t steps_energy = 0;
  std::uint64_t idle_energy = 0;
  std::uint64_t loading_energy = 0;
};

struct PlayResult {
  std::vector<RequestResult> requests;
  std::vector<WindowResult> windows;
  std::int64_t step_reports = 0;  // calls of EventSink::on_steps: not part of the comparison
};

/// What the oracle saw besides.
struct NaiveResult : PlayResult {
  std::vector<SimTime> boundaries;
  NaiveReplica::Counts counts;
};

NaiveResult play_naive(const ReplicaCase& replica_case);

/// ContinuousReplica with fast-forward, then without, both in one engine of a child process.
/// Throws std::runtime_error with the child's complaint when it fails.
struct ContinuousResults {
  PlayResult fast;
  PlayResult slow;
};
ContinuousResults play_continuous(const ReplicaCase& replica_case);

/// The first difference between two results in words; empty when they are the same.
std::string difference(const PlayResult& a, const PlayResult& b);

}  // namespace plimsoll::testing
