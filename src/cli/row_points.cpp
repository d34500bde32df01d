// Command line: what a row of a table of measurements is in terms of the catalog.
#include "cli/row_points.hpp"

#include <fmt/format.h>

#include <map>

namespace plimsoll::cli {
namespace {

std::string precision_of(const MeasurementRow& row, const CatalogNames& names,
                         const std::string& gpu) {
  static const std::map<std::string, std::string> spellings = {
      {"fp16", "fp16"},     {"float16", "fp16"}, {"half", "fp16"},    {"bf16", "bf16"},
      {"bfloat16", "bf16"}, {"fp8", "fp8"},      {"fp8_e4m3", "fp8"}, {"fp8_block", "fp8"},
      {"int8", "int8"},     {"w8a8", "int8"}};
  if (row.precision == "unstated") {
    return names.usual_precision(gpu);
  }
  const auto found = spellings.find(row.precision);
  if (found == spellings.end()) {
    throw Unpredictable{fmt::format("unknown precision \"{}\"", row.precision)};
  }
  return found->second;
}

}  // namespace

std::string reason_of(const ConfigError& error) {
  const Diagnostic& first = error.diagnostics().front();
  const std::string text =
      first.key_path.empty() ? first.message : first.key_path + ": " + first.message;
  return text.substr(0, text.find('\n'));
}

RowPoint point_of_row(const MeasurementRow& row, const CatalogNames& names) {
  RowPoint found;
  Point& point = found.point;
  const KnownEngine* const engine = names.engine(row.engine);
  point.model = names.model(row.model);
  point.gpu = names.gpu(row.hardware);
  const auto require_known = [](const char* what, bool known, const std::string& given) {
    if (!known) {
      throw Unpredictable{fmt::format("unknown {} \"{}\"", what, given)};
    }
  };
  require_known("model", !point.model.empty(), row.model);
  require_known("GPU", !point.gpu.empty(), row.hardware);
  require_known("engine", engine != nullptr, row.engine);
  const bool closed_loop = row.kind == MeasurementKind::closed_loop;
  point.profile = closed_loop ? engine->closed_loop_profile : engine->profile;
  point.max_num_batched_tokens = engine->max_num_batched_tokens.value_or(0);
  if (closed_loop) {
    point.chunked_prefill = engine->chunked_prefill;
    point.prompt_pass_tokens = engine->prompt_pass_tokens.value_or(0);
    point.front_end = engine->front_end;
    point.output_spread = engine->output_spread;
  }
  point.runtime_memory = engine->runtime_memory;
  point.precision = precision_of(row, names, point.gpu);
  point.tp = row.tp;
  point.pp = row.pp;
  point.batch = row.batch;
  point.prompt = row.prompt_tokens;
  point.output = row.output_tokens;
  if (closed_loop && engine->tokens_beyond_prompt) {
    point.max_num_batched_tokens = point.prompt + point.batch + *engine->tokens_beyond_prompt;
  }
  found.tpot = engine->tpot;
  return found;
}

}  // namespace plimsoll::cli
