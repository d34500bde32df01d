// What a router sees of replicas: their loads now, or as they were when last scraped.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/policies/router.hpp"

namespace plimsoll {

/// Scrapes happen at multiples of the interval and are copied lazily: a replica whose load has not
/// changed since costs nothing. Whether a replica accepts is known at once (it refuses else). With
/// `own_count` the router adds what it has itself sent there since the scrape.
class ScrapedLoads {
 public:
  /// `interval` 0: nothing is stale. `loads` (by replica) and `router` outlive this.
  ScrapedLoads(Router& router, const std::vector<ReplicaLoad>& loads, Duration interval,
               bool own_count, RandomStream stream)
      : router_{router},
        loads_{loads},
        interval_{interval},
        own_count_{own_count},
        stream_{stream} {}

  /// Called at `now` before any load changes and before a pick: tells the router of a scrape that
  /// has happened since. O(replicas that changed before it), hence O(1) per change.
  void refresh(SimTime now) {
    if (interval_ == Duration::zero()) {
      return;
    }
    const std::int64_t epoch = now.time_since_epoch() / interval_;
    if (epoch == epoch_) {
      return;
    }
    epoch_ = epoch;
    Draws draws = stream_.of(static_cast<std::uint64_t>(epoch));
    for (const std::uint32_t replica : changed_) {
      seen_[replica] = loads_[replica];
      is_changed_[replica] = false;
      router_.update(replica, seen_[replica], draws);
    }
    changed_.clear();
  }

  /// The load of `replica` changed; `assigned` tells that a request was sent there.
  void changed(std::uint32_t replica, bool assigned, std::int64_t prompt_tokens, Draws& draws) {
    const ReplicaLoad& now = loads_[replica];
    if (interval_ == Duration::zero()) {
      router_.update(replica, now, draws);
      return;
    }
    if (seen_.size() < loads_.size()) {
      seen_.resize(loads_.size(), unseen());
      is_changed_.resize(loads_.size(), false);
    }
    if (!is_changed_[replica]) {
      is_changed_[replica] = true;
      changed_.push_back(replica);
    }
    ReplicaLoad& seen = seen_[replica];
    const bool counts = assigned && own_count_;
    if (now.accepting && !seen.accepting) {
      const ReplicaLoad scraped = seen;
      seen = now;  // what is fixed of a replica becomes known when it first accepts
      seen.outstanding = scraped.outstanding;
      seen.committed_kv_tokens = scraped.committed_kv_tokens;
      seen.pending_prompt_tokens = scraped.pending_prompt_tokens;
    } else if (now.accepting == seen.accepting && !counts) {
      return;
    }
    seen.accepting = now.accepting;
    seen.outstanding += counts ? 1 : 0;
    seen.committed_kv_tokens += counts ? prompt_tokens : 0;
    seen.pending_prompt_tokens += counts ? prompt_tokens : 0;
    router_.update(replica, seen, draws);
  }

 private:
  static ReplicaLoad unseen() {
    ReplicaLoad load;
    load.accepting = false;
    return load;
  }

  Router& router_;
  const std::vector<ReplicaLoad>& loads_;
  Duration interval_;
  bool own_count_;
  RandomStream stream_;
  std::int64_t epoch_ = 0;
  std::vector<ReplicaLoad> seen_;       // what the router was last told
  std::vector<std::uint32_t> changed_;  // since the last scrape, in order
  std::vector<bool> is_changed_;
};

}  // namespace plimsoll
