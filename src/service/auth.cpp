// Who may ask, and how much.
#include "service/auth.hpp"

namespace plimsoll {

Auth::Auth(const Config& config, const ApiKeys& keys, std::uint64_t seed)
    : passage_{seed,
               "auth",
               config.path->auth->latency,
               config.path->auth->capacity,
               config.path->auth->outages,
               Duration::zero(),
               std::nullopt,
               config.path->auth->queue},
      stream_{seed, "unauthorized"},
      unauthorized_{config.path->auth->unauthorized} {
  for (const QuotaConfig& quota : config.path->auth->quotas) {
    quotas_.push_back({quota, std::vector<Use>(keys.count())});
  }
}

bool Auth::within_quotas(TierIndex tier, std::uint32_t key, SimTime t) {
  for (Quota& quota : quotas_) {
    if (quota.config.tier != tier) {
      continue;
    }
    Use& use = quota.uses[key];
    const std::int64_t period = t.time_since_epoch().count() / quota.config.period.count();
    if (period != use.period) {
      use = {period, 0};
    }
    if (use.requests >= quota.config.requests) {
      return false;
    }
    ++use.requests;
  }
  return true;
}

StageResult Auth::check(std::uint64_t id, TierIndex tier, std::uint32_t key, SimTime t) {
  if (passage_.is_out(id, t)) {
    return ends_as(Outcome::failed);
  }
  StageResult result = passage_.pass(id, t);
  if (!result.passes()) {
    return result;
  }
  if (unauthorized_ > 0) {
    Draws draws = stream_.of(id);
    if (draws.uniform() < unauthorized_) {
      result.outcome = Outcome::unauthorized;
      return result;
    }
  }
  if (!within_quotas(tier, key, t)) {
    result.outcome = Outcome::rate_limited;
  }
  return result;
}

}  // namespace plimsoll
