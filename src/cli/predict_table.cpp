// Command line: `plimsoll predict --csv`: every row of a table of measurements. Static batches are
// computed here; closed loops are played, each in a process of its own.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/unit_text.hpp"
#include "cli/catalog_names.hpp"
#include "cli/child_processes.hpp"
#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/interruption.hpp"
#include "cli/measurement_rows.hpp"
#include "cli/predict_report.hpp"
#include "cli/prediction_basis.hpp"
#include "cli/progress_bar.hpp"
#include "cli/row_points.hpp"
#include "plimsoll/errors.hpp"
#include "reports/output_file.hpp"

namespace plimsoll::cli {
namespace {

constexpr const char* added_columns =
    ",predicted_ttft_ms,predicted_tpot_ms,predicted_e2e_ms,predicted_throughput_tok_s,profile,"
    "provenance\n";

/// What becomes of one row.
struct PredictedRow {
  Point point;
  bool played = false;  // by the simulator
  bool burst = false;   // a static batch that is played, since KV memory does not hold all of it
  bool median_itl = false;
  std::string basis;  // what the prediction rests on
  std::optional<Prediction> prediction;
  std::string reason;  // without a prediction: why

  std::string provenance() const {
    if (!prediction) {
      return "not predicted: " + reason;
    }
    if (!played) {
      return "static batch in closed form" + basis;
    }
    return fmt::format(
        "{}: {} requests played{}",
        burst ? "a burst, since KV memory does not hold the batch, until its last" : "closed loop",
        prediction->requests, basis);
  }
};

PredictedRow planned(const MeasurementRow& row, const CatalogNames& names) {
  PredictedRow planned;
  const RowPoint found = point_of_row(row, names);
  planned.point = found.point;
  planned.played = row.kind == MeasurementKind::closed_loop;
  planned.median_itl = planned.played && found.tpot == TpotMeaning::median_itl;
  return planned;
}

/// Replicas that rows have in common: those differ in their load only.
class Replicas {
 public:
  struct Replica {
    Config config;
    std::unique_ptr<StepTimeModel> model;
    std::string basis;
  };

  explicit Replicas(const std::vector<std::string>& catalogs) : catalogs_{catalogs} {}

  /// Throws ConfigError for one that cannot be.
  const Replica& of(const Point& point) {
    const std::string key =
        fmt::format("{} {} {} {} {} {} {} {} {} {} {} {}", point.model, point.gpu, point.profile,
                    point.precision, kv_precision_of(point), point.tp, point.pp, point.batch,
                    point.prompt + point.output, point.max_num_batched_tokens,
                    point.prompt_pass_tokens, point.runtime_memory);
    auto found = known_.find(key);
    if (found == known_.end()) {
      found = known_.emplace(key, made(point)).first;
    }
    return found->second;
  }

 private:
  Replica made(const Point& point) const {
    Replica replica;
    replica.config = config_of(point, catalogs_, 0);
    require_fit(replica.config);
    const PoolConfig& pool = replica.config.pools.front();
    replica.model = make_step_time_model(replica.config, pool);
    for (const std::string& note : basis_notes(replica.config, point)) {
      replica.basis += "; " + note;
    }
    return replica;
  }

  const std::vector<std::string>& catalogs_;
  std::map<std::string, Replica> known_;
};

/// Predicts what needs no simulation, says what can be played, and why the rest is not predicted.
PredictedRow begun(const MeasurementRow& row, const CatalogNames& names, Replicas& replicas) {
  PredictedRow begun;
  try {
    begun = planned(row, names);
    const Replicas::Replica& replica = replicas.of(begun.point);
    begun.basis = replica.basis;
    if (!begun.played && !batch_fits(replica.config, begun.point)) {
      begun.played = begun.burst = true;
    }
    if (!begun.played) {
      begun.prediction = predict_static(replica.config, *replica.model, begun.point);
    }
  } catch (const Unpredictable& trouble) {
    begun.reason = trouble.reason;
  } catch (const ConfigError& error) {
    begun.reason = reason_of(error);
  }
  begun.played = begun.played && begun.reason.empty();
  return begun;
}

std::vector<std::string> words_for(const PredictedRow& row, const PredictArguments& arguments) {
  const Point& point = row.point;
  const auto text = [](std::int64_t number) { return std::to_string(number); };
  std::vector<std::string> words{"plimsoll",       "predict",
                                 "--engine",       "none",
                                 "--model",        point.model,
                                 "--gpu",          point.gpu,
                                 "--profile",      point.profile,
                                 "--precision",    point.precision,
                                 "--kv-precision", kv_precision_of(point),
                                 "--tp",           text(point.tp),
                                 "--pp",           text(point.pp),
                                 "--concurrency",  text(point.batch),
                                 "--prompt",       text(point.prompt),
                                 "--output",       text(point.output),
                                 "--format",       "json"};
  if (row.burst) {
    words.insert(words.end(), {"--requests", text(point.batch)});
  } else if (arguments.requests > 0) {
    words.insert(words.end(), {"--requests", text(arguments.requests)});
  }
  if (point.max_num_batched_tokens > 0) {
    words.insert(words.end(), {"--max-num-batched-tokens", text(point.max_num_batched_tokens)});
  }
  if (point.prompt_pass_tokens > 0) {
    words.insert(words.end(), {"--prompt-pass-tokens", text(point.prompt_pass_tokens)});
  }
  if (point.runtime_memory > 0) {
    words.insert(words.end(), {"--runtime-memory", text(point.runtime_memory) + "B"});
  }
  if (!point.chunked_prefill) {
    words.emplace_back("--whole-prompts");
  }
  if (point.front_end > Duration::zero()) {
    words.insert(words.end(), {"--front-end", format_duration(point.front_end)});
  }
  if (point.output_spread > 0) {
    words.insert(words.end(), {"--output-spread", format_number(point.output_spread)});
  }
  for (const std::string& catalog : arguments.catalogs) {
    words.insert(words.end(), {"--catalog", catalog});
  }
  return words;
}

/// A burst as a batch that memory holds: when all of it has its first token, when all of it is
/// done, and the time per token from the mean first token to that end. Whoever has less memory and
/// plays it in more waves is slower in all three, and they do not add up.
void as_one_batch(const Point& point, Prediction& prediction) {
  prediction.e2e_ms = prediction.last_e2e_ms;
  prediction.tpot_ms = (prediction.e2e_ms - prediction.ttft_ms) /
                       static_cast<double>(std::max<std::int64_t>(1, point.output - 1));
  prediction.ttft_ms = prediction.last_ttft_ms;
  const double tokens = static_cast<double>(point.batch) * static_cast<double>(point.output);
  prediction.throughput = tokens / (prediction.e2e_ms * 1e-3);
}

/// Takes over what a process found out; returns its exit code when it ended by a fault of ours.
int take(const EndedChild& ended, PredictedRow& row) {
  if (ended.exit_code == ok) {
    row.prediction = prediction_in_json(ended.output);
    if (row.burst) {
      as_one_batch(row.point, *row.prediction);
    }
    if (row.median_itl) {
      row.prediction->tpot_ms = row.prediction->median_itl_ms;
    }
    return ok;
  }
  row.reason = ended.errors.substr(0, ended.errors.find('\n'));
  return ended.exit_code == usage_or_scenario ? ok : ended.exit_code;
}

/// Plays the rows that need it, some at a time. Returns the worst exit code of a process that ended
/// by a fault of ours, else ok.
int play(std::vector<PredictedRow>& rows, const PredictArguments& arguments) {
  const std::size_t jobs = arguments.jobs > 0
                               ? static_cast<std::size_t>(arguments.jobs)
                               : std::max<std::size_t>(1, std::thread::hardware_concurrency());
  const auto all =
      std::count_if(rows.begin(), rows.end(), [](const PredictedRow& row) { return row.played; });
  ChildProcesses children{true};
  ProgressBar progress{true};
  int worst = ok;
  std::int64_t done = 0;
  std::int64_t requests = 0;
  const auto wait = [&] {
    const EndedChild ended = children.wait_for_one();
    PredictedRow& row = rows[ended.id];
    worst = worst_exit(worst, take(ended, row));
    requests += row.prediction ? row.prediction->requests : 0;
    progress.update(static_cast<double>(++done) / static_cast<double>(all), requests);
  };
  for (std::size_t i = 0; i < rows.size() && interruption() == 0; ++i) {
    if (rows[i].played) {
      while (children.running() >= jobs) {
        wait();
      }
      children.start(i, words_for(rows[i], arguments));
    }
  }
  while (children.running() > 0) {
    wait();
  }
  return worst;
}

/// A field as RFC 4180 has it: quoted, since texts may hold commas.
std::string quoted(const std::string& text) {
  std::string field = "\"";
  for (const char c : text) {
    field += c == '\n' ? ' ' : c;
    if (c == '"') {
      field += '"';
    }
  }
  return field + '"';
}

void write_table(const std::string& path, const MeasurementTable& table,
                 const std::vector<PredictedRow>& rows) {
  OutputFile file{path};
  file.write(table.header + added_columns);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const PredictedRow& row = rows[i];
    std::string numbers = ",,,,";
    if (row.prediction) {
      const Prediction& p = *row.prediction;
      // With one output token there is no time between tokens.
      const std::string tpot =
          row.point.output > 1 ? fmt::format("{:.6g}", p.tpot_ms) : std::string{};
      numbers = fmt::format(",{:.6g},{},{:.6g},{:.6g}", p.ttft_ms, tpot, p.e2e_ms, p.throughput);
    }
    file.write(fmt::format("{}{},{},{}\n", table.rows[i].text, numbers, row.point.profile,
                           quoted(row.provenance())));
  }
  file.close();
}

void tell_unpredicted(const std::string& path, const MeasurementTable& table,
                      const std::vector<PredictedRow>& rows) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].prediction) {
      fmt::print(stderr, "{}:{}: not predicted: {}\n", path, table.rows[i].line, rows[i].reason);
      ++count;
    }
  }
  fmt::print(stderr, "{} of {} rows predicted\n", rows.size() - count, rows.size());
}

}  // namespace

int predict_table_command(const PredictArguments& arguments) {
  if (arguments.out.empty()) {
    Diagnostic finding;
    finding.key_path = "--out";
    finding.message = "missing: name the table to write";
    finding.hint = "for example --out predicted.csv";
    throw ConfigError{{finding}};
  }
  MeasurementTable table = read_measurements(arguments.csv, RowFaults::keep);
  const CatalogNames names{arguments.catalogs};
  Replicas replicas{names.files()};
  std::vector<PredictedRow> rows;
  for (MeasurementRow& row : table.rows) {
    if (row.kv_precision.empty()) {
      row.kv_precision = arguments.kv_precision;
    }
    rows.push_back(begun(row, names, replicas));
  }
  watch_for_interruption();
  const int worst = play(rows, arguments);
  if (interruption() != 0) {
    fmt::print(stderr, "plimsoll: interrupted: {} is not written\n", arguments.out);
    return 128 + interruption();
  }
  write_table(arguments.out, table, rows);
  tell_unpredicted(arguments.csv, table, rows);
  return worst;
}

}  // namespace plimsoll::cli
