// Admission `token_bucket`: a rate with a burst, exact to the nanosecond.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

__extension__ typedef __int128 Wide;

/// What is shared is counted in 10^-12 units: a rate of one thousandth per second is then one of
/// them per nanosecond, and refilling is a product of integers, however long it takes.
constexpr Wide per_unit = 1'000'000'000'000;
constexpr double thousandths = 1000;

/// Level L(t) = min(burst, L(s) + rate (t - s)), full at first; a request that finds at least its
/// cost takes it. Hence in any interval of length T at most rate T + burst is admitted.
class TokenBucket final : public AdmissionPolicy {
 public:
  explicit TokenBucket(const PolicyParams& params)
      : params_{params}, by_{params.text("by")}, by_tokens_{params.text("cost") == "tokens"} {}

  AdmitResult admit(const RequestView& request, const ServiceLoad&, SimTime now) override {
    Bucket& bucket = bucket_of(request);
    const Wide gained = Wide{bucket.rate} * (now - bucket.filled).count();
    bucket.level = std::min(bucket.burst, bucket.level + gained);
    bucket.filled = now;
    const Wide cost = cost_of(request) * per_unit;
    if (bucket.level < cost) {
      return AdmitResult::rate_limited;
    }
    bucket.level -= cost;
    return AdmitResult::admitted;
  }

 private:
  struct Bucket {
    std::int64_t rate = 0;  // thousandths per second; 0: not seen yet
    Wide burst = 0;
    Wide level = 0;
    SimTime filled{};
  };

  Bucket& bucket_of(const RequestView& request) {
    const std::size_t index = by_ == "tier"    ? request.tier
                              : by_ == "class" ? request.request_class
                                               : 0;
    if (buckets_.size() <= index) {
      buckets_.resize(index + 1);
    }
    Bucket& bucket = buckets_[index];
    if (bucket.rate == 0) {
      bucket.rate = std::llround(params_.ratio_of("rate", request.tier) * thousandths);
      bucket.burst = Wide{params_.count_of("burst", request.tier)} * per_unit;
      bucket.level = bucket.burst;
    }
    return bucket;
  }

  Wide cost_of(const RequestView& request) const {
    return by_tokens_ ? request.prompt_tokens + std::llround(request.predicted_output.tokens) : 1;
  }

  PolicyParams params_;
  std::string by_;
  bool by_tokens_;
  std::vector<Bucket> buckets_;  // by tier or class: as many as the scenario has
};

}  // namespace

PolicyEntry<AdmissionPolicy> token_bucket_entry() {
  return {{"token_bucket",
           "A rate with a burst for each tier, each class or all together; what exceeds it ends as "
           "rate_limited. Never more than rate x time + burst is admitted in any interval.",
           {{"by",
             ParamKind::text,
             "tier",
             "Who has a bucket: each tier, each class (a tenant) with its tier's rate, or all one "
             "(then without rates by tier).",
             0,
             0,
             {"tier", "class", "all"}},
            {"cost",
             ParamKind::text,
             "requests",
             "What a bucket holds: requests, or tokens (the prompt's and the predicted output's).",
             0,
             0,
             {"requests", "tokens"}},
            {"rate",
             ParamKind::rate,
             "100/s",
             "Refill, requests or tokens per second.",
             0.001,
             1e9,
             {},
             true},
            {"burst",
             ParamKind::count,
             "100",
             "What a bucket holds at most, and at first; a request that costs more is refused.",
             1,
             1e12,
             {},
             true}}},
          [](const PolicyParams& params) { return std::make_unique<TokenBucket>(params); }};
}

}  // namespace plimsoll
