// Rate and concurrency limits of tiers, tenants and keys, and the defects that they may have.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "plimsoll/config.hpp"
#include "service/api_keys.hpp"

namespace plimsoll {

/// A token bucket as the generic cell rate algorithm keeps it (ITU-T I.371): one time per bucket.
/// In any span of length T at most rate x T + burst units conform.
class BucketLaw {
 public:
  BucketLaw() = default;
  BucketLaw(const std::optional<Frequency>& rate, double burst);

  bool limits() const { return ns_per_unit_ > 0; }
  /// Whether `units` may come at `t`, `full_at` being when the bucket is full again.
  bool conforms(std::int64_t full_at, SimTime t, double units) const {
    const std::int64_t now = t.time_since_epoch().count();
    const std::int64_t begin = full_at > now ? full_at : now;
    return begin + cost(units) <= now + depth_ns_;
  }
  /// They come: when the bucket is full again now.
  std::int64_t take(std::int64_t full_at, SimTime t, double units) const {
    const std::int64_t now = t.time_since_epoch().count();
    return (full_at > now ? full_at : now) + cost(units);
  }
  /// Units that were taken turn out to be `more` (or fewer, when negative): what was taken too much
  /// comes back, unless the bucket has filled up meanwhile; what is missing has to be refilled
  /// before others come.
  std::int64_t settle(std::int64_t full_at, SimTime t, double more) const {
    return more < 0 ? full_at - cost(-more) : take(full_at, t, more);
  }

 private:
  std::int64_t cost(double units) const {
    return static_cast<std::int64_t>(units * ns_per_unit_ + 0.5);
  }
  double ns_per_unit_ = 0;
  std::int64_t depth_ns_ = 0;
};

/// What a request counts for.
struct LimitedRequest {
  TierIndex tier = 0;
  std::uint32_t key = 0;
  double tokens = 0;  // of the prompt, and expected of the answer
};

/// Decides in order of time. A refused request takes nothing from any bucket.
class Limits {
 public:
  Limits(const Config& config, const ApiKeys& keys);

  enum class Decision : std::uint8_t { allowed, refused, bypassed };
  /// A request at `t`: an allowed one takes its units and is in flight until leave(). One that is
  /// over a limit while limits do not bind is bypassed: it goes on and counts nowhere.
  Decision decide(const LimitedRequest& request, SimTime t);
  /// An allowed request ended at `t`, and so many tokens were computed of it.
  void leave(const LimitedRequest& request, double tokens, SimTime t);

  /// Whether the bypass that the scenario lists in this place lets requests pass at `t`.
  bool is_open(std::size_t bypass, SimTime t) const {
    return t >= bypasses_[bypass].begins && t < bypasses_[bypass].ends;
  }
  /// It ends at `t` at the latest; others are as they were.
  void close_bypass(std::size_t bypass, SimTime t) {
    bypasses_[bypass].ends = std::min(bypasses_[bypass].ends, t);
  }

 private:
  struct Law {
    BucketLaw requests;
    BucketLaw tokens;
    int concurrency = 0;
  };
  struct Bucket {
    std::int64_t requests_full_at = 0;
    std::int64_t tokens_full_at = 0;
    std::int32_t in_flight = 0;
  };
  /// A law and one bucket for everybody that it speaks of.
  struct Rule {
    Law law;
    std::vector<Bucket> buckets;
  };
  struct Bypass {
    SimTime begins{};
    SimTime ends = never;
  };
  bool bypass_active(SimTime t) const;
  static Law law_of(const RateLimitConfig& config);
  static bool within(const Law& law, const Bucket& bucket, const LimitedRequest& request,
                     SimTime t);
  static void take(const Law& law, Bucket& bucket, const LimitedRequest& request, SimTime t);
  /// Calls `each(law, bucket)` for every rule that speaks of the request.
  template <class Each>
  void for_rules_of(const LimitedRequest& request, Each each);

  const ApiKeys& keys_;
  std::vector<Rule> tiers_;    // one bucket each; no law for tiers without limits
  std::vector<Rule> tenants_;  // none or one
  std::vector<Rule> key_;      // none or one
  bool settles_;               // token buckets charge what is used
  std::vector<Bypass> bypasses_;
};

}  // namespace plimsoll
