// Prefix caching: the rules of hits and of names.
#include "serving/prefix_sharing.hpp"

#include <algorithm>

#include "plimsoll/errors.hpp"
#include "serving/replica.hpp"

namespace plimsoll {
namespace {

/// Streams of single requests that were preempted, apart from all that workloads name.
constexpr PrefixId of_single_request = PrefixId{1} << 63;

}  // namespace

PrefixSharing::PrefixSharing(const ReplicaShape& shape, RequestTable& requests, const KvLedger& kv)
    : requests_{&requests}, kv_{&kv}, block_{shape.block_size}, cache_{shape.kv_blocks} {
  PLIMSOLL_CHECK(requests.keeps_prefixes(), "a prefix cache knows the prefixes of requests");
}

PrefixId PrefixSharing::own_stream(RequestSlot slot) const {
  const PrefixId session = requests_->prefix_use(slot).prefix.session;
  return session == no_prefix ? of_single_request | (*requests_)[slot].id : session;
}

PrefixHit PrefixSharing::find(RequestSlot slot, std::int64_t tokens) {
  cache_.settle(kv_->free());
  const PrefixUse& use = requests_->prefix_use(slot);
  const std::int64_t most = (tokens - 1) / block_;
  const std::int64_t whole = whole_common(use);
  PrefixHit hit;
  if (whole > 0) {
    hit.common = std::min({whole, most, cache_.resident(use.prefix.common)});
    hit.unreferenced = cache_.unreferenced(use.prefix.common, hit.common);
  }
  const std::int64_t known = std::min<std::int64_t>(most, use.prefix.history_tokens / block_);
  if (hit.common == whole && known > whole) {
    const PrefixId own = own_stream(slot);
    hit.own = std::min(known - whole, cache_.resident(own));
    hit.unreferenced += cache_.unreferenced(own, hit.own);
  }
  return hit;
}

void PrefixSharing::take(RequestSlot slot, std::int64_t tokens, const PrefixHit& hit) {
  PrefixUse& use = requests_->prefix_use(slot);
  cache_.reference(use.prefix.common, hit.common);
  cache_.reference(own_stream(slot), hit.own);
  use.common_blocks = static_cast<std::int32_t>(hit.common);
  use.own_blocks = static_cast<std::int32_t>(hit.own);
  const std::int64_t found = hit.blocks() * block_;
  if ((*requests_)[slot].preemptions == 0 && (*requests_)[slot].retries == 0) {
    use.hit_tokens = static_cast<std::int32_t>(found);
    counts_.prompt_tokens += tokens;
    counts_.hit_tokens += found;
  } else {
    counts_.recompute_tokens += tokens;
    counts_.recompute_hit_tokens += found;
  }
}

void PrefixSharing::computed(RequestSlot slot, std::int64_t tokens) {
  cache_.settle(kv_->free());
  name(slot, tokens);
}

void PrefixSharing::name(RequestSlot slot, std::int64_t tokens) {
  PrefixUse& use = requests_->prefix_use(slot);
  const std::int64_t whole = std::min(tokens / block_, whole_common(use));
  if (whole > use.common_blocks && cache_.resident(use.prefix.common) == use.common_blocks) {
    cache_.extend(use.prefix.common, whole - use.common_blocks);
    use.common_blocks = static_cast<std::int32_t>(whole);
  }
  if (use.prefix.session != no_prefix) {
    name_own(use, use.prefix.session, tokens);
  }
}

void PrefixSharing::name_own(PrefixUse& use, PrefixId stream, std::int64_t tokens) {
  const std::int64_t blocks = tokens / block_ - whole_common(use);
  if (blocks > use.own_blocks && cache_.resident(stream) == use.own_blocks) {
    cache_.extend(stream, blocks - use.own_blocks);
    use.own_blocks = static_cast<std::int32_t>(blocks);
    use.prefix.history_tokens =
        static_cast<std::int32_t>(std::max<std::int64_t>(use.prefix.history_tokens, tokens));
  }
}

/// Frees from the last position to the first, so that the end of a prompt is given away before its
/// beginning.
std::int64_t PrefixSharing::let_go(PrefixUse& use, PrefixId own, std::int64_t blocks) {
  const std::int64_t whole = use.own_blocks > 0 ? whole_common(use) : use.common_blocks;
  const std::int64_t copies = whole - use.common_blocks;
  const std::int64_t behind = blocks - whole - use.own_blocks;
  PLIMSOLL_CHECK(behind >= 0, "a sequence holds the blocks that it references");
  cache_.add_free(behind);
  std::int64_t freed = behind + cache_.release(own, use.own_blocks);
  cache_.add_free(copies);
  freed += copies + cache_.release(use.prefix.common, use.common_blocks);
  use.own_blocks = 0;
  use.common_blocks = 0;
  return freed;
}

std::int64_t PrefixSharing::end(RequestSlot slot, std::int64_t tokens, std::int64_t blocks,
                                std::int64_t taken) {
  PrefixUse& use = requests_->prefix_use(slot);
  const Request& request = (*requests_)[slot];
  cache_.settle(kv_->free() - taken);
  name(slot, tokens);
  const PrefixId own = own_stream(slot);
  const std::int64_t freed = let_go(use, own, blocks);
  if (use.prefix.session == no_prefix && request.preemptions > 0) {
    cache_.unname(own);
  }
  return freed;
}

std::int64_t PrefixSharing::preempt(RequestSlot slot, std::int64_t tokens, std::int64_t blocks) {
  PrefixUse& use = requests_->prefix_use(slot);
  computed(slot, tokens);
  const PrefixId own = own_stream(slot);
  name_own(use, own, tokens);
  return let_go(use, own, blocks);
}

}  // namespace plimsoll
