// Command line: `plimsoll predict`: one replica at one point.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/unit_text.hpp"
#include "cli/catalog_names.hpp"
#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/predict_report.hpp"
#include "cli/prediction_basis.hpp"
#include "cli/row_points.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll::cli {
namespace {

/// Requests of a closed loop for each in flight: the synchronous start and the emptying end weigh
/// little, as in the usual benchmarks of serving engines.
constexpr std::int64_t requests_per_user = 10;

class Findings {
 public:
  void add(std::string option, std::string message, std::string hint = "") {
    Diagnostic finding;
    finding.key_path = std::move(option);
    finding.message = std::move(message);
    finding.hint = std::move(hint);
    list_.push_back(std::move(finding));
  }

  /// The catalog's name for what an option says.
  std::string name(const char* option, const char* what, const std::string& given,
                   const std::string& known, const std::string& hint) {
    if (given.empty()) {
      add(option, fmt::format("missing: name a {}", what), hint);
    } else if (known.empty()) {
      add(option, fmt::format("there is no {} \"{}\" in the catalog", what, given), hint);
    }
    return known;
  }

  void throw_if_any() {
    if (!list_.empty()) {
      throw ConfigError{std::move(list_)};
    }
  }

 private:
  std::vector<Diagnostic> list_;
};

/// What was parsed of an option's text. Throws ConfigError when nothing was.
template <class Value>
Value value_of(const char* option, const std::string& text, const Parsed<Value>& parsed) {
  if (!parsed.value) {
    Findings findings;
    findings.add(option, "expected " + parsed.expected + ", found \"" + text + "\"");
    findings.throw_if_any();
  }
  return *parsed.value;
}

/// The engine whose settings count; null for none. An unknown one is a finding.
const KnownEngine* engine_of(const PredictArguments& arguments, const CatalogNames& names,
                             Findings& findings) {
  if (arguments.engine == "none") {
    return nullptr;
  }
  if (arguments.engine.empty()) {
    return names.engine_of_profile(names.profile(arguments.profile));
  }
  const KnownEngine* const engine = names.engine(arguments.engine);
  findings.name("--engine", "engine", arguments.engine, engine == nullptr ? "" : engine->name,
                names.engine_hint(arguments.engine));
  return engine;
}

/// What an engine's settings make of a point.
std::string engine_note(const KnownEngine& engine, bool closed_loop, const Point& point) {
  std::string note = fmt::format("as the engine {}", engine.name);
  const auto add = [&note](const std::string& text) {
    note += (note.find(':') == std::string::npos ? ": " : ", ") + text;
  };
  if (point.max_num_batched_tokens > 0) {
    add(fmt::format("passes of up to {} tokens", point.max_num_batched_tokens));
  }
  if (engine.fp8_kv && kv_precision_of(point) == "fp8") {
    add("KV in fp8, too");
  }
  if (point.runtime_memory > 0) {
    add(fmt::format("{} GB of runtime memory", static_cast<double>(point.runtime_memory) / 1e9));
  }
  if (closed_loop && !point.chunked_prefill) {
    add("prompts run whole, before decodes");
  }
  if (closed_loop && point.front_end > Duration::zero()) {
    add(fmt::format("{} before its queue", format_duration(point.front_end)));
  }
  if (closed_loop && point.output_spread > 0) {
    add(fmt::format("outputs within {} % of --output", 100 * point.output_spread));
  }
  return note + " (--engine none takes nothing)";
}

Point point_of(const PredictArguments& arguments, const CatalogNames& names,
               const KnownEngine*& engine) {
  Findings findings;
  Point point;
  engine = engine_of(arguments, names, findings);
  const PredictArguments& a = arguments;
  point.model =
      findings.name("--model", "model", a.model, names.model(a.model), names.model_hint(a.model));
  point.gpu = findings.name("--gpu", "GPU", a.gpu, names.gpu(a.gpu), names.gpu_hint(a.gpu));
  if (a.engine.empty() || !a.profile.empty()) {
    point.profile = findings.name("--profile", "profile", a.profile, names.profile(a.profile),
                                  names.engine(a.profile) != nullptr
                                      ? "it is an engine: give --engine " + a.profile
                                      : names.profile_hint(a.profile));
  }
  for (const auto& [option, tokens] : {std::pair{"--prompt", a.prompt}, {"--output", a.output}}) {
    if (tokens == 0) {
      findings.add(option, "missing: say how many tokens");
    }
  }
  if (a.batch > 0 && a.concurrency > 0) {
    findings.add("--concurrency", "a closed loop has no --batch", "give one of them");
  }
  if (a.requests > 0 && a.concurrency == 0) {
    findings.add("--requests", "only a closed loop plays requests", "give --concurrency too");
  }
  for (const auto& [option, text, value] :
       {std::tuple{"--precision", &a.precision, &point.precision},
        std::tuple{"--kv-precision", &a.kv_precision, &point.kv_precision}}) {
    if (text->empty()) {
      continue;
    }
    *value = CatalogNames::precision(*text);
    if (*value == "unstated") {
      *value = names.usual_precision(point.gpu);
    } else if (value->empty()) {
      findings.add(option, fmt::format("unknown precision \"{}\"", *text),
                   CatalogNames::precision_hint);
    }
  }
  findings.throw_if_any();
  point.tp = a.tp;
  point.pp = a.pp;
  point.batch = a.concurrency > 0 ? a.concurrency : std::max<std::int64_t>(a.batch, 1);
  point.prompt = a.prompt;
  point.output = a.output;
  point.max_num_batched_tokens = a.max_num_batched_tokens;
  point.prompt_pass_tokens = a.prompt_pass_tokens;
  point.runtime_memory = value_of("--runtime-memory", a.runtime_memory,
                                  parse_bytes(a.runtime_memory.empty() ? "0B" : a.runtime_memory))
                             .count();
  point.chunked_prefill = !a.whole_prompts;
  point.front_end =
      value_of("--front-end", a.front_end, parse_duration(a.front_end.empty() ? "0" : a.front_end));
  point.output_spread = a.output_spread;
  if (engine != nullptr) {
    take_from(*engine, a.concurrency > 0, point);
  }
  return point;
}

/// 8 bits are taken for speed; where quantizing costs more than they save, it is said.
void note_slower_than_wide(const Config& config, const Point& point,
                           const std::vector<std::string>& catalogs, PointReport& report) {
  if (bytes_of(config.pools.front().weight_precision) > 1) {
    return;
  }
  Point wide = point;
  wide.precision = "fp16";
  const Config other = config_of(wide, catalogs, 0);
  const auto model = make_step_time_model(other, other.pools.front());
  for (const auto& [name, step] :
       {std::pair{"prefill", &report.prefill}, {"decode", &report.decode}}) {
    const double seconds = latency_seconds(*model, step->work);
    if (seconds < step->seconds) {
      report.notes.push_back(fmt::format(
          "in 16 bits the {} step would take {:.3f} ms, less than in {}: quantizing costs more "
          "than narrow weights save",
          name, seconds * 1e3, point.precision));
    }
  }
}

}  // namespace

int predict_command(const PredictArguments& arguments) {
  if (!arguments.csv.empty()) {
    return predict_table_command(arguments);
  }
  const CatalogNames names{arguments.catalogs};
  PointReport report;
  const KnownEngine* engine = nullptr;
  report.point = point_of(arguments, names, engine);
  report.closed_loop = arguments.concurrency > 0;
  const std::int64_t requests =
      arguments.requests > 0 ? arguments.requests : requests_per_user * arguments.concurrency;
  const Config config = config_of(report.point, names.files(), requests);
  require_fit(config);
  const PoolConfig& pool = config.pools.front();
  const auto model = make_step_time_model(config, pool);
  StaticLoad load{report.point.batch, report.point.prompt, report.point.output};
  if (report.closed_loop) {
    report.prediction = play_closed_loop(config, report.point);
  } else {
    require_batch_fit(config, report.point);
    report.prediction = predict_static(config, *model, report.point);
  }
  report.fit = memory_fit(config, pool);
  report.decode =
      account_of(config, *model, predict_static_batch(*model, pool, load).middle_decode);
  load.batch = report.closed_loop ? 1 : load.batch;
  report.prefill =
      account_of(config, *model, predict_static_batch(*model, pool, load).longest_prefill);
  report.notes = basis_notes(config, report.point);
  if (engine != nullptr) {
    report.notes.push_back(engine_note(*engine, report.closed_loop, report.point));
  }
  note_slower_than_wide(config, report.point, names.files(), report);
  fmt::print("{}",
             arguments.format == OutputFormat::json ? report_json(report) : report_text(report));
  return ok;
}

}  // namespace plimsoll::cli
