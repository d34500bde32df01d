// Prefix caching of a replica: what a request finds, what it leaves to others.
#pragma once

#include <cstdint>

#include "serving/events.hpp"
#include "serving/kv_ledger.hpp"
#include "serving/prefix_cache.hpp"
#include "serving/request_table.hpp"

namespace plimsoll {

struct ReplicaShape;

/// Named blocks that a request finds: first of the common prefix, then of its own stream (its
/// session's, or its own from before a preemption).
struct PrefixHit {
  std::int64_t common = 0;
  std::int64_t own = 0;
  std::int64_t unreferenced = 0;  // of both: they are free until the request takes them
  std::int64_t blocks() const { return common + own; }
};

/// The rules of hits and of names (docs/step_time.md, "Prefix caching"). One for all micro-batches
/// of a replica: they share its KV memory, and each stage holds its layers' part of every block.
/// - A hit is whole blocks and leaves one token at least to compute.
/// - A block gets its name at the end of the step that fills it, if its stream ends right before it
///   and the sequence references all that there is of the stream. Else it is a copy without a name.
class PrefixSharing {
 public:
  /// `kv` is the replica's memory; both references outlive this.
  PrefixSharing(const ReplicaShape& shape, RequestTable& requests, const KvLedger& kv);

  /// What `slot` finds that has `tokens` to compute.
  PrefixHit find(RequestSlot slot, std::int64_t tokens);
  /// It is admitted with this hit.
  void take(RequestSlot slot, std::int64_t tokens, const PrefixHit& hit);
  /// Its first `tokens` are in KV: whole blocks of them get their names.
  void computed(RequestSlot slot, std::int64_t tokens);
  /// It is done here with its first `tokens` in KV, and held `blocks`, named ones included. `taken`
  /// >= 0: free blocks that steps under way have taken already, which the ledger learns at the end
  /// of their segment. Returns the blocks that become free.
  std::int64_t end(RequestSlot slot, std::int64_t tokens, std::int64_t blocks, std::int64_t taken);
  /// It leaves with its first `tokens` in KV and will be computed again: what it has computed it
  /// may find then. Returns the blocks that become free.
  std::int64_t preempt(RequestSlot slot, std::int64_t tokens, std::int64_t blocks);
  /// `tokens` of an admitted request's prompt will not be computed: it is preempted.
  void give_up(std::int64_t tokens) { counts_.given_up_tokens += tokens; }

  /// The replica's memory is lost, and what was found in it with it.
  void lose_memory() { cache_ = PrefixCache{kv_->total()}; }

  const PrefixCounts& counts() const { return counts_; }

 private:
  PrefixId own_stream(RequestSlot slot) const;
  /// Blocks of the common prefix that are whole: the own stream begins behind them.
  std::int64_t whole_common(const PrefixUse& use) const {
    return use.prefix.common == no_prefix ? 0 : use.prefix.common_tokens / block_;
  }
  void name(RequestSlot slot, std::int64_t tokens);
  void name_own(PrefixUse& use, PrefixId stream, std::int64_t tokens);
  std::int64_t let_go(PrefixUse& use, PrefixId own, std::int64_t blocks);

  RequestTable* requests_;
  const KvLedger* kv_;
  std::int64_t block_;
  PrefixCache cache_;
  PrefixCounts counts_;
};

}  // namespace plimsoll
