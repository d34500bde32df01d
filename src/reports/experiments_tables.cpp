// Reports room: arms of experiments side by side, and their differences with intervals.
#include "reports/experiments_tables.hpp"

#include <fmt/format.h>

#include "reports/text_table.hpp"

namespace plimsoll {
namespace {

std::string count(std::int64_t number) {
  return fmt::format("{}", fmt::group_digits(number));
}

std::string number(double value) {
  return fmt::format("{:.4g}", value);
}

std::string share_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? "-"
                    : fmt::format("{:.2f}",
                                  100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string arms_table(const ExperimentSummary& experiment) {
  std::vector<std::vector<std::string>> rows;
  for (const ArmSummary& arm : experiment.arms) {
    rows.push_back({arm.name == experiment.control ? arm.name + " (control)" : arm.name,
                    arm.model.empty() ? "-" : arm.model, count(arm.arrived),
                    share_of(arm.arrived, experiment.concerned),
                    share_of(arm.answered, arm.measured_arrivals),
                    share_of(arm.good, arm.measured_arrivals), number(arm.ttft.mean),
                    number(arm.ttft.p99), number(arm.tpot.mean), number(arm.e2el.mean),
                    arm.priced ? fmt::format("${:.4g}", arm.dollars_per_request) : "-"});
  }
  return text_table({{"arm of " + experiment.name, false},
                     {"model", false},
                     {"arrived"},
                     {"%"},
                     {"answered %"},
                     {"good %"},
                     {"TTFT ms"},
                     {"p99"},
                     {"TPOT ms"},
                     {"E2E ms"},
                     {"a request"}},
                    rows);
}

std::string differences_table(const ExperimentSummary& experiment) {
  std::vector<std::vector<std::string>> rows;
  for (const DifferenceSummary& row : experiment.differences) {
    rows.push_back({row.arm, row.metric, number(row.control), number(row.treatment),
                    fmt::format("{:+.4g}", row.difference),
                    row.has_interval ? fmt::format("{:+.4g} .. {:+.4g}", row.low, row.high) : "-",
                    verdict_word(row.verdict), row.reason});
  }
  return text_table({{"treatment", false},
                     {"metric", false},
                     {"control"},
                     {"treatment"},
                     {"difference"},
                     {fmt::format("{:.4g} % interval", 100 * experiment.confidence)},
                     {"verdict", false},
                     {"why", false}},
                    rows);
}

}  // namespace

std::string experiments_tables(const RunResult& result) {
  std::string out;
  for (const ExperimentSummary& experiment : result.experiments) {
    out += "\n" + arms_table(experiment);
    out += fmt::format("{} of {} requests take no part; {} windows of {:.6g} s are compared\n",
                       count(experiment.outside), count(experiment.concerned),
                       count(experiment.windows), to_seconds(experiment.window));
    out += differences_table(experiment);
  }
  return out;
}

}  // namespace plimsoll
