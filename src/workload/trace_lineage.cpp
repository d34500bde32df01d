// Workload: conversations of a trace, guessed from lengths.
#include "workload/trace_lineage.hpp"

namespace plimsoll {
namespace {

constexpr PrefixId common_to_all = 1;
constexpr PrefixId first_session = PrefixId{1} << 62;

}  // namespace

void TraceLineage::fill(RequestId id, Arrival& row) {
  const std::int32_t reusable = row.reusable_prefix_tokens;
  Conversation conversation{first_session + id, 0};
  row.prefix.history_tokens = 0;
  if (config_.common_tokens > 0 && reusable >= config_.common_tokens) {
    conversation.common_tokens = config_.common_tokens;
  }
  const auto before = latest_.find(reusable / config_.granularity);
  if (reusable > config_.common_tokens && before != latest_.end()) {
    conversation = before->second;
    row.prefix.history_tokens = reusable;
  }
  row.prefix.session = conversation.session;
  row.prefix.common = conversation.common_tokens > 0 ? common_to_all : no_prefix;
  row.prefix.common_tokens = conversation.common_tokens;
  latest_[row.prompt_tokens / config_.granularity] = conversation;
}

}  // namespace plimsoll
