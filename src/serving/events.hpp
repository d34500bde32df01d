// What serving and service tell the metrics: plain structs and the sink that takes them.
#pragma once

#include <cstdint>
#include <optional>

#include "base/int128.hpp"
#include "perf/step_time_model.hpp"
#include "plimsoll/ids.hpp"
#include "plimsoll/operations_summary.hpp"
#include "plimsoll/stages.hpp"
#include "plimsoll/units.hpp"
#include "serving/request_table.hpp"

namespace plimsoll {

/// A request at the end of its life, or at its first token (then `finished` is not set).
/// Keys are put into so many groups, by a hash, where experiments deal them to arms.
inline constexpr std::uint8_t key_groups = 64;

struct RequestRecord {
  RequestId id = 0;
  ClassIndex request_class = 0;
  TierIndex tier = 0;
  ModelIndex model = 0;
  PoolIndex pool = 0;  // meaningful when `replica_assigned`
  ReplicaIndex replica = 0;
  bool replica_assigned = false;
  RequestSlot slot = no_slot;  // in the request table, free for others once the call is over
  Outcome outcome = Outcome::completed;
  std::uint8_t key_group = 0;  // of its API key, below key_groups; in experiments by key only
  ArmIndex arm = no_arm;       // of the experiment that it takes part in
  std::int32_t prompt_tokens = 0;
  std::int32_t output_tokens = 0;   // that the request wants
  std::int32_t emitted_tokens = 0;  // that it got
  std::int32_t preemptions = 0;
  std::int32_t prefix_hit_tokens = 0;  // of the prompt, found when it was first scheduled
  SimTime arrived{};
  SimTime scheduled = never;  // first time in a batch
  SimTime first_token = never;
  SimTime finished = never;
};

/// `steps` consecutive steps of one replica with the same batch, all ending in one metrics window:
/// each of `sequences` decoding sequences got one token per step. Step j (0-based) lasted
/// first_step + j * slope.
struct StepRun {
  PoolIndex pool = 0;
  ReplicaIndex replica = 0;
  std::int64_t steps = 0;
  std::int64_t sequences = 0;      // decoding, hence with an inter-token gap per step
  std::int64_t prompt_tokens = 0;  // prompt tokens computed (only when steps == 1)
  std::int64_t first_tokens = 0;   // sequences whose prefill ended in it: tokens without a gap
  Femtoseconds first_step = 0;
  Femtoseconds slope = 0;
  bool told_before = false;  // the steps were told: only these sequences' tokens and gaps are new
  std::int64_t burst_tokens = 0;  // that came with another of their sequence: their gap is 0
  std::int64_t received = 0;  // sequences beside `sequences` that decode here for the first time:
                              // a token each, whose gap on_resumed_token tells
};

/// Tokens of prompts that a prefix cache has seen, since t = 0. Conservation:
///   prompt + recompute = hit + recompute_hit + computed in steps + given_up + left
struct PrefixCounts {
  std::int64_t prompt_tokens = 0;         // of requests when first scheduled
  std::int64_t hit_tokens = 0;            // of these, found
  std::int64_t recompute_tokens = 0;      // to compute again after a preemption
  std::int64_t recompute_hit_tokens = 0;  // of these, found
  std::int64_t given_up_tokens = 0;       // not computed: preempted amid the prompt
  std::int64_t left_tokens = 0;           // of admitted prompts, not computed yet
};

/// Energy of one pool since t = 0, in attojoules (10^-18 J), exact.
struct EnergyGauges {
  Int128 steps = 0;        // of steps that are over
  Int128 idle = 0;         // of replicas that serve or drain, outside of these
  Int128 loading = 0;      // rented, not serving yet
  Int128 unallocated = 0;  // of shared GPUs that no replica has
};

/// What became of an attempt that was to come to a stage of the path.
enum class VisitEnd : std::uint8_t {
  known,            // it came, and `result` says how that ended
  left_on_the_way,  // its client left before it came
  under_way,        // the run is over: it is there, or on its way there
  open,             // the run is over: it passed, and its connection is open yet
};

/// A request passed a stage of the path, or ended in it.
struct StageVisit {
  Stage stage = Stage::edge;
  VisitEnd end = VisitEnd::known;
  Outcome result = Outcome::completed;  // completed: it passed on; cached: answered here
  bool hit = false;                     // of a cache
  bool refused = false;                 // at the door: it was not let in to wait
  Duration wait{};                      // for its turn
  Duration latency{};                   // the wait included
  SimTime arrived{};                    // the request, however long ago
};

/// A request left the line of a model that has a waiting room, or did not come in.
struct WaitingRoomVisit {
  ModelIndex model = 0;
  WaitingRoomEnd end = WaitingRoomEnd::served;
  SimTime joined{};
  std::int64_t position = 0;     // that it was shown: requests that went first, then
  std::optional<Duration> told;  // the wait that it was shown; none: it was not
  Duration waited{};             // in line
};

/// The KV of a prompt came from a prefill to a decode replica.
struct KvTransfer {
  PoolIndex from = 0;
  PoolIndex to = 0;
  Bytes bytes;
  Duration wait{};  // from the first token until a decode replica accepted and the NICs were free
  Duration wire{};  // for which the NICs were held
  Duration time{};  // from the first token until the KV was there
  std::int64_t sending_nics = 0;
  std::int64_t receiving_nics = 0;
};

/// State of one pool at the end of a window.
struct PoolGauges {
  PoolIndex pool = 0;
  std::int64_t replicas_ready = 0;
  std::int64_t replicas_busy = 0;
  std::int64_t replicas_serving = 0;  // ready or draining
  std::int64_t running = 0;           // sequences in batches
  std::int64_t waiting = 0;           // requests in the replicas' own queues
  std::int64_t kv_blocks_used = 0;
  std::int64_t kv_blocks_total = 0;
  std::int64_t busy_ns = 0;  // replica-nanoseconds since t = 0
  std::int64_t idle_ns = 0;
  std::int64_t down_ns = 0;       // rented, not serving yet
  std::int64_t draining_ns = 0;   // serving what it has, for the last time
  std::int64_t off_ns = 0;        // not rented
  DownTimes down_by_cause{};      // parts of down_ns
  std::int64_t preemptions = 0;   // since t = 0
  std::int64_t cut_drains = 0;    // that took longer than their timeout, since t = 0
  std::int64_t cut_attempts = 0;  // attempts that these ended
  PrefixCounts prefix;            // zeros without a prefix cache
  EnergyGauges energy;            // zeros when replicas do not count it
};

/// Takes the events of a run, in order of time. Calls cost O(1) and must not allocate per call.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on_arrival(RequestId id, ClassIndex request_class, SimTime now) = 0;
  /// Only with experiments: a request that arrived takes part in one.
  virtual void on_assigned(const RequestRecord&, SimTime) {}
  /// The first output token of a request reached its user.
  virtual void on_first_token(const RequestRecord& record) = 0;
  /// A request came to its one outcome, at record.finished.
  virtual void on_end(const RequestRecord& record) = 0;
  virtual void on_steps(const StepRun& run) = 0;
  /// A sequence that had been preempted, or came from a prefill replica, emitted its next token
  /// `gap` after the one before.
  virtual void on_resumed_token(PoolIndex pool, Duration gap) = 0;
  /// Only with disaggregated pools: told when the transfer is over, whether or not its request is
  /// still there.
  virtual void on_kv_transfer(const KvTransfer&) {}
  /// Only with a request path: an attempt of a request that arrived then begins at the first stage;
  /// `again`: not its first one.
  virtual void on_attempt(SimTime, bool) {}
  /// Only with a request path: told once a visit, when its end is known or the run is over.
  virtual void on_stage(const StageVisit&) {}
  /// Only with a waiting room: told once for each time that a request stands in line.
  virtual void on_waiting_room(const WaitingRoomVisit&) {}
};

}  // namespace plimsoll
