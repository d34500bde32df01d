// Fits an engine profile to measurements of whole replicas.
#include "perf/profile_fit.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "perf/closed_loop.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

/// Steps are measured to some per cent; beyond, a point weighs less.
constexpr double loss_scale = 0.05;

constexpr int more_starts = 12;

/// Beside the measured residuals stands one prior for each coefficient.
ResidualFacts facts_of(const std::vector<ProfileCoefficient>& coefficients) {
  return {coefficients.size(), least_deviation};
}

ProfileCoefficient number(const char* key, double EngineProfile::*member, double start,
                          double lower, double upper) {
  return {{key, start, lower, upper},
          [member](const EngineProfile& profile) { return profile.*member; },
          [member](EngineProfile& profile, double value) { profile.*member = value; }};
}

ProfileCoefficient time(const char* key, FineDuration EngineProfile::*member, FineDuration start,
                        FineDuration upper) {
  return {
      {key, start.count(), 0, upper.count()},
      [member](const EngineProfile& profile) { return (profile.*member).count(); },
      [member](EngineProfile& profile, double value) { profile.*member = FineDuration{value}; }};
}

MachineSpec& machine_in(EngineProfile& profile, const std::string& name) {
  auto& machines = profile.machines;
  const auto place =
      std::lower_bound(machines.begin(), machines.end(), name,
                       [](const MachineSpec& m, const std::string& n) { return m.name < n; });
  if (place != machines.end() && place->name == name) {
    return *place;
  }
  MachineSpec machine;
  machine.name = name;
  return *machines.insert(place, machine);
}

void add_machine(const std::string& name, std::vector<ProfileCoefficient>& all) {
  const std::string path = "machines." + name + ".";
  all.push_back({{path + "host_factor", 0.8, 0.1, 10},
                 [name](const EngineProfile& profile) {
                   EngineProfile copy = profile;
                   return machine_in(copy, name).host_factor;
                 },
                 [name](EngineProfile& profile, double value) {
                   machine_in(profile, name).host_factor = value;
                 }});
  all.push_back(
      {{path + "large_pass_bandwidth", 30e9, 1e9, 1e12},
       [name](const EngineProfile& profile) {
         EngineProfile copy = profile;
         return machine_in(copy, name).large_pass_bandwidth.value_or(BytesPerSecond{}).count();
       },
       [name](EngineProfile& profile, double value) {
         machine_in(profile, name).large_pass_bandwidth = BytesPerSecond::of(value);
       }});
}

/// log(predicted / measured), weighted: TTFT and TPOT where they are known, else E2E.
void add_residuals(const StepTimeModel& model, const PoolConfig& pool, const MeasuredPoint& point,
                   std::vector<double>& residuals) {
  if (point.closed_loop) {
    if (point.tpot) {
      residuals.push_back(tpot_weight *
                          std::log(closed_loop_tpot(model, pool, point.load) / *point.tpot));
    }
    return;
  }
  const StaticBatch batch = predict_static_batch(model, pool, point.load);
  if (point.ttft) {
    residuals.push_back(std::log(batch.ttft / *point.ttft));
  }
  if (point.tpot && point.load.output > 1) {
    residuals.push_back(tpot_weight * std::log(batch.tpot / *point.tpot));
  }
  if (!point.ttft && !point.tpot && point.e2e) {
    residuals.push_back(std::log(batch.e2e / *point.e2e));
  }
}

std::vector<double> residuals_of(const MeasuredPoints& points, const EngineProfile& profile) {
  std::vector<std::unique_ptr<StepTimeModel>> models;
  for (const Config& replica : points.replicas) {
    Config config = replica;
    config.profiles.at(config.pools.front().profile) = profile;
    models.push_back(make_step_time_model(config, config.pools.front()));
  }
  std::vector<double> residuals;
  for (const MeasuredPoint& point : points.points) {
    add_residuals(*models[point.replica], points.replicas[point.replica].pools.front(), point,
                  residuals);
  }
  return residuals;
}

EngineProfile with(EngineProfile profile, const std::vector<ProfileCoefficient>& coefficients,
                   const std::vector<double>& values) {
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    coefficients[i].set(profile, values[i]);
  }
  return profile;
}

/// `coefficients` and what they set outlive the function returned.
Residuals residuals_at(const MeasuredPoints& points, const EngineProfile& start,
                       const std::vector<ProfileCoefficient>& coefficients) {
  return [&points, start, &coefficients](const std::vector<double>& values) {
    std::vector<double> residuals = residuals_of(points, with(start, coefficients, values));
    for (std::size_t i = 0; i < values.size(); ++i) {
      // Values near 0 are as unlikely as a hundredth of what was expected.
      const double ratio = std::max(values[i] / coefficients[i].range.start, 0.01);
      residuals.push_back(prior_weight * std::log(ratio));
    }
    return residuals;
  };
}

/// `start` with what was found; what no row depends on stays as it was.
EngineProfile fitted(EngineProfile start, const std::vector<ProfileCoefficient>& coefficients,
                     const Fit& fit) {
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    if (!fit.parameters[i].unused) {
      coefficients[i].set(start, fit.parameters[i].value);
    }
  }
  return start;
}

/// The coefficients, each beginning at what `profile` says of it where that is not 0.
std::vector<ProfileCoefficient> expected_at(const EngineProfile& profile,
                                            std::vector<ProfileCoefficient> coefficients) {
  for (ProfileCoefficient& coefficient : coefficients) {
    const double said = coefficient.get(profile);
    FitParameter& range = coefficient.range;
    range.start = said > 0 ? std::clamp(said, range.lower, range.upper) : range.start;
  }
  return coefficients;
}

bool same_point(const MeasuredPoint& a, const MeasuredPoint& b) {
  return a.replica == b.replica && a.closed_loop == b.closed_loop && a.load.batch == b.load.batch &&
         a.load.prompt == b.load.prompt && a.load.output == b.load.output;
}

/// The mean of logarithms over those points that measured `what`.
std::optional<double> mean_of(const std::vector<const MeasuredPoint*>& points,
                              std::optional<double> MeasuredPoint::*what) {
  double sum = 0;
  int count = 0;
  for (const MeasuredPoint* const point : points) {
    if (point->*what) {
      sum += std::log(*(point->*what));
      ++count;
    }
  }
  if (count < 2) {
    const auto one = std::find_if(points.begin(), points.end(), [what](const MeasuredPoint* p) {
      return (p->*what).has_value();
    });
    return one != points.end() ? (*one)->*what : std::nullopt;
  }
  return std::exp(sum / count);
}

constexpr std::size_t folds = 5;

/// Every fifth point from `fold` on, or all but those.
MeasuredPoints part_of(const MeasuredPoints& all, std::size_t fold, bool left_out) {
  MeasuredPoints part;
  part.replicas = all.replicas;
  for (std::size_t i = 0; i < all.points.size(); ++i) {
    if ((i % folds == fold) == left_out) {
      part.points.push_back(all.points[i]);
    }
  }
  return part;
}

}  // namespace

MeasuredPoints distinct_points(const MeasuredPoints& all) {
  std::vector<std::vector<const MeasuredPoint*>> groups;
  for (const MeasuredPoint& point : all.points) {
    const auto known = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
      return same_point(*group.front(), point);
    });
    if (known != groups.end()) {
      known->push_back(&point);
    } else {
      groups.push_back({&point});
    }
  }
  MeasuredPoints distinct;
  distinct.replicas = all.replicas;
  for (const auto& group : groups) {
    MeasuredPoint point = *group.front();
    for (const auto what : {&MeasuredPoint::ttft, &MeasuredPoint::tpot, &MeasuredPoint::e2e}) {
      point.*what = mean_of(group, what);
    }
    distinct.points.push_back(point);
  }
  return distinct;
}

std::vector<ProfileCoefficient> profile_coefficients(const std::vector<std::string>& machines) {
  using P = EngineProfile;
  std::vector<ProfileCoefficient> all = {
      number("gemm_share", &P::gemm_share, 0.9, 0.2, 1),
      number("read_share", &P::read_share, 0.9, 0.2, 1),
      number("attention_share", &P::attention_share, 0.9, 0.02, 1),
      number("kv_share", &P::kv_share, 0.8, 0.05, 1),
      number("collective_share", &P::collective_share, 0.9, 0.05, 1),
      number("kernel_latency_factor", &P::kernel_latency_factor, 1, 0, 20),
      number("quantize_latency_factor", &P::quantize_latency_factor, 1, 0, 20),
      number("kv_read_latency_factor", &P::kv_read_latency_factor, 1, 0, 50),
      number("collective_latency_factor", &P::collective_latency_factor, 1, 0, 50),
      number("activation_passes", &P::activation_passes, 10, 0, 300),
      time("layer_overhead", &P::layer_overhead, FineDuration{10e3}, FineDuration{1e6}),
      time("host_per_layer", &P::host_per_layer, FineDuration{50e3}, FineDuration{3e6}),
      time("host_per_prompt_layer", &P::host_per_prompt_layer, FineDuration{100e3},
           FineDuration{5e6}),
      time("host_per_step", &P::host_per_step, FineDuration{1e6}, FineDuration{30e6}),
      time("host_per_sequence", &P::host_per_sequence, FineDuration{20e3}, FineDuration{3e6})};
  for (const std::string& name : machines) {
    add_machine(name, all);
  }
  return all;
}

ProfileFit fit_profile(const MeasuredPoints& all, const EngineProfile& start,
                       const std::vector<ProfileCoefficient>& given) {
  const MeasuredPoints points = distinct_points(all);
  const std::vector<ProfileCoefficient> coefficients = expected_at(start, given);
  ProfileFit result;
  for (const ProfileCoefficient& coefficient : coefficients) {
    result.parameters.push_back(coefficient.range);
  }
  const std::size_t count = residuals_of(points, start).size();
  if (count <= coefficients.size()) {
    throw ConfigError{{Diagnostic{"", 0, 0, "--data",
                                  fmt::format("{} measured times cannot determine {} coefficients",
                                              count, coefficients.size()),
                                  "give rows at more points (of one point all rows together count "
                                  "once), or fit fewer keys (--fit)"}}};
  }
  result.fit = fit_least_squares(result.parameters, residuals_at(points, start, coefficients),
                                 loss_scale, more_starts, facts_of(coefficients));
  result.profile = fitted(start, coefficients, result.fit);
  result.residuals = residuals_of(all, result.profile);
  return result;
}

double cross_validated_error(const MeasuredPoints& all, const ProfileFit& whole,
                             const std::vector<ProfileCoefficient>& given) {
  const MeasuredPoints points = distinct_points(all);
  std::vector<ProfileCoefficient> coefficients = given;
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    coefficients[i].range = whole.parameters[i];
  }
  std::vector<double> errors;
  for (std::size_t fold = 0; fold < folds; ++fold) {
    const MeasuredPoints rest = part_of(points, fold, false);
    if (residuals_of(rest, whole.profile).size() <= coefficients.size()) {
      return std::numeric_limits<double>::infinity();
    }
    const Fit fit =
        refit_least_squares(whole.parameters, residuals_at(rest, whole.profile, coefficients),
                            loss_scale, whole.fit.parameters, facts_of(coefficients));
    const EngineProfile profile = fitted(whole.profile, coefficients, fit);
    for (const double residual : residuals_of(part_of(points, fold, true), profile)) {
      errors.push_back(std::fabs(residual));
    }
  }
  std::sort(errors.begin(), errors.end());
  return errors.at((errors.size() - 1) / 2);
}

}  // namespace plimsoll
