// Token buckets, concurrency and bypasses.
#include "service/limits.hpp"

#include <algorithm>

namespace plimsoll {

BucketLaw::BucketLaw(const std::optional<Frequency>& rate, double burst) {
  if (rate) {
    constexpr double longest_ns = 1e18;
    ns_per_unit_ = 1e9 / rate->count();
    depth_ns_ = static_cast<std::int64_t>(std::min(burst * ns_per_unit_, longest_ns) + 0.5);
  }
}

Limits::Law Limits::law_of(const RateLimitConfig& config) {
  return {BucketLaw{config.requests, config.request_burst},
          BucketLaw{config.tokens, config.token_burst}, config.concurrency};
}

Limits::Limits(const Config& config, const ApiKeys& keys)
    : keys_{keys},
      tiers_(config.tiers.size()),
      settles_{config.path->limits->charge == TokenCharge::used} {
  const LimitsConfig& limits = *config.path->limits;
  for (const BypassConfig& bypass : limits.bypasses) {
    const SimTime begins = sim_start + bypass.at;
    bypasses_.push_back({begins, bypass.lasting ? begins + *bypass.lasting : never});
  }
  for (Rule& tier : tiers_) {
    tier.buckets.resize(1);
  }
  for (const TierLimitConfig& tier : limits.tiers) {
    tiers_[tier.tier].law = law_of(tier.limit);
  }
  if (limits.tenant) {
    tenants_.push_back({law_of(*limits.tenant), std::vector<Bucket>(keys.tenants())});
  }
  if (limits.key) {
    key_.push_back({law_of(*limits.key), std::vector<Bucket>(keys.count())});
  }
}

template <class Each>
void Limits::for_rules_of(const LimitedRequest& request, Each each) {
  each(tiers_[request.tier].law, tiers_[request.tier].buckets.front());
  for (Rule& tenant : tenants_) {
    each(tenant.law, tenant.buckets[keys_.tenant_of(request.key)]);
  }
  for (Rule& key : key_) {
    each(key.law, key.buckets[request.key]);
  }
}

bool Limits::within(const Law& law, const Bucket& bucket, const LimitedRequest& request,
                    SimTime t) {
  return (!law.requests.limits() || law.requests.conforms(bucket.requests_full_at, t, 1)) &&
         (!law.tokens.limits() || law.tokens.conforms(bucket.tokens_full_at, t, request.tokens)) &&
         (law.concurrency == 0 || bucket.in_flight < law.concurrency);
}

void Limits::take(const Law& law, Bucket& bucket, const LimitedRequest& request, SimTime t) {
  if (law.requests.limits()) {
    bucket.requests_full_at = law.requests.take(bucket.requests_full_at, t, 1);
  }
  if (law.tokens.limits()) {
    bucket.tokens_full_at = law.tokens.take(bucket.tokens_full_at, t, request.tokens);
  }
  ++bucket.in_flight;
}

bool Limits::bypass_active(SimTime t) const {
  return std::any_of(bypasses_.begin(), bypasses_.end(),
                     [t](const Bypass& bypass) { return t >= bypass.begins && t < bypass.ends; });
}

Limits::Decision Limits::decide(const LimitedRequest& request, SimTime t) {
  bool all = true;
  for_rules_of(request, [&](const Law& law, const Bucket& bucket) {
    all = all && within(law, bucket, request, t);
  });
  if (!all) {
    return bypass_active(t) ? Decision::bypassed : Decision::refused;
  }
  for_rules_of(request, [&](const Law& law, Bucket& bucket) { take(law, bucket, request, t); });
  return Decision::allowed;
}

/// Charged what is used: while a request is in flight its bucket holds what is expected of it; what
/// it did not use comes back as far as there is room, what it used beyond that is a debt. So in any
/// span those that are let in use, or hold while in flight, at most rate x span + burst + what
/// those come back with that were in flight before.
void Limits::leave(const LimitedRequest& request, double tokens, SimTime t) {
  for_rules_of(request, [&](const Law& law, Bucket& bucket) {
    --bucket.in_flight;
    if (settles_ && law.tokens.limits()) {
      bucket.tokens_full_at = law.tokens.settle(bucket.tokens_full_at, t, tokens - request.tokens);
    }
  });
}

}  // namespace plimsoll
