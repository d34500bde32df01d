// Command line: what a row of a table of measurements is in terms of the catalog.
#include "cli/row_points.hpp"

#include <fmt/format.h>

namespace plimsoll::cli {
namespace {

std::string precision_of(const std::string& given, const CatalogNames& names,
                         const std::string& gpu) {
  const std::string found = CatalogNames::precision(given);
  if (found.empty()) {
    throw Unpredictable{
        fmt::format("unknown precision \"{}\": {}", given, CatalogNames::precision_hint)};
  }
  return found == "unstated" ? names.usual_precision(gpu) : found;
}

/// Unless the point has its own.
template <class Value>
void fill(Value& value, const Value& given) {
  if (value == Value{}) {
    value = given;
  }
}

}  // namespace

std::string reason_of(const ConfigError& error) {
  const Diagnostic& first = error.diagnostics().front();
  const std::string text =
      first.key_path.empty() ? first.message : first.key_path + ": " + first.message;
  return text.substr(0, text.find('\n'));
}

void take_from(const KnownEngine& engine, bool closed_loop, Point& point) {
  fill(point.profile, closed_loop ? engine.closed_loop_profile : engine.profile);
  const bool own_budget = point.max_num_batched_tokens > 0;
  fill(point.max_num_batched_tokens, std::int64_t{engine.max_num_batched_tokens.value_or(0)});
  fill(point.runtime_memory, engine.runtime_memory);
  if (engine.fp8_kv && point.precision == "fp8") {
    fill(point.kv_precision, point.precision);
  }
  if (!closed_loop) {
    return;
  }
  point.chunked_prefill = point.chunked_prefill && engine.chunked_prefill;
  fill(point.prompt_pass_tokens, std::int64_t{engine.prompt_pass_tokens.value_or(0)});
  fill(point.front_end, engine.front_end);
  fill(point.output_spread, engine.output_spread);
  if (engine.tokens_beyond_prompt && !own_budget) {
    point.max_num_batched_tokens = point.prompt + point.batch + *engine.tokens_beyond_prompt;
  }
}

RowPoint point_of_row(const MeasurementRow& row, const CatalogNames& names) {
  RowPoint found;
  Point& point = found.point;
  const KnownEngine* const engine = names.engine(row.engine);
  point.model = names.model(row.model);
  point.gpu = names.gpu(row.hardware);
  const auto require_known = [](const char* what, bool known, const std::string& given,
                                const std::string& hint) {
    if (!known) {
      throw Unpredictable{
          fmt::format("unknown {} \"{}\"{}{}", what, given, hint.empty() ? "" : ": ", hint)};
    }
  };
  if (!row.fault.empty()) {
    throw Unpredictable{row.fault};
  }
  require_known("model", !point.model.empty(), row.model, names.model_hint(row.model));
  require_known("GPU", !point.gpu.empty(), row.hardware, names.gpu_hint(row.hardware));
  require_known("engine", engine != nullptr, row.engine, names.engine_hint(row.engine));
  point.precision = precision_of(row.precision, names, point.gpu);
  if (!row.kv_precision.empty()) {
    point.kv_precision = precision_of(row.kv_precision, names, point.gpu);
  }
  point.tp = row.tp;
  point.pp = row.pp;
  point.batch = row.batch;
  point.prompt = row.prompt_tokens;
  point.output = row.output_tokens;
  take_from(*engine, row.kind == MeasurementKind::closed_loop, point);
  found.tpot = engine->tpot;
  return found;
}

}  // namespace plimsoll::cli
