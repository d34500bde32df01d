// Metrics room: arms, their windows, and treatments against controls.
#include "metrics/experiment_accounts.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "metrics/paired_windows.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

/// Each keeps three sketches an arm.
constexpr std::size_t most_windows = 400;

/// Equal keys of an arm below which nothing is decided: fewer bring the arms loads so unlike (1 /
/// sqrt of them: 3 %) that queues do not follow them in proportion, as the intervals have it.
constexpr int least_keys = 1000;

ArmLatency latency_of(const LatencySketch& sketch) {
  return {sketch.count(), sketch.mean_ns() / 1e6,
          static_cast<double>(sketch.percentile_ns(50)) / 1e6,
          static_cast<double>(sketch.percentile_ns(99)) / 1e6};
}

/// A metric as it is told: in what unit, and which way is better.
struct MetricForm {
  const char* name;
  double scale;  // from the estimate's unit
  bool less_is_better;
};

/// Of each window, or group of keys, what `of` says.
template <class Window, class Of>
auto amounts(const std::vector<Window>& windows, Of of) {
  std::vector<decltype(of(windows.front()))> list;
  for (const Window& window : windows) {
    list.push_back(of(window));
  }
  return list;
}

DifferenceSummary tell(const ExperimentConfig& experiment, const std::string& arm,
                       const MetricForm& form, const PairedDifference& found) {
  DifferenceSummary row;
  row.arm = arm;
  row.metric = form.name;
  row.control = found.control * form.scale;
  row.treatment = found.treatment * form.scale;
  row.difference = row.treatment - row.control;
  row.has_interval = found.has_interval;
  row.autocorrelation = found.autocorrelation;
  row.effective_windows = found.effective_windows;
  if (!found.known) {
    row.reason = "an arm has nothing to measure";
    return row;
  }
  if (!found.has_interval) {
    row.reason = "too few values for an interval, or all in too few windows";
    return row;
  }
  row.low = row.difference - found.half_width * form.scale;
  row.high = row.difference + found.half_width * form.scale;
  if (experiment.by == AssignBy::key && found.effective_keys < least_keys) {
    row.reason = fmt::format("the keys of an arm are worth {:.3g} equal ones, {} are needed",
                             found.effective_keys, least_keys);
  } else if (found.effective_windows < experiment.least_windows) {
    row.reason = fmt::format("only {:.3g} independent windows, {} are asked for",
                             found.effective_windows, experiment.least_windows);
  } else if (row.low <= 0 && row.high >= 0) {
    row.reason = "the interval covers 0";
  } else {
    const bool less = row.high < 0;
    row.verdict = less == form.less_is_better ? ArmVerdict::better : ArmVerdict::worse;
  }
  return row;
}

}  // namespace

void ExperimentAccounts::ArmWindow::merge(const ArmWindow& other) {
  arrived += other.arrived;
  answered += other.answered;
  good += other.good;
  ttft.merge(other.ttft);
  tpot.merge(other.tpot);
  e2el.merge(other.e2el);
}

ExperimentAccounts::ExperimentAccounts(const Config& config)
    : config_{config}, begin_{sim_start + config.warm_up} {
  for (const ExperimentConfig& experiment : config.experiments) {
    Grid grid;
    grid.window = experiment.window;
    const Duration span = config.duration - config.warm_up;
    const auto fitting = static_cast<std::size_t>(std::max<std::int64_t>(0, span / grid.window));
    grid.last_takes_rest = config.duration > Duration::zero() && fitting <= most_windows;
    grid.most = grid.last_takes_rest ? std::max<std::size_t>(1, fitting) : most_windows;
    first_arm_.push_back(arms_.size());
    for (std::size_t i = 0; i < experiment.arms.size(); ++i) {
      Arm arm;
      arm.experiment = grids_.size();
      arm.by_pool.resize(config.pools.size());
      arm.groups.resize(experiment.by == AssignBy::key ? key_groups : 0);
      arms_.push_back(std::move(arm));
    }
    grids_.push_back(grid);
  }
}

ExperimentAccounts::ArmWindow& ExperimentAccounts::window_of(ArmIndex arm, SimTime arrived) {
  const std::size_t experiment = arms_[arm].experiment;
  auto window = static_cast<std::size_t>((arrived - begin_) / grids_[experiment].window);
  if (grids_[experiment].last_takes_rest) {
    window = std::min(window, grids_[experiment].most - 1);
  }
  while (window >= grids_[experiment].most) {
    join_pairs(experiment);
    window /= 2;
  }
  std::vector<ArmWindow>& windows = arms_[arm].windows;
  if (windows.size() <= window) {
    windows.resize(window + 1);
  }
  return windows[window];
}

void ExperimentAccounts::join_pairs(std::size_t experiment) {
  grids_[experiment].window *= 2;
  for (Arm& arm : arms_) {
    if (arm.experiment != experiment) {
      continue;
    }
    std::vector<ArmWindow> joined((arm.windows.size() + 1) / 2);
    for (std::size_t w = 0; w < arm.windows.size(); ++w) {
      joined[w / 2].merge(arm.windows[w]);
    }
    arm.windows = std::move(joined);
  }
}

template <class Add>
void ExperimentAccounts::count(const RequestRecord& record, SimTime arrived, Add add) {
  add(window_of(record.arm, arrived));
  std::vector<ArmWindow>& groups = arms_[record.arm].groups;
  if (!groups.empty()) {
    add(groups[record.key_group]);
  }
}

void ExperimentAccounts::assigned(const RequestRecord& record, SimTime at, bool measured) {
  ++arms_[record.arm].arrived;
  if (measured) {
    count(record, at, [](ArmWindow& window) { ++window.arrived; });
  }
}

void ExperimentAccounts::first_token(const RequestRecord& record) {
  count(record, record.arrived,
        [&](ArmWindow& window) { window.ttft.add((record.first_token - record.arrived).count()); });
}

void ExperimentAccounts::ended(const RequestRecord& record, const ArmEnd& end) {
  Arm& arm = arms_[record.arm];
  ++arm.outcomes[static_cast<std::size_t>(record.outcome)];
  const bool completed = record.outcome == Outcome::completed;
  if (completed && record.replica_assigned) {
    ArmTokens& tokens = arm.by_pool[record.pool];
    ++tokens.completed;
    tokens.prompt_tokens += record.prompt_tokens;
    tokens.output_tokens += record.emitted_tokens;
  }
  if (!end.measured) {
    return;
  }
  count(record, record.arrived, [&](ArmWindow& window) {
    window.answered += completed || record.outcome == Outcome::cached ? 1 : 0;
    if (!completed) {
      return;
    }
    window.good += end.good ? 1 : 0;
    window.e2el.add((record.finished - record.arrived).count());
    if (end.tpot_ns) {
      window.tpot.add(*end.tpot_ns);
    }
  });
}

std::size_t ExperimentAccounts::windows_of(std::size_t experiment) const {
  if (grids_[experiment].last_takes_rest) {
    return grids_[experiment].most;
  }
  std::size_t windows = 0;
  for (const Arm& arm : arms_) {
    windows = arm.experiment == experiment ? std::max(windows, arm.windows.size()) : windows;
  }
  return windows;
}

ArmSummary ExperimentAccounts::summarize_arm(std::size_t index, const ArmConfig& config) const {
  const Arm& arm = arms_[index];
  ArmSummary summary;
  summary.name = config.name;
  summary.model = config.model ? config_.models[*config.model].name : std::string{};
  summary.share = config.share;
  summary.arrived = arm.arrived;
  summary.outcomes = arm.outcomes;
  summary.in_flight = arm.arrived;
  for (const std::int64_t count : arm.outcomes) {
    summary.in_flight -= count;
  }
  PLIMSOLL_CHECK(summary.in_flight >= 0, "a request of an arm ends once");
  ArmWindow all;
  for (const ArmWindow& window : arm.windows) {
    all.merge(window);
  }
  summary.measured_arrivals = all.arrived;
  summary.answered = all.answered;
  summary.good = all.good;
  summary.ttft = latency_of(all.ttft);
  summary.tpot = latency_of(all.tpot);
  summary.e2el = latency_of(all.e2el);
  summary.by_pool = arm.by_pool;
  return summary;
}

void ExperimentAccounts::compare(ExperimentSummary& summary, std::size_t experiment,
                                 std::size_t control, std::size_t treatment) const {
  const ExperimentConfig& config = config_.experiments[experiment];
  const std::string& name = config.arms[treatment].name;
  const std::array<std::size_t, 2> indices = {control, treatment};
  const KeyShares shares{config.arms[control].share, config.arms[treatment].share};
  const bool keyed = config.by == AssignBy::key;
  std::array<std::vector<ArmWindow>, 2> windows;
  std::array<const std::vector<ArmWindow>*, 2> groups{};
  for (std::size_t a = 0; a < indices.size(); ++a) {
    const Arm& arm = arms_[first_arm_[experiment] + indices[a]];
    windows[a] = arm.windows;
    windows[a].resize(windows_of(experiment));
    groups[a] = &arm.groups;
  }
  const auto add = [&](const MetricForm& form, const PairedDifference& found) {
    summary.differences.push_back(tell(config, name, form, found));
  };
  const auto compare_means = [&](const MetricForm& form, auto amount_of) {
    std::array<KeyedAmounts, 2> arms;
    for (std::size_t a = 0; a < arms.size(); ++a) {
      arms[a] = {amounts(windows[a], amount_of), amounts(*groups[a], amount_of)};
    }
    add(form, keyed ? difference_of_means(arms[0], arms[1], shares, config.confidence)
                    : difference_of_means(arms[0].windows, arms[1].windows, config.confidence));
  };
  const auto share = [&](const char* metric, std::int64_t ArmWindow::*part) {
    compare_means({metric, 1, false}, [part](const ArmWindow& window) {
      return WindowAmount{static_cast<double>(window.*part), static_cast<double>(window.arrived)};
    });
  };
  const auto latency = [&](const char* mean, const char* p99, LatencySketch ArmWindow::*sketch) {
    compare_means({mean, 1e-12, true}, [sketch](const ArmWindow& window) {
      return WindowAmount{static_cast<double>((window.*sketch).sum_fs()),
                          static_cast<double>((window.*sketch).count())};
    });
    std::array<KeyedSketches, 2> arms;
    for (std::size_t a = 0; a < arms.size(); ++a) {
      const auto sketch_of = [sketch](const ArmWindow& window) { return &(window.*sketch); };
      arms[a] = {amounts(windows[a], sketch_of), amounts(*groups[a], sketch_of)};
    }
    add({p99, 1e-6, true},
        keyed ? difference_of_percentiles(arms[0], arms[1], shares, 99, config.confidence)
              : difference_of_percentiles(arms[0].windows, arms[1].windows, 99, config.confidence));
  };
  latency("mean_ttft_ms", "p99_ttft_ms", &ArmWindow::ttft);
  latency("mean_tpot_ms", "p99_tpot_ms", &ArmWindow::tpot);
  latency("mean_e2el_ms", "p99_e2el_ms", &ArmWindow::e2el);
  share("answered_share", &ArmWindow::answered);
  share("good_share", &ArmWindow::good);
}

std::vector<ExperimentSummary> ExperimentAccounts::summarize(
    const std::vector<std::int64_t>& arrived) const {
  std::vector<ExperimentSummary> summaries;
  for (std::size_t e = 0; e < config_.experiments.size(); ++e) {
    const ExperimentConfig& experiment = config_.experiments[e];
    ExperimentSummary& summary = summaries.emplace_back();
    summary.name = experiment.name;
    summary.control = experiment.control;
    summary.confidence = experiment.confidence;
    summary.window = grids_[e].window;
    summary.windows = static_cast<std::int64_t>(windows_of(e));
    for (std::size_t c = 0; c < arrived.size(); ++c) {
      const TierIndex tier = config_.workload.classes[c].tier;
      summary.concerned += concerns(experiment, static_cast<ClassIndex>(c), tier) ? arrived[c] : 0;
    }
    summary.outside = summary.concerned;
    std::size_t control = 0;
    for (std::size_t a = 0; a < experiment.arms.size(); ++a) {
      summary.arms.push_back(summarize_arm(first_arm_[e] + a, experiment.arms[a]));
      summary.outside -= summary.arms.back().arrived;
      control = experiment.arms[a].name == experiment.control ? a : control;
    }
    PLIMSOLL_CHECK(summary.outside >= 0, "arms share the requests that their experiment concerns");
    for (std::size_t a = 0; a < experiment.arms.size(); ++a) {
      if (a != control) {
        compare(summary, e, control, a);
      }
    }
  }
  return summaries;
}

}  // namespace plimsoll
