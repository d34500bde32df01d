// Command line: `plimsoll calibrate`: fits an engine profile to measurements of whole replicas.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "cli/calibration_report.hpp"
#include "cli/catalog_names.hpp"
#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/measurement_rows.hpp"
#include "cli/row_points.hpp"
#include "config/catalog_text.hpp"
#include "fleet/memory_fit.hpp"
#include "perf/profile_fit.hpp"
#include "plimsoll/errors.hpp"
#include "reports/output_file.hpp"
#include "reports/text_table.hpp"

namespace plimsoll::cli {
namespace {

constexpr const char* default_keys =
    "gemm_share,collective_latency_factor,activation_passes,layer_overhead,host_per_layer,"
    "host_per_step,host_per_sequence";

[[noreturn]] void refuse(const char* option, std::string message, std::string hint) {
  Diagnostic finding;
  finding.key_path = option;
  finding.message = std::move(message);
  finding.hint = std::move(hint);
  throw ConfigError{{finding}};
}

/// What the rows say, gathered by replica.
class Rows {
 public:
  /// Takes the rows that stand for the profile `rows_of`.
  Rows(const CatalogNames& names, const CalibrateArguments& arguments, std::string rows_of)
      : names_{names}, arguments_{arguments}, rows_of_{std::move(rows_of)} {}

  void add(const MeasurementTable& table) {
    for (const MeasurementRow& row : table.rows) {
      try {
        RowPoint found = point_of_row(row, names_);
        if (found.point.profile != rows_of_) {
          ++others_;
          continue;
        }
        found.point.profile = arguments_.start;
        add_point(row, found.point);
      } catch (const Unpredictable& trouble) {
        skipped_.insert(trouble.reason);
      } catch (const ConfigError& error) {
        skipped_.insert(reason_of(error));
      }
    }
  }

  const MeasuredPoints& points() const { return points_; }
  std::size_t others() const { return others_; }
  const std::set<std::string>& skipped() const { return skipped_; }
  const std::set<std::string>& sources() const { return sources_; }
  /// What the rows ran on: "a100-80gb and h100-80gb in fp16".
  std::string hardware() const {
    std::set<std::string> gpus;
    std::set<std::string> precisions;
    for (const Config& config : points_.replicas) {
      gpus.insert(config.gpus.at(config.pools.front().gpu).name);
      precisions.insert(precision_name(config.pools.front().weight_precision));
    }
    return fmt::format("{} in {}", fmt::join(gpus, " and "), fmt::join(precisions, " and "));
  }
  /// Names of the kernels of all GPUs, sorted.
  std::vector<std::string> machines() const {
    std::set<std::string> machines;
    for (const Config& config : points_.replicas) {
      machines.insert(config.kernels.at(config.gpus.front().kernels).name);
    }
    return {machines.begin(), machines.end()};
  }

 private:
  void add_point(const MeasurementRow& row, const Point& point) {
    constexpr double ms = 1e-3;
    MeasuredPoint measured;
    measured.replica = replica_of(point);
    measured.load = {point.batch, point.prompt, point.output};
    measured.closed_loop = row.kind == MeasurementKind::closed_loop;
    const auto seconds = [](const std::optional<double>& value) {
      return value ? std::optional{*value * ms} : std::nullopt;
    };
    measured.ttft = seconds(row.ttft_ms);
    measured.tpot = seconds(row.tpot_ms);
    measured.e2e = seconds(row.e2e_ms);
    points_.points.push_back(measured);
    sources_.insert(row.source.substr(0, row.source.find(':')));
  }

  std::size_t replica_of(const Point& point) {
    const std::string key =
        fmt::format("{} {} {} {} {} {}", point.model, point.gpu, point.precision, point.tp,
                    point.pp, point.max_num_batched_tokens);
    const auto known = std::find(keys_.begin(), keys_.end(), key);
    if (known != keys_.end()) {
      return static_cast<std::size_t>(known - keys_.begin());
    }
    // A pass takes what the engine allows, whatever one point needs.
    Point roomy = point;
    roomy.batch = 1;
    roomy.output = 1;
    Config config = config_of(roomy, names_.files(), 0);
    if (point.max_num_batched_tokens > 0) {
      config.pools.front().max_num_batched_tokens = static_cast<int>(point.max_num_batched_tokens);
    }
    keys_.push_back(key);
    points_.replicas.push_back(std::move(config));
    return keys_.size() - 1;
  }

  const CatalogNames& names_;
  const CalibrateArguments& arguments_;
  std::string rows_of_;
  MeasuredPoints points_;
  std::vector<std::string> keys_;
  std::size_t others_ = 0;
  std::set<std::string> skipped_;
  std::set<std::string> sources_;
};

std::vector<ProfileCoefficient> chosen_coefficients(const std::string& keys,
                                                    const std::vector<std::string>& machines) {
  const std::vector<ProfileCoefficient> all = profile_coefficients(machines);
  std::vector<ProfileCoefficient> chosen;
  std::istringstream list{keys};
  for (std::string key; std::getline(list, key, ',');) {
    const auto found = std::find_if(
        all.begin(), all.end(), [&](const ProfileCoefficient& c) { return c.range.name == key; });
    if (found == all.end()) {
      std::string names;
      for (const ProfileCoefficient& one : all) {
        names += (names.empty() ? "" : ", ") + one.range.name;
      }
      refuse("--fit", fmt::format("\"{}\" cannot be fitted", key), "one of " + names);
    }
    chosen.push_back(*found);
  }
  return chosen;
}

std::string percent(double log_error) {
  return std::isfinite(log_error) ? fmt::format("{:.1f} %", 100 * std::expm1(log_error)) : "-";
}

/// Fits with the host overlapping and adding; the form that tells unseen rows better stays.
ProfileFit chosen_fit(const MeasuredPoints& points, EngineProfile start,
                      const std::vector<ProfileCoefficient>& coefficients,
                      const std::string& host) {
  std::vector<ProfileFit> fits;
  std::vector<double> unseen;
  std::vector<std::vector<std::string>> rows;
  for (const HostLaunch form : {HostLaunch::overlaps, HostLaunch::adds}) {
    const std::string name = form == HostLaunch::overlaps ? "overlaps" : "adds";
    if (host != "choose" && host != name) {
      continue;
    }
    start.host = form;
    fits.push_back(fit_profile(points, start, coefficients));
    unseen.push_back(cross_validated_error(points, fits.back(), coefficients));
    const ErrorSummary errors = summarize_errors(fits.back().residuals);
    rows.push_back({name, fmt::format("{:.1f} %", 100 * errors.median), percent(unseen.back())});
  }
  fmt::print(
      "{}\n",
      text_table({{"HOST", false}, {"MEDIAN ERROR", true}, {"ON ROWS LEFT OUT", true}}, rows));
  const std::size_t best = fits.size() == 2 && unseen[1] < unseen[0] ? 1 : 0;
  return fits[best];
}

EngineProfile start_of(const Rows& rows) {
  const Config& config = rows.points().replicas.front();
  return config.profiles.at(config.pools.front().profile);
}

void add_missing(std::vector<FigureSource>& figures, const std::vector<FigureSource>& more) {
  for (const FigureSource& figure : more) {
    const auto same = [&](const FigureSource& other) { return other.name == figure.name; };
    if (std::none_of(figures.begin(), figures.end(), same)) {
      figures.push_back(figure);
    }
  }
}

/// A profile that is further off than this in the median is no description of an engine.
constexpr double most_median_error = 0.5;

/// What `figures` say of all but the fitted coefficients.
std::vector<FigureSource> without(std::vector<FigureSource> figures,
                                  const std::vector<ProfileCoefficient>& fitted) {
  for (const ProfileCoefficient& one : fitted) {
    std::erase_if(figures, [&](const FigureSource& f) { return f.name == one.range.name; });
  }
  return figures;
}

/// Figures for the coefficients that were not fitted.
std::vector<FigureSource> unfitted_figures(const std::vector<ProfileCoefficient>& fitted) {
  std::vector<FigureSource> figures;
  for (const ProfileCoefficient& one : profile_coefficients({})) {
    const auto same = [&](const ProfileCoefficient& c) { return c.range.name == one.range.name; };
    if (std::none_of(fitted.begin(), fitted.end(), same)) {
      figures.push_back({one.range.name, "not fitted: as it was given", Provenance::assumed});
    }
  }
  return figures;
}

/// The fitted profile as it is written: rounded, with its source and what is assumed in it.
EngineProfile finished(const ProfileFit& fit, const std::vector<ProfileCoefficient>& coefficients,
                       const Rows& rows, const CalibrateArguments& arguments) {
  EngineProfile profile = fit.profile;
  for (const ProfileCoefficient& coefficient : coefficients) {
    coefficient.set(profile, six_digits(coefficient.get(profile)));
  }
  profile.name = arguments.profile;
  profile.provenance = Provenance::calibrated;
  const std::string of = fmt::format("{}", fmt::join(rows.sources(), ", "));
  profile.source = fmt::format("fitted by plimsoll calibrate to {} rows{}{}, {}; {} coefficients",
                               rows.points().points.size(), of.empty() ? "" : " of ", of,
                               rows.hardware(), coefficients.size());
  const std::vector<FigureSource> kept = profile.figures;
  profile.figures = undetermined_figures(fit.parameters, fit.fit);
  add_missing(profile.figures, without(kept, coefficients));
  add_missing(profile.figures, unfitted_figures(coefficients));
  std::sort(profile.figures.begin(), profile.figures.end(),
            [](const FigureSource& a, const FigureSource& b) { return a.name < b.name; });
  return profile;
}

void tell_rows(const Rows& rows, const CalibrateArguments& arguments) {
  fmt::print("{}: {} rows on {} replicas", arguments.profile, rows.points().points.size(),
             rows.points().replicas.size());
  if (rows.others() > 0) {
    fmt::print("; {} rows stand for other profiles", rows.others());
  }
  fmt::print("\n\n");
  for (const std::string& reason : rows.skipped()) {
    fmt::print(stderr, "plimsoll: rows left out: {}\n", reason);
  }
}

/// A profile that the catalog does not know is written anew, beside what the catalog has: from the
/// profile that --start names, and the rows that stand for that one.
/// Fills in `start`; returns the profile whose rows are fitted.
std::string checked_names(CalibrateArguments& arguments, const CatalogNames& names) {
  if (arguments.profile.empty()) {
    refuse("--profile", "missing: name a profile", names.profile_hint(""));
  }
  const bool known = !names.profile(arguments.profile).empty();
  if (!known && arguments.start.empty()) {
    refuse("--profile", "there is no such profile",
           names.profile_hint(arguments.profile) +
               "; for one of your own say which profile it starts from: --start");
  }
  arguments.start = arguments.start.empty() ? arguments.profile : arguments.start;
  if (names.profile(arguments.start).empty()) {
    refuse("--start", "there is no such profile", names.profile_hint(arguments.start));
  }
  return known ? arguments.profile : arguments.start;
}

}  // namespace

int calibrate_command(const CalibrateArguments& given) {
  CalibrateArguments arguments = given;
  if (arguments.out.empty()) {
    refuse("--out", "missing: name the file to write", "for example --out profile.yaml");
  }
  if (!arguments.kernels.empty()) {
    return calibrate_kernels_command(arguments);
  }
  if (arguments.data.empty()) {
    refuse("--data", "missing: name a table of measurements", "or tables of kernels, --kernels");
  }
  const CatalogNames names{arguments.catalogs};
  const std::string rows_of = checked_names(arguments, names);
  Rows rows{names, arguments, rows_of};
  for (const std::string& path : arguments.data) {
    rows.add(read_measurements(path, RowFaults::refuse));
  }
  if (rows.points().points.empty()) {
    refuse("--data", fmt::format("no row stands for {}", rows_of),
           "catalog.engines says which profile stands for an engine");
  }
  tell_rows(rows, arguments);
  const auto coefficients =
      chosen_coefficients(arguments.fit.empty() ? default_keys : arguments.fit, rows.machines());
  const ProfileFit fit = chosen_fit(rows.points(), start_of(rows), coefficients, arguments.host);
  const ErrorSummary errors = summarize_errors(fit.residuals);
  fmt::print("{}\n{}", error_text(errors), parameter_table(fit.parameters, fit.fit));
  if (errors.median > most_median_error) {
    refuse("--data",
           fmt::format("no coefficients describe these rows: half of the times are {:.0f} % off or "
                       "more; nothing is written",
                       100 * errors.median),
           "are all times in milliseconds, and models, GPUs and layouts those that were measured?");
  }
  write_text_file(arguments.out, catalog_text(finished(fit, coefficients, rows, arguments)));
  return ok;
}

}  // namespace plimsoll::cli
