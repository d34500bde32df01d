// Workload: conversations of a trace that names its sessions.
#include "workload/trace_sessions.hpp"

#include <algorithm>

namespace plimsoll {

TraceSessions::Session& TraceSessions::find(std::string_view name, Duration at, RequestId id) {
  while (!order_.empty() && at - order_.front().latest > ends_after_) {
    places_.erase(order_.front().name);
    order_.pop_front();
  }
  const auto found = places_.find(name);
  if (found != places_.end()) {
    order_.splice(order_.end(), order_, found->second);
    return order_.back();
  }
  Session& session = order_.emplace_back();
  session.name = std::string{name};
  session.first = id;
  places_.emplace(session.name, std::prev(order_.end()));
  return session;
}

std::int32_t TraceSessions::history_of(const Session& session, const Arrival& row) const {
  if (says_reusable_) {
    return static_cast<std::int32_t>(
        std::min<std::int64_t>(session.tokens, row.reusable_prefix_tokens));
  }
  return row.prompt_tokens >= session.tokens ? static_cast<std::int32_t>(session.tokens) : 0;
}

void TraceSessions::fill(std::string_view name, Duration at, RequestId id, Arrival& row) {
  Session& session = find(name, at, id);
  const std::int32_t history = history_of(session, row);
  if (history == 0) {
    session.context = static_cast<std::uint8_t>(session.context + (session.tokens > 0 ? 1 : 0));
    row.prefix = SharedPrefix{};
    maker_.fill_prefix(session.first, row);
    row.prefix.session = named_session(session.first, session.context);
    session.prefix = row.prefix;
  } else {
    row.prefix = session.prefix;
    row.prefix.common_tokens = std::min(row.prefix.common_tokens, row.prompt_tokens);
    row.prefix.history_tokens = history;
  }
  row.session_began = session.first;
  session.latest = at;
  session.tokens = std::int64_t{row.prompt_tokens} + row.output_tokens;
}

}  // namespace plimsoll
