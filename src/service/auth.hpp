// Authentication, subscription and quota.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/config.hpp"
#include "service/api_keys.hpp"
#include "service/passage.hpp"

namespace plimsoll {

/// Refuses a share as unauthorized, and requests of a key beyond its tier's quota as rate_limited.
/// With quotas or a capacity, requests must come in order of time.
class Auth {
 public:
  Auth(const Config& config, const ApiKeys& keys, std::uint64_t seed);

  /// The attempt `id` with `key` of a tier.
  StageResult check(std::uint64_t id, TierIndex tier, std::uint32_t key, SimTime t);
  /// Requests must come in order of time.
  bool in_order() const { return !quotas_.empty() || turnstile().limited(); }
  const Turnstile& turnstile() const { return passage_.turnstile(); }

 private:
  /// What a key used of a quota in the newest period in which it asked.
  struct Use {
    std::int64_t period = -1;
    std::int64_t requests = 0;
  };
  struct Quota {
    QuotaConfig config;
    std::vector<Use> uses;  // by key
  };
  bool within_quotas(TierIndex tier, std::uint32_t key, SimTime t);

  Passage passage_;
  RandomStream stream_;
  double unauthorized_;
  std::vector<Quota> quotas_;
};

}  // namespace plimsoll
