// Command line: tables of measured latencies and throughputs, one replica's point a row.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::cli {

/// What was measured: a batch that starts and ends together, or a closed loop of requests.
enum class MeasurementKind : std::uint8_t { static_batch, closed_loop };

/// One row. Times are of one request (closed loop: the mean), in milliseconds; what was not
/// measured is absent. Throughput counts output tokens of the whole tp x pp group.
struct MeasurementRow {
  int line = 0;       // in the file, from 1
  std::string fault;  // why its point is none; only of tables read with RowFaults::keep
  std::string text;   // the row as it stands there, without its line end
  std::string model;  // these names are the table's own: see catalog_names.hpp
  std::string hardware;
  std::string engine;
  std::string precision;     // "unstated" when the column is missing or empty
  std::string kv_precision;  // empty when the column is missing or empty
  std::string source;
  std::string split;  // "calibrate", "validate" or what the table says
  std::string note;
  MeasurementKind kind = MeasurementKind::static_batch;
  int tp = 1;
  int pp = 1;
  std::int64_t batch = 1;  // sequences of a static batch; requests in flight of a closed loop
  std::int64_t prompt_tokens = 1;
  std::int64_t output_tokens = 1;
  std::optional<double> ttft_ms;
  std::optional<double> tpot_ms;
  std::optional<double> e2e_ms;
  std::optional<double> throughput_tok_s;
};

struct MeasurementTable {
  std::string header;  // the first line as it stands in the file, without its line end
  std::vector<MeasurementRow> rows;
};

/// What becomes of rows with fields that make no sense.
enum class RowFaults : std::uint8_t {
  refuse,  // all of these refuse the table
  keep,    // the row says so and the others are read; a measured field that is none is absent
};

/// Reads a CSV file whose first line names the columns, in any order: model, hardware, tp, batch,
/// prompt_tokens, output_tokens, engine and kind (static_batch or closed_loop_concurrency), and
/// optionally pp, precision, kv_precision, ttft_ms, tpot_ms, e2e_ms, throughput_tok_s, source,
/// split and note. Other columns are passed over. Fields may stand in double quotes, on one line.
/// Throws ConfigError with file and line of everything that is wrong, but for what `faults` keeps;
/// IoError when the file cannot be read.
MeasurementTable read_measurements(const std::string& path, RowFaults faults);

}  // namespace plimsoll::cli
