// What clients do by themselves: wait, give up, try again, go on.
#pragma once

#include <cstdint>
#include <optional>

#include "plimsoll/config.hpp"
#include "service/latency_sampler.hpp"
#include "workload/request_maker.hpp"

namespace plimsoll {

/// What a session has come to after a turn.
struct Conversation {
  std::int64_t tokens = 0;  // prompt and answer
  SharedPrefix prefix;      // of its prompt
};

class Clients {
 public:
  Clients(const Config& config, std::uint64_t seed);

  /// When the client of `request`, which arrives at `t`, leaves; never when it has all patience.
  SimTime patience_ends(RequestId request, SimTime t) const;
  /// When the client gives up an attempt that begins at `t`.
  SimTime attempt_ends(SimTime t) const;

  /// Whether it tries again after `attempt` (1, 2, ...) ended so.
  bool tries_again(Outcome outcome, int attempt) const;
  /// The wait before the next attempt, at least 1 ns.
  Duration back_off(RequestId request, int attempt) const;

  bool has_sessions() const { return sessions_.has_value(); }
  /// How long the user of `request` thinks before the next turn; nothing when it was the last one.
  std::optional<Duration> next_turn(RequestId request) const;
  /// The session that the request `id` begins.
  static PrefixId session_of(RequestId id);
  /// Whether `session` is one of clients, which take up one turn after the other, rather than one
  /// that a workload names.
  static bool is_own(PrefixId session);
  /// The next turn after `conversation`, for a model that takes `max_context` tokens: clients drop
  /// the oldest of it, and what is left has nothing in common with what was sent before. `number`
  /// counts all further turns of the run.
  Arrival make_turn(std::uint64_t number, ClassIndex request_class,
                    const Conversation& conversation, int max_context) const;

 private:
  RandomStream patience_stream_;
  RandomStream back_off_stream_;
  RandomStream session_stream_;
  std::optional<LatencySampler> patience_;
  std::optional<Duration> timeout_;
  std::optional<RetryConfig> retries_;
  std::optional<SessionConfig> sessions_;
  LatencySampler think_;
  RequestMaker maker_;
};

}  // namespace plimsoll
