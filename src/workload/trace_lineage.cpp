// Workload: conversations of a trace, guessed from lengths.
#include "workload/trace_lineage.hpp"

#include <algorithm>

namespace plimsoll {
namespace {

constexpr PrefixId common_to_all = 1;
constexpr PrefixId first_session = PrefixId{1} << 62;

}  // namespace

void TraceLineage::fill(RequestId id, Arrival& row) {
  const std::int32_t reusable = row.reusable_prefix_tokens;
  const auto reach = static_cast<std::size_t>(reusable / config_.granularity);
  Conversation conversation{first_session + id, 0};
  row.prefix.history_tokens = 0;
  if (config_.common_tokens > 0 && reusable >= config_.common_tokens) {
    conversation.common_tokens = config_.common_tokens;
  }
  const bool goes_on = reusable > config_.common_tokens && reach < latest_.size() &&
                       latest_[reach].session != no_prefix;
  if (goes_on) {
    conversation = latest_[reach];
    row.prefix.history_tokens = reusable;
  }
  row.prefix.session = conversation.session;
  row.prefix.common = conversation.common_tokens > 0 ? common_to_all : no_prefix;
  row.prefix.common_tokens = conversation.common_tokens;
  const auto length = static_cast<std::size_t>(row.prompt_tokens / config_.granularity);
  if (latest_.size() <= length) {
    latest_.resize(length + 1);
  }
  latest_[length] = conversation;
}

}  // namespace plimsoll
