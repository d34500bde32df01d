// Workload: conversations of a trace that names its sessions.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>

#include "plimsoll/config.hpp"
#include "plimsoll/workload.hpp"
#include "workload/request_maker.hpp"

namespace plimsoll {

/// A session that has sent nothing for longer has ended; in the trace's own time.
inline constexpr Duration longest_silence = std::chrono::hours{24};

/// A row goes on from the latest row before it of its session: its prompt begins with that row's
/// prompt and answer. A prompt that is shorter than those begins a new context, which has nothing
/// in common with the old one but what all prompts of the session begin with. Where a trace says
/// reusable_prefix_tokens, a row goes on from so many tokens of its session, whatever its length,
/// and 0 begin a new context. Branches of a conversation count as one.
/// A session that has sent nothing for a time has ended, and its name may begin another.
/// Memory and time of a row: O(sessions that have not ended) and O(log of them).
class TraceSessions {
 public:
  /// `maker` draws what the prompts of a session begin with, and outlives this. Times are the
  /// trace's own.
  TraceSessions(const RequestMaker& maker, Duration ends_after, bool says_reusable)
      : maker_{maker}, ends_after_{ends_after}, says_reusable_{says_reusable} {}

  /// Sets `row.prefix` and `row.session_began` of a row whose class and lengths are set; rows come
  /// in order of their time `at`, `id` is the row's.
  void fill(std::string_view name, Duration at, RequestId id, Arrival& row);
  /// Sessions that are remembered.
  std::size_t alive() const { return places_.size(); }

 private:
  struct Session {
    std::string name;
    Duration latest{};
    RequestId first = 0;
    std::uint8_t context = 0;  // which one, modulo 256
    std::int64_t tokens = 0;   // of the context; 0: it has not begun
    SharedPrefix prefix;
  };

  Session& find(std::string_view name, Duration at, RequestId id);
  /// Tokens of the prompt that were its session's context before.
  std::int32_t history_of(const Session& session, const Arrival& row) const;

  const RequestMaker& maker_;
  Duration ends_after_;
  bool says_reusable_;
  std::list<Session> order_;  // the one that has been silent longest first
  std::map<std::string_view, std::list<Session>::iterator> places_;  // names are those of order_
};

}  // namespace plimsoll
