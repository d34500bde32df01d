// A line before one server, ordered by a queue policy: for tests of queues.
#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll::testing {

/// Requests that wait, first by (rank, id), as in WaitingQueue.
class Line {
 public:
  explicit Line(const PolicyConfig& config) : policy_{builtin_policies().queues.make(config)} {}

  void join(RequestView request) {
    request.id = next_id_++;
    const QueueRank rank = policy_->rank(request);
    waiting_.push({{rank, request.id}, request});
  }
  bool empty() const { return waiting_.empty(); }
  /// The first in line is served.
  RequestView serve() {
    const Entry first = waiting_.top();
    waiting_.pop();
    policy_->served(first.first.first);
    return first.second;
  }
  /// The first in line gives up.
  RequestView give_up() {
    const Entry first = waiting_.top();
    waiting_.pop();
    policy_->left(first.second);
    return first.second;
  }

 private:
  using Entry = std::pair<std::pair<QueueRank, RequestId>, RequestView>;
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const { return a.first > b.first; }
  };
  std::unique_ptr<QueuePolicy> policy_;
  std::priority_queue<Entry, std::vector<Entry>, Later> waiting_;
  RequestId next_id_ = 0;
};

}  // namespace plimsoll::testing
