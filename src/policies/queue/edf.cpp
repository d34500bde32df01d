// Queue `edf`: earliest deadline first (Liu and Layland 1973; Jackson 1955 for one server).
#include <string>

#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

class EarliestDeadlineFirst final : public QueuePolicy {
 public:
  explicit EarliestDeadlineFirst(const PolicyParams& params)
      : by_ttft_{params.text("promise") == "ttft"}, otherwise_{params.duration("otherwise")} {}

  QueueRank rank(const RequestView& request) override {
    const Duration answer = left_of(request.ttft_objective, request.on_the_way);
    const Duration first = by_ttft_ ? answer : request.longest_wait;
    const Duration second = by_ttft_ ? request.longest_wait : answer;
    const Duration promised = first != Duration::max()    ? first
                              : second != Duration::max() ? second
                                                          : otherwise_ - request.on_the_way;
    return (request.arrived + promised).time_since_epoch().count();
  }
  bool follows_clients() const override { return true; }

 private:
  /// Time to first token counts from the client's first attempt, a wait from the service's door.
  static Duration left_of(Duration objective, Duration spent) {
    return objective == Duration::max() ? objective : objective - spent;
  }

  bool by_ttft_;
  Duration otherwise_;
};

}  // namespace

PolicyEntry<QueuePolicy> edf_entry() {
  return {
      {"edf",
       "Earliest deadline first: what the request's tier was promised, slo.ttft from its client's "
       "first attempt on. Optimal for lateness on one server; under overload it serves those who "
       "are already late.",
       {{"promise",
         ParamKind::text,
         "ttft",
         "The deadline: the tier's slo.ttft, or wait: how long it may wait before it times out; "
         "where one is not set the other counts.",
         0,
         0,
         {"ttft", "wait"}},
        {"otherwise", ParamKind::duration, "1min", "Of tiers that were promised neither.", 0,
         3.6e15}}},
      [](const PolicyParams& params) { return std::make_unique<EarliestDeadlineFirst>(params); }};
}

}  // namespace plimsoll
