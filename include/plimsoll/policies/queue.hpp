// Queue policies order the requests that wait, centrally and in a replica.
#pragma once

#include <cstdint>

#include "plimsoll/config.hpp"
#include "plimsoll/policies/registry.hpp"
#include "plimsoll/policies/request_view.hpp"

namespace plimsoll {

/// Smaller is served first; equal ranks go by the order in which clients sent their requests.
using QueueRank = std::int64_t;

/// Contract: rank() is called once when a request joins; the rank stays with it, also when it is
/// preempted and waits again. Later exactly one of served() and left() is called, unless the run
/// ends before. All are O(1).
class QueuePolicy {
 public:
  virtual ~QueuePolicy() = default;
  virtual QueueRank rank(const RequestView& request) = 0;
  /// A request of this rank is in a batch for the first time.
  virtual void served(QueueRank) {}
  /// A request leaves without ever having been in a batch.
  virtual void left(const RequestView&) {}
  /// Whether it is to be shown RequestView::tenant, for which memory is kept.
  virtual bool follows_tenants() const { return false; }
  /// Whether it is to be shown RequestView::on_the_way, for which memory is kept.
  virtual bool follows_clients() const { return false; }
};

void register_builtin_queues(Registry<QueuePolicy>& queues);

}  // namespace plimsoll
