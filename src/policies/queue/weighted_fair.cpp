// Queue `weighted_fair`: start-time fair queueing (Goyal, Vin, Cheng 1996; with several servers
// SFQ(D), Jin, Chase, Kaur 2004).
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

/// Virtual time per token of weight 1: fractions of a token stay visible at large weights, and ten
/// million million tokens at weight 0.01 stay below 2^63.
constexpr double resolution = 1024;

/// Who gets a share.
enum class By : std::uint8_t { tier, request_class, tenant };

By by_of(const std::string& word) {
  return word == "tenant" ? By::tenant : word == "class" ? By::request_class : By::tier;
}

/// A request's rank is its start tag: S = max(v, F of its flow), after which F = S + cost / weight.
/// The virtual time v is the largest start tag that was served. All in integers: the same ranks on
/// every machine.
class WeightedFair final : public QueuePolicy {
 public:
  explicit WeightedFair(const PolicyParams& params)
      : params_{params},
        by_{by_of(params.text("by"))},
        by_tokens_{params.text("cost") == "tokens"} {}

  QueueRank rank(const RequestView& request) override {
    Flow& flow = flow_of(request);
    const QueueRank start = std::max(virtual_time_, flow.finish);
    flow.finish = start + cost_of(request);
    return start;
  }

  void served(QueueRank start) override { virtual_time_ = std::max(virtual_time_, start); }

  /// What it would have cost is given back: a flow pays for service alone.
  void left(const RequestView& request) override {
    Flow& flow = flow_of(request);
    flow.finish -= cost_of(request);
  }
  bool follows_tenants() const override { return by_ == By::tenant; }

 private:
  struct Flow {
    QueueRank finish = 0;
  };

  Flow& flow_of(const RequestView& request) {
    const std::size_t index = by_ == By::tenant          ? request.tenant
                              : by_ == By::request_class ? request.request_class
                                                         : request.tier;
    if (flows_.size() <= index) {
      flows_.resize(index + 1);
    }
    return flows_[index];
  }

  QueueRank cost_of(const RequestView& request) {
    if (per_token_.size() <= request.tier) {
      per_token_.resize(request.tier + std::size_t{1}, 0);
    }
    double& per_token = per_token_[request.tier];
    if (per_token == 0) {
      per_token = resolution / params_.ratio_of("weight", request.tier);
    }
    const double tokens =
        by_tokens_ ? request.prompt_tokens + request.predicted_output.tokens : 1000.0;
    return std::max<QueueRank>(1, static_cast<QueueRank>(tokens * per_token));
  }

  PolicyParams params_;
  By by_;
  bool by_tokens_;
  QueueRank virtual_time_ = 0;
  std::vector<Flow> flows_;        // by tier, class or tenant: as many as the scenario has
  std::vector<double> per_token_;  // virtual time by tier; 0: not seen yet
};

}  // namespace

PolicyEntry<QueuePolicy> weighted_fair_entry() {
  return {{"weighted_fair",
           "Start-time fair queueing: under backlog tiers (classes, tenants) are served in "
           "proportion to "
           "their weights, whatever they send; who was away has no credit.",
           {{"by",
             ParamKind::text,
             "tier",
             "Who gets a share: each tier, each class with its tier's weight, or each tenant "
             "(path.limits.keys), who pays for each request by the weight of its tier.",
             0,
             0,
             {"tier", "class", "tenant"}},
            {"cost",
             ParamKind::text,
             "tokens",
             "What is shared: tokens (the prompt's and the predicted output's) or requests.",
             0,
             0,
             {"tokens", "requests"}},
            {"weight", ParamKind::ratio, "1", "Shares of service.", 0.01, 1e4, {}, true}}},
          [](const PolicyParams& params) { return std::make_unique<WeightedFair>(params); }};
}

}  // namespace plimsoll
