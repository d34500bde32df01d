// Config: experiments: arms that share the traffic, and how they are compared.
#include <fmt/format.h>

#include <algorithm>

#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

/// Windows of the default length.
constexpr int usual_windows = 30;

SectionDecl arm_section() {
  return Section<ArmConfig>{}
      .field("share", &ArmConfig::share, ratio_kind({0, 1, true}), "",
             "of the requests that the experiment concerns")
      .optional("model", &ArmConfig::model, reference_kind<ModelIndex>(NameList::models),
                "that answers them, by its own pools and service; none: the one that they ask for")
      .build();
}

void check_arms(KeyCheck& check, const ExperimentConfig& experiment, const Config& config) {
  double shares = 0;
  bool has_control = false;
  for (const ArmConfig& arm : experiment.arms) {
    shares += arm.share;
    has_control = has_control || arm.name == experiment.control;
    const bool served =
        !arm.model || std::any_of(config.pools.begin(), config.pools.end(),
                                  [&](const PoolConfig& pool) { return pool.model == *arm.model; });
    check.require(served, "arms",
                  fmt::format("no pool serves {}, the model of {}",
                              served ? "" : config.models[*arm.model].name, arm.name),
                  "add a pool or name another model");
  }
  check.require(experiment.arms.size() >= 2, "arms",
                "an experiment needs a control and a treatment",
                "e.g. {today: {share: 50%}, candidate: {share: 50%, model: other}}");
  check.require(shares <= 1 + 1e-9, "arms", "the shares of the arms add up to more than 1",
                "what they leave over takes no part");
  check.require(has_control, "control", fmt::format("no arm is named \"{}\"", experiment.control),
                "name the arm that the others are compared with");
}

void finish_experiment(Reader& reader, const RawNode& map, const std::string& path,
                       ExperimentConfig& experiment, bool clean) {
  if (!clean) {
    return;
  }
  KeyCheck check{reader, map, path};
  const Config& config = reader.config();
  check_arms(check, experiment, config);
  const bool keys = config.path && config.path->limits;
  check.require(experiment.by != AssignBy::key || keys, "by",
                "requests have no keys without path.limits",
                "add path.limits.keys, or assign by session");
  const Duration measured = config.duration - config.warm_up;
  if (experiment.window == Duration::zero()) {
    experiment.window = measured / usual_windows;
    check.require(experiment.window > Duration::zero(), "window",
                  "missing key: nobody knows how long the arrivals last", "e.g. 5min");
  }
  check.require(config.duration == Duration::zero() || experiment.window <= measured, "window",
                "a window is longer than what is measured", "shorten it");
}

}  // namespace

SectionDecl experiment_section() {
  return Section<ExperimentConfig>{}
      .optional("class", &ExperimentConfig::request_class,
                reference_kind<ClassIndex>(NameList::classes), "only requests of this class")
      .optional("tier", &ExperimentConfig::tier, reference_kind<TierIndex>(NameList::tiers),
                "only requests of this tier")
      .field("by", &ExperimentConfig::by,
             word_kind<AssignBy>({{"session", AssignBy::session},
                                  {"key", AssignBy::key},
                                  {"request", AssignBy::request}}),
             "session",
             "what stays in one arm: all turns of a session, all requests of an API key of "
             "path.limits, or each request by itself")
      .field("control", &ExperimentConfig::control, text_kind(), "",
             "the arm that all others are compared with")
      .named("arms", &ExperimentConfig::arms, arm_section(), NameList::none,
             "what shares the requests; what their shares leave over takes no part")
      .required()
      .field("window", &ExperimentConfig::window, millisecond_kind(), "",
             "requests that arrive within one are compared with each other; windows are the sample "
             "of the intervals")
      .derived("a 30th of what is measured")
      .field("confidence", &ExperimentConfig::confidence, ratio_kind({0.5, 0.9999, false}), "95%",
             "of the intervals of differences")
      .field("least_windows", &ExperimentConfig::least_windows, count_kind(2, 400), "10",
             "with fewer independent windows nothing is decided")
      .finish(finish_experiment)
      .build();
}

void check_experiments(Reader& reader, const RawNode& root, const Config& config) {
  const auto refuse = [&](const std::string& why, const std::string& hint) {
    reader.report(place_of_key(root, "experiments"), "experiments", why, hint);
  };
  const std::vector<RequestClassConfig>& classes = config.workload.classes;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const ExperimentConfig* first = nullptr;
    for (const ExperimentConfig& experiment : config.experiments) {
      if (!concerns(experiment, static_cast<ClassIndex>(c), classes[c].tier)) {
        continue;
      }
      if (first != nullptr) {
        refuse(fmt::format("{} and {} both concern requests of class {}", first->name,
                           experiment.name, classes[c].name),
               "give them classes or tiers of their own");
      }
      first = &experiment;
    }
  }
  if (!config.experiments.empty() &&
      (!config.horizon.windows.empty() || config.horizon.sample > 1)) {
    refuse("experiments are played in full, without windows and samples",
           "remove windows and sample");
  }
}

}  // namespace plimsoll
