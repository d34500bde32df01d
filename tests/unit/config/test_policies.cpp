// A small catalog of policies for tests of the configuration.
#include "unit/config/test_policies.hpp"

namespace plimsoll {

PolicyCatalog test_policies() {
  const ParamDoc choices{"choices", ParamKind::count, "2", "Replicas drawn.", 1, 64, {}};
  const std::vector<ParamDoc> of_every_kind{
      {"depth", ParamKind::count, "4", "A count.", 1, 8, {}},
      {"share", ParamKind::ratio, "50%", "A ratio.", 0, 1, {}},
      {"half_life", ParamKind::duration, "1.5s", "A duration.", 0, 1e12, {}},
      {"refill", ParamKind::rate, "10/s", "A rate.", 0, 1e6, {}},
      {"mode", ParamKind::text, "slow", "A word.", 0, 0, {"slow", "fast"}},
      {"strict", ParamKind::flag, "false", "A flag.", 0, 1, {}}};
  const ParamDoc weight{"weight", ParamKind::ratio, "1", "Shares of service.", 0.01, 1e4, {}, true};
  PolicyCatalog catalog;
  catalog["router"] = {{"least_requests", "Fewest.", {}},
                       {"power_of_two", "Two of many.", {choices}},
                       {"round_robin", "In turn.", {}}};
  const ParamDoc by{"by", ParamKind::text, "tier", "Whose.", 0, 0, {"tier", "tenant"}};
  catalog["queue"] = {{"aging", "Tests every kind.", of_every_kind},
                      {"fcfs", "In order.", {}},
                      {"weighted_fair", "By weights.", {by, weight}}};
  catalog["admission"] = {{"always", "All.", {}}};
  ParamDoc schedule{"schedule", ParamKind::text, "x=1", "Has an equals sign.", 0, 0, {}};
  schedule.accepts = [](const std::string& text) { return text.find('=') != std::string::npos; };
  schedule.most_asked_for = [](const std::string& text) -> std::int64_t {
    return std::stoll(text.substr(text.rfind('=') + 1));
  };
  const std::vector<ParamDoc> behavior{
      {"behavior.scale_up.pods", ParamKind::count, "4", "Pods.", 0, 100, {}},
      {"behavior.scale_up.stabilization", ParamKind::duration, "0", "How long.", 0, 1e15, {}},
      {"behavior.scale_down.pods", ParamKind::count, "0", "Pods.", 0, 100, {}}};
  const ParamDoc mark{"scale_up_threshold", ParamKind::ratio, "1000", "A mark.", 0, 1e12, {}};
  const ParamDoc metric{"scale_metric", ParamKind::text, "queue_depth", "What is seen.", 0, 0, {}};
  const ParamDoc horizon{"horizon", ParamKind::duration, "5min", "How far ahead.", 1, 1e15, {}};
  const ParamDoc season{"season", ParamKind::duration, "24h", "What repeats.", 1, 1e15, {}};
  const ParamDoc model{"model", ParamKind::text, "holt_winters", "The forecast.", 0, 0, {}};
  const ParamDoc factor{"expansion_factor", ParamKind::ratio, "1", "Growth.", 1, 100, {}};
  catalog["autoscaler"] = {{"predictive", "By forecasts.", {horizon, season, model}},
                           {"scheduled", "By the clock.", {schedule}},
                           {"target_utilization", "By rules.", behavior},
                           {"threshold", "By marks.", {metric, mark, factor}}};
  catalog["placement"] = {{"cheapest", "The lowest price.", {}},
                          {"spread", "Some of each.", {of_every_kind[1]}}};
  return catalog;
}

}  // namespace plimsoll
