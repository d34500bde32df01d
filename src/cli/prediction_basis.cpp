// Command line: what a prediction rests on.
#include "cli/prediction_basis.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "perf/profile_fit.hpp"
#include "plimsoll/report.hpp"

namespace plimsoll::cli {
namespace {

/// The figure when it is said to be assumed or a rumour, else null.
const FigureSource* assumed(const std::vector<FigureSource>& figures, const std::string& name) {
  const auto found = std::find_if(figures.begin(), figures.end(), [&](const FigureSource& figure) {
    return figure.name == name &&
           (figure.provenance == Provenance::assumed || figure.provenance == Provenance::rumour);
  });
  return found != figures.end() ? &*found : nullptr;
}

void note_coefficients(std::vector<std::string>& notes, const EngineProfile& profile) {
  if (profile.provenance != Provenance::calibrated || profile.form != StepForm::operators) {
    return;
  }
  std::vector<std::string> fitted;
  std::vector<std::string> open;
  for (const ProfileCoefficient& one : profile_coefficients({})) {
    (assumed(profile.figures, one.range.name) != nullptr ? open : fitted).push_back(one.range.name);
  }
  std::string text = fmt::format(
      "of the profile {} rows determine {}", profile.name,
      fitted.empty() ? "no coefficient by itself, only the times that they make together"
                     : fmt::format("{}", fmt::join(fitted, ", ")));
  if (!open.empty()) {
    text += fmt::format("; assumed are {}", fmt::join(open, ", "));
  }
  notes.push_back(std::move(text));
}

void note_kernels(std::vector<std::string>& notes, const GpuSpec& gpu, const KernelSpec& kernels) {
  if (const FigureSource* const figure = assumed(gpu.figures, "kernels")) {
    notes.push_back(fmt::format("kernels of {} are derived: {}", gpu.name, figure->source));
  } else if (kernels.provenance == Provenance::assumed) {
    notes.push_back(fmt::format("kernels of {} are derived: {}", gpu.name, kernels.source));
  }
}

void note_narrow_products(std::vector<std::string>& notes, const EngineProfile& profile,
                          Precision weights) {
  if (bytes_of(weights) > 1 || profile.form != StepForm::operators) {
    return;
  }
  const FigureSource* const figure = assumed(profile.figures, "quantize_latency_factor");
  if (figure != nullptr || profile.provenance == Provenance::assumed) {
    notes.push_back(
        fmt::format("the latency of 8-bit products under the profile {} is extrapolated: {}",
                    profile.name, figure != nullptr ? figure->source : "no row was fitted"));
  }
}

/// What the rows that profiles were fitted to do not hold at all.
void note_never_measured(std::vector<std::string>& notes, const PoolConfig& pool,
                         const GpuSpec& gpu, const ModelSpec& model) {
  if (pool.weight_precision == Precision::int8 && gpu.fp8 > FlopRate{}) {
    notes.push_back(
        fmt::format("products of int8 on {} are taken to be as fast as those of fp8, "
                    "which were measured: assumed",
                    gpu.name));
  }
  if (model.experts > 1) {
    notes.push_back("no measured row has a model with experts: extrapolated from dense ones");
  }
  if (pool.pp > 1) {
    notes.push_back("no measured row has pipeline stages: extrapolated from one stage");
  }
}

}  // namespace

std::vector<std::string> basis_notes(const Config& config, const Point& point) {
  const PoolConfig& pool = config.pools.front();
  const EngineProfile& profile = config.profiles.at(pool.profile);
  const GpuSpec& gpu = config.gpus.at(pool.gpu);
  std::vector<std::string> notes;
  note_coefficients(notes, profile);
  note_kernels(notes, gpu, config.kernels.at(gpu.kernels));
  note_narrow_products(notes, profile, pool.weight_precision);
  const ModelSpec& model = config.models.at(pool.model);
  note_never_measured(notes, pool, gpu, model);
  if (point.prompt + point.output > model.max_context) {
    notes.push_back(fmt::format("{} + {} tokens exceed the published context of {}, {} tokens",
                                point.prompt, point.output, model.name, model.max_context));
  }
  for (std::string& note : provenance_notes(config)) {
    notes.push_back(std::move(note));
  }
  return notes;
}

}  // namespace plimsoll::cli
