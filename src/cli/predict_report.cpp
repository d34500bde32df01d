// Command line: a predicted point as text and as JSON.
#include "cli/predict_report.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <sstream>

#include "plimsoll/errors.hpp"
#include "reports/text_table.hpp"

namespace plimsoll::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr double ms = 1e3;

struct Part {
  const char* name;  // for people
  const char* key;   // in JSON
  double StepBreakdown::*member;
};
constexpr std::array<Part, 10> parts = {{
    {"products, memory", "weights_ms", &StepBreakdown::weights},
    {"products, arithmetic", "gemm_ms", &StepBreakdown::gemm},
    {"prefill attention", "attention_ms", &StepBreakdown::attention},
    {"KV reads", "kv_ms", &StepBreakdown::kv},
    {"elementwise", "elementwise_ms", &StepBreakdown::elementwise},
    {"kernel latencies", "latency_ms", &StepBreakdown::latency},
    {"collectives", "collectives_ms", &StepBreakdown::collectives},
    {"pipeline hops", "hops_ms", &StepBreakdown::hops},
    {"host, overlapping", "host_ms", &StepBreakdown::host},
    {"host, serial", "serial_ms", &StepBreakdown::serial},
}};

std::string load_text(const PointReport& report) {
  const Point& point = report.point;
  const std::string lengths =
      fmt::format("{} prompt + {} output tokens", point.prompt, point.output);
  if (report.closed_loop) {
    return fmt::format("closed loop of {} in flight, {}, {} requests played", point.batch, lengths,
                       report.prediction.requests);
  }
  return fmt::format("static batch of {}, {}", point.batch, lengths);
}

std::string step_table(const PointReport& report) {
  const std::array<const StepAccount*, 2> steps = {&report.prefill, &report.decode};
  std::vector<std::vector<std::string>> rows;
  const auto row = [&](const std::string& name, auto value) {
    rows.push_back({name, value(*steps[0]), value(*steps[1])});
  };
  const auto milliseconds = [](double seconds) { return fmt::format("{:.3f}", seconds * ms); };
  row("new tokens", [](const StepAccount& s) { return std::to_string(s.work.tokens); });
  row("KV tokens read", [](const StepAccount& s) { return std::to_string(s.work.kv_tokens); });
  for (const Part& part : parts) {
    row(fmt::format("{}, ms", part.name),
        [&](const StepAccount& s) { return milliseconds(s.parts.*part.member); });
  }
  row("the step, ms", [&](const StepAccount& s) { return milliseconds(s.seconds); });
  row("at the hardware's peaks, ms",
      [&](const StepAccount& s) { return milliseconds(s.roofline_seconds); });
  row("power of a GPU, W", [](const StepAccount& s) { return fmt::format("{:.0f}", s.gpu_watts); });
  row("bound by", [](const StepAccount& s) { return std::string{bound_name(s.bound)}; });
  return text_table({{"ONE STEP", false}, {"PREFILL", true}, {"DECODE", true}}, rows);
}

/// With one output token there is no time between tokens.
std::string time_lines(const Prediction& prediction, std::int64_t output) {
  std::string text = fmt::format("TTFT        {:>12.2f} ms\n", prediction.ttft_ms);
  if (output > 1) {
    text += fmt::format("TPOT        {:>12.3f} ms\n", prediction.tpot_ms);
  }
  text += fmt::format("E2E         {:>12.1f} ms\n", prediction.e2e_ms);
  text += fmt::format("throughput  {:>12.1f} output tokens/s\n", prediction.throughput);
  return text;
}

std::string indented(const std::string& text) {
  std::string shown;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    shown += "  " + line + "\n";
  }
  return shown;
}

Json step_json(const StepAccount& step) {
  Json json;
  json["tokens"] = step.work.tokens;
  json["kv_tokens"] = step.work.kv_tokens;
  for (const Part& part : parts) {
    json[part.key] = step.parts.*part.member * ms;
  }
  json["step_ms"] = step.seconds * ms;
  json["roofline_ms"] = step.roofline_seconds * ms;
  json["bound"] = bound_name(step.bound);
  json["gpu_watts"] = step.gpu_watts;
  return json;
}

Json fit_json(const MemoryFit& fit) {
  Json json;
  json["budget_bytes"] = fit.budget.count();
  json["weights_bytes"] = fit.weights.count();
  json["activations_bytes"] = fit.activations.count();
  json["kv_bytes"] = fit.kv_space.count();
  json["kv_bytes_per_token"] = fit.kv_bytes_per_token;
  json["kv_tokens"] = fit.kv_tokens;
  json["arithmetic"] = fit.arithmetic;
  return json;
}

}  // namespace

std::string report_text(const PointReport& report) {
  const Point& point = report.point;
  std::string text = fmt::format("{} {} on {} x {} (tp {} x pp {}), profile {}\n{}\n\n",
                                 point.model, point.precision, point.tp * point.pp, point.gpu,
                                 point.tp, point.pp, point.profile, load_text(report));
  text += time_lines(report.prediction, point.output);
  if (report.prediction.preemptions > 0) {
    text += fmt::format("preemptions {:>12}\n", report.prediction.preemptions);
  }
  text += "\nmemory\n" + indented(report.fit.arithmetic) + "\n" + step_table(report);
  if (!report.notes.empty()) {
    text += "\n";
  }
  for (const std::string& note : report.notes) {
    text += fmt::format("note: {}\n", note);
  }
  return text;
}

std::string report_json(const PointReport& report) {
  const Point& point = report.point;
  const Prediction& prediction = report.prediction;
  Json json;
  json["model"] = point.model;
  json["gpu"] = point.gpu;
  json["profile"] = point.profile;
  json["precision"] = point.precision;
  json["kv_precision"] = kv_precision_of(point);
  json["tp"] = point.tp;
  json["pp"] = point.pp;
  json["kind"] = report.closed_loop ? "closed_loop_concurrency" : "static_batch";
  json["batch"] = point.batch;
  json["prompt_tokens"] = point.prompt;
  json["output_tokens"] = point.output;
  json["ttft_ms"] = prediction.ttft_ms;
  json["last_ttft_ms"] = prediction.last_ttft_ms;
  json["tpot_ms"] = point.output > 1 ? Json(prediction.tpot_ms) : Json(nullptr);
  json["e2e_ms"] = prediction.e2e_ms;
  json["last_e2e_ms"] = prediction.last_e2e_ms;
  json["throughput_tok_s"] = prediction.throughput;
  json["median_itl_ms"] = point.output > 1 ? Json(prediction.median_itl_ms) : Json(nullptr);
  json["requests"] = prediction.requests;
  json["preemptions"] = prediction.preemptions;
  json["memory_fit"] = fit_json(report.fit);
  json["prefill_step"] = step_json(report.prefill);
  json["decode_step"] = step_json(report.decode);
  json["notes"] = report.notes;
  return json.dump(2) + "\n";
}

Prediction prediction_in_json(const std::string& json) {
  try {
    const Json parsed = Json::parse(json);
    Prediction prediction;
    prediction.ttft_ms = parsed.at("ttft_ms").get<double>();
    const auto between_tokens = [&](const char* key) {
      return parsed.at(key).is_null() ? 0.0 : parsed.at(key).get<double>();
    };
    prediction.last_ttft_ms = parsed.at("last_ttft_ms").get<double>();
    prediction.last_e2e_ms = parsed.at("last_e2e_ms").get<double>();
    prediction.tpot_ms = between_tokens("tpot_ms");
    prediction.e2e_ms = parsed.at("e2e_ms").get<double>();
    prediction.throughput = parsed.at("throughput_tok_s").get<double>();
    prediction.median_itl_ms = between_tokens("median_itl_ms");
    prediction.requests = parsed.at("requests").get<std::int64_t>();
    prediction.preemptions = parsed.at("preemptions").get<std::int64_t>();
    return prediction;
  } catch (const Json::exception& error) {
    throw InternalError{fmt::format("a prediction that cannot be read: {}", error.what())};
  }
}

}  // namespace plimsoll::cli
