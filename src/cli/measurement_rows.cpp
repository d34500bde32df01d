// Command line: tables of measurements, split by libfccp, checked here.
#include "cli/measurement_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "cli/csv_columns.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll::cli {
namespace {

constexpr const char* header_hint =
    "the first line names the columns: model,hardware,tp,pp,precision,batch,prompt_tokens,"
    "output_tokens,ttft_ms,tpot_ms,e2e_ms,throughput_tok_s,engine,kind and others";
constexpr std::size_t most_findings = 20;
constexpr std::int64_t most_tokens = 1 << 20;  // as in length laws

/// The columns, in the order of Column.
constexpr std::array<const char*, 18> column_names = {
    "model",         "hardware",      "tp",      "pp",      "precision", "batch",
    "prompt_tokens", "output_tokens", "ttft_ms", "tpot_ms", "e2e_ms",    "throughput_tok_s",
    "source",        "engine",        "kind",    "split",   "note",      "kv_precision"};
enum Column : std::size_t {
  model,
  hardware,
  tp,
  pp,
  precision,
  batch,
  prompt,
  output,
  ttft,
  tpot,
  e2e,
  throughput,
  source,
  engine,
  kind,
  split,
  note,
  kv_precision
};
using Table = CsvColumns<column_names.size()>;

Diagnostic finding_in(const std::string& file, int line, std::string column, std::string message,
                      std::string hint) {
  return Diagnostic{file, line, 0, std::move(column), std::move(message), std::move(hint)};
}

/// Turns texts into values and keeps the findings of a row.
class RowChecker {
 public:
  RowChecker(const std::string& file, int line) : file_{file}, line_{line} {}

  /// Of the point, and of what was measured there.
  const std::vector<Diagnostic>& findings() const { return findings_; }
  const std::vector<Diagnostic>& measured_findings() const { return measured_findings_; }

  std::string text(const char* column, const char* given) {
    if (*given == '\0') {
      report(column, "expected a name, found nothing", "every row needs one");
    }
    return given;
  }

  /// Whole numbers also as 16.0, which spreadsheets write.
  std::int64_t count(const char* column, const char* given, std::int64_t most) {
    double value = 0;
    if (!parse(given, value) || value < 1 || value > static_cast<double>(most) ||
        value != std::floor(value)) {
      report(column,
             fmt::format("expected a whole number from 1 to {}, found \"{}\"", most, given));
      return 1;
    }
    return static_cast<std::int64_t>(value);
  }

  std::optional<double> measured(const char* column, const char* given) {
    if (*given == '\0') {
      return std::nullopt;
    }
    double value = 0;
    if (!parse(given, value) || !(value > 0) || !std::isfinite(value)) {
      measured_findings_.push_back(finding_in(
          file_, line_, column, fmt::format("expected a number above 0, found \"{}\"", given),
          "leave the field empty when it was not measured"));
      return std::nullopt;
    }
    return value;
  }

  MeasurementKind kind(const char* given) {
    const std::string_view word{given};
    if (word == "closed_loop_concurrency" || word == "closed_loop") {
      return MeasurementKind::closed_loop;
    }
    if (word != "static_batch") {
      report("kind",
             fmt::format("expected static_batch or closed_loop_concurrency, found \"{}\"", given));
    }
    return MeasurementKind::static_batch;
  }

 private:
  static bool parse(const char* given, double& value) {
    const char* const end = given + std::string_view{given}.size();
    const auto [rest, error] = std::from_chars(given, end, value);
    return rest == end && error == std::errc{} && rest != given;
  }

  void report(const char* column, std::string message, std::string hint = "correct the row") {
    findings_.push_back(finding_in(file_, line_, column, std::move(message), std::move(hint)));
  }

  const std::string& file_;
  int line_;
  std::vector<Diagnostic> findings_;
  std::vector<Diagnostic> measured_findings_;
};

MeasurementRow checked_row(const Table::Fields& texts, RowChecker& check) {
  constexpr int most_gpus = 1024;
  MeasurementRow row;
  row.model = check.text("model", texts[model]);
  row.hardware = check.text("hardware", texts[hardware]);
  row.engine = check.text("engine", texts[engine]);
  row.precision = *texts[precision] == '\0' ? "unstated" : texts[precision];
  row.kv_precision = texts[kv_precision];
  row.source = texts[source];
  row.split = texts[split];
  row.note = texts[note];
  row.kind = check.kind(texts[kind]);
  row.tp = static_cast<int>(check.count("tp", texts[tp], most_gpus));
  row.pp = *texts[pp] == '\0' ? 1 : static_cast<int>(check.count("pp", texts[pp], most_gpus));
  row.batch = check.count("batch", texts[batch], 1'000'000);
  row.prompt_tokens = check.count("prompt_tokens", texts[prompt], most_tokens);
  row.output_tokens = check.count("output_tokens", texts[output], most_tokens);
  row.ttft_ms = check.measured("ttft_ms", texts[ttft]);
  row.tpot_ms = check.measured("tpot_ms", texts[tpot]);
  row.e2e_ms = check.measured("e2e_ms", texts[e2e]);
  row.throughput_tok_s = check.measured("throughput_tok_s", texts[throughput]);
  return row;
}

/// The lines of a file as they stand in it, without line ends and a byte order mark.
std::vector<std::string> lines_of(std::string_view text) {
  if (text.substr(0, 3) == "\xEF\xBB\xBF") {
    text.remove_prefix(3);
  }
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') {
      line.remove_suffix(1);
    }
    lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// False at the end of the file. A row that cannot be split ends the table with a finding beside
/// the others.
bool read_or_report(Table& csv, Table::Fields& texts, std::vector<Diagnostic>& findings) {
  try {
    return csv.next(texts);
  } catch (const ConfigError& error) {
    findings.insert(findings.end(), error.diagnostics().begin(), error.diagnostics().end());
    return false;
  }
}

}  // namespace

MeasurementTable read_measurements(const std::string& path, RowFaults faults) {
  Table csv{
      path,
      column_names,
      {"model", "hardware", "tp", "batch", "prompt_tokens", "output_tokens", "engine", "kind"},
      header_hint};
  const std::vector<std::string> lines = lines_of(csv.text());
  MeasurementTable table;
  table.header = lines.at(static_cast<std::size_t>(csv.line()) - 1);
  std::vector<Diagnostic> findings;
  Table::Fields texts{};
  while (findings.size() < most_findings && read_or_report(csv, texts, findings)) {
    const int line = csv.line();
    RowChecker check{path, line};
    MeasurementRow row = checked_row(texts, check);
    if (faults == RowFaults::refuse) {
      for (const auto& found : {check.findings(), check.measured_findings()}) {
        findings.insert(findings.end(), found.begin(), found.end());
      }
    } else if (!check.findings().empty()) {
      const Diagnostic& first = check.findings().front();
      row.fault = first.key_path + ": " + first.message;
    }
    row.line = line;
    row.text = lines.at(static_cast<std::size_t>(line) - 1);
    table.rows.push_back(std::move(row));
  }
  if (!findings.empty()) {
    throw ConfigError{std::move(findings)};
  }
  if (table.rows.empty()) {
    refuse_table(path, 0, "the table has no rows", "");
  }
  return table;
}

}  // namespace plimsoll::cli
