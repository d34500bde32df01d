// Command line: what a calibration found.
#include "cli/calibration_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "reports/text_table.hpp"

namespace plimsoll::cli {
namespace {

std::string standing(const FittedParameter& parameter) {
  if (parameter.at_bound) {
    return "at its bound: assumed";
  }
  if (parameter.unused) {
    return "no row depends on it: assumed";
  }
  return determined(parameter) ? "calibrated" : "not determined: assumed";
}

}  // namespace

double six_digits(double value) {
  return std::strtod(fmt::format("{:.6g}", value).c_str(), nullptr);
}

ErrorSummary summarize_errors(const std::vector<double>& residuals) {
  std::vector<double> errors;
  for (const double residual : residuals) {
    errors.push_back(std::fabs(std::expm1(residual)));
  }
  std::sort(errors.begin(), errors.end());
  ErrorSummary summary;
  summary.count = errors.size();
  if (!errors.empty()) {
    summary.median = errors[(errors.size() - 1) / 2];
    summary.p90 = errors[(errors.size() - 1) * 9 / 10];
    summary.worst = errors.back();
  }
  return summary;
}

std::string error_text(const ErrorSummary& errors) {
  return fmt::format("{} values: median error {:.1f} %, p90 {:.1f} %, worst {:.1f} %", errors.count,
                     100 * errors.median, 100 * errors.p90, 100 * errors.worst);
}

bool determined(const FittedParameter& parameter) {
  return !parameter.at_bound && parameter.standard_error < 0.5 * std::fabs(parameter.value);
}

std::string parameter_table(const std::vector<FitParameter>& parameters, const Fit& fit) {
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const FittedParameter& found = fit.parameters[i];
    rows.push_back({parameters[i].name, fmt::format("{:.6g}", found.value),
                    std::isfinite(found.standard_error)
                        ? fmt::format("{:.2g}", found.standard_error)
                        : std::string{"-"},
                    standing(found)});
  }
  return text_table({{"COEFFICIENT", false}, {"VALUE", true}, {"+-", true}, {"STANDING", false}},
                    rows);
}

std::vector<FigureSource> undetermined_figures(const std::vector<FitParameter>& parameters,
                                               const Fit& fit) {
  std::vector<FigureSource> figures;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (determined(fit.parameters[i])) {
      continue;
    }
    // Figures are told for whole keys: gemm for gemm.overlap.
    FigureSource figure;
    figure.name = parameters[i].name.substr(0, parameters[i].name.find('.'));
    figure.source = fit.parameters[i].at_bound ? "at the bound of the fit"
                                               : "the fitted rows do not determine it";
    figure.provenance = Provenance::assumed;
    const auto same = [&](const FigureSource& other) { return other.name == figure.name; };
    if (std::none_of(figures.begin(), figures.end(), same)) {
      figures.push_back(figure);
    }
  }
  std::sort(figures.begin(), figures.end(),
            [](const FigureSource& a, const FigureSource& b) { return a.name < b.name; });
  return figures;
}

}  // namespace plimsoll::cli
