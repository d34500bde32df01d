// Router `power_of_two`: sample a few, take the least loaded (Mitzenmacher 2001).
#include "policies/builtin_entries.hpp"
#include "policies/router/accepting_set.hpp"

namespace plimsoll {
namespace {

class PowerOfTwo final : public Router {
 public:
  explicit PowerOfTwo(std::int64_t choices) : choices_{choices} {}

  void reset(std::uint32_t replicas) override {
    accepting_.reset(replicas);
    load_.assign(replicas, 0.0);
  }

  void update(std::uint32_t replica, const ReplicaLoad& load, Draws&) override {
    accepting_.set(replica, load.accepting);
    load_[replica] = static_cast<double>(load.outstanding + 1) / load.weight;
  }

  RouteDecision pick(const RequestView&, Draws& draws) override {
    if (accepting_.size() == 0) {
      return {RouteDecision::none, "no replica accepts"};
    }
    std::uint32_t best = accepting_[draws.below(accepting_.size())];
    for (std::int64_t i = 1; i < choices_; ++i) {
      const std::uint32_t other = accepting_[draws.below(accepting_.size())];
      if (load_[other] < load_[best]) {
        best = other;
      }
    }
    return {best, "least loaded of a sample"};
  }

 private:
  std::int64_t choices_;
  AcceptingSet accepting_;
  std::vector<double> load_;
};

}  // namespace

PolicyEntry<Router> power_of_two_entry() {
  return {{"power_of_two",
           "Draws a few accepting replicas (with replacement) and takes the one with the fewest "
           "outstanding requests per unit of capacity.",
           {{"choices", ParamKind::count, "2", "Replicas drawn for each request.", 1, 64}}},
          [](const PolicyParams& params) {
            return std::make_unique<PowerOfTwo>(params.count("choices"));
          }};
}

}  // namespace plimsoll
