// Queue `weighted_fair`: start-time fair queueing (Goyal, Vin, Cheng 1996; with several servers
// SFQ(D), Jin, Chase, Kaur 2004).
#include <algorithm>
#include <string>
#include <vector>

#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

/// Virtual time per token of weight 1: fractions of a token stay visible at large weights, and ten
/// million million tokens at weight 0.01 stay below 2^63.
constexpr double resolution = 1024;

/// A request's rank is its start tag: S = max(v, F of its flow), after which F = S + cost / weight.
/// The virtual time v is the largest start tag that was served. All in integers: the same ranks on
/// every machine.
class WeightedFair final : public QueuePolicy {
 public:
  explicit WeightedFair(const PolicyParams& params)
      : params_{params},
        by_class_{params.text("by") == "class"},
        by_tokens_{params.text("cost") == "tokens"} {}

  QueueRank rank(const RequestView& request) override {
    Flow& flow = flow_of(request);
    const QueueRank start = std::max(virtual_time_, flow.finish);
    flow.finish = start + cost_of(request, flow);
    return start;
  }

  void served(QueueRank start) override { virtual_time_ = std::max(virtual_time_, start); }

  /// What it would have cost is given back: a flow pays for service alone.
  void left(const RequestView& request) override {
    Flow& flow = flow_of(request);
    flow.finish -= cost_of(request, flow);
  }

 private:
  struct Flow {
    QueueRank finish = 0;
    double per_token = 0;  // virtual time; 0: not seen yet
  };

  Flow& flow_of(const RequestView& request) {
    const std::size_t index = by_class_ ? request.request_class : request.tier;
    if (flows_.size() <= index) {
      flows_.resize(index + 1);
    }
    Flow& flow = flows_[index];
    if (flow.per_token == 0) {
      flow.per_token = resolution / params_.ratio_of("weight", request.tier);
    }
    return flow;
  }

  QueueRank cost_of(const RequestView& request, const Flow& flow) const {
    const double tokens =
        by_tokens_ ? request.prompt_tokens + request.predicted_output.tokens : 1000.0;
    return std::max<QueueRank>(1, static_cast<QueueRank>(tokens * flow.per_token));
  }

  PolicyParams params_;
  bool by_class_;
  bool by_tokens_;
  QueueRank virtual_time_ = 0;
  std::vector<Flow> flows_;  // by tier or class: as many as the scenario has
};

}  // namespace

PolicyEntry<QueuePolicy> weighted_fair_entry() {
  return {{"weighted_fair",
           "Start-time fair queueing: under backlog tiers (or classes) are served in proportion to "
           "their weights, whatever they send; who was away has no credit.",
           {{"by",
             ParamKind::text,
             "tier",
             "Who gets a share: each tier, or each class (a tenant) with its tier's weight.",
             0,
             0,
             {"tier", "class"}},
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
