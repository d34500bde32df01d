// Workload: a CSV trace as a stream of checked rows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "plimsoll/units.hpp"
#include "workload/byte_source.hpp"

namespace plimsoll {

/// The largest prompt or output of one request, tokens.
inline constexpr std::int32_t max_trace_tokens = 1 << 30;

struct TraceRow {
  Duration at{};  // since the trace's own zero
  std::int32_t prompt_tokens = 0;
  std::int32_t output_tokens = 0;
  std::int32_t reusable_prefix_tokens = 0;  // 0 when the trace has no such column
  // Names, as long as the reader has not read on; empty when the trace has no such column.
  std::string_view session;  // empty: of none
  std::string_view request_class;
  std::string_view tenant;
  std::string_view key;
};

/// Optional columns that a trace has.
struct TraceColumns {
  bool reusable_prefix_tokens = false;
  bool session = false;
  bool request_class = false;
  bool tenant = false;
  bool key = false;
};

/// Columns arrival_s, prompt_tokens, output_tokens and, optionally, reusable_prefix_tokens,
/// session, class, tenant and key, named by a header, in any order. Rows stand in non-decreasing
/// time; blank lines mean nothing. A bad row is a ConfigError with the file's name and line, or is
/// counted when `skip_bad_rows`; a bad header, damaged gzip data and a line over 16 MiB are errors
/// in any case. Memory does not grow with the file.
class TraceReader {
 public:
  /// Reads the header. `name` stands for the file in messages.
  TraceReader(std::string name, std::unique_ptr<ByteSource> bytes, bool skip_bad_rows);
  ~TraceReader();
  TraceReader(const TraceReader&) = delete;
  TraceReader& operator=(const TraceReader&) = delete;

  /// The next good row; false at the end.
  bool next(TraceRow& out);
  const TraceColumns& columns() const { return has_; }
  /// The latest row is bad after all, by a name that means nothing in the scenario: a ConfigError,
  /// or counted. `hint` says what would do; that rows may be skipped is added.
  void refuse(const std::string& column, const std::string& message, const std::string& hint);
  /// The scenario cannot use this trace, whatever its rows are.
  [[noreturn]] void refuse_header(const std::string& key_path, const std::string& message,
                                  const std::string& hint) const;
  std::int64_t skipped_rows() const { return skipped_; }

 private:
  struct Columns;
  bool read_columns();
  void check_row(TraceRow& out) const;
  Duration checked_time(const char* text) const;
  std::int32_t checked_tokens(const char* column, const char* text, std::int32_t least,
                              std::int32_t most) const;
  /// A name of at most 200 bytes, none of them a control character.
  std::string_view checked_name(const char* column, const char* text, bool may_be_empty) const;
  [[noreturn]] void fail_row(const std::string& column, const std::string& message) const;
  [[noreturn]] void fail_file(int line, const std::string& message, const std::string& hint) const;

  std::string name_;
  bool skip_bad_rows_;
  std::int64_t skipped_ = 0;
  Duration last_{};
  TraceColumns has_;
  std::unique_ptr<Columns> columns_;
};

}  // namespace plimsoll
