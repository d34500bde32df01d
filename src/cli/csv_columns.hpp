// Command line: CSV tables by the names of their columns, split by libfccp.
#pragma once

#include <fmt/format.h>

// A reading thread costs more to start than a table takes to read.
#define CSV_IO_NO_THREAD
#if defined(__GNUC__) && !defined(__clang__)
// libfccp cuts long file names in its messages, on purpose.
#pragma GCC diagnostic ignored "-Wstringop-truncation"
#endif
#include <libfccp/csv.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/errors.hpp"
#include "scenario/read_scenario.hpp"

namespace plimsoll::cli {

/// Throws ConfigError with one finding about a line of a file; 0: about the whole file.
[[noreturn]] inline void refuse_table(const std::string& file, int line, std::string message,
                                      std::string hint) {
  throw ConfigError{{Diagnostic{file, line, 0, "", std::move(message), std::move(hint)}}};
}

/// A table whose first line names its columns, in any order. Columns beside the N named ones are
/// passed over; fields may stand in double quotes, on one line.
template <std::size_t N>
class CsvColumns {
 public:
  using Fields = std::array<const char*, N>;

  /// Reads the file and its first line. Throws ConfigError when it is empty or lacks one of the
  /// `required` columns (`hint` says what a header looks like), IoError when it cannot be read.
  CsvColumns(const std::string& path, const std::array<const char*, N>& names,
             const std::vector<const char*>& required, const char* hint)
      : path_{path}, text_{text_of(path)}, csv_{path, text_.data(), text_.data() + text_.size()} {
    read_header(names, hint, std::make_index_sequence<N>{});
    for (const char* name : required) {
      if (!csv_.has_column(name)) {
        refuse_table(path_, line(), fmt::format("the column \"{}\" is missing", name), hint);
      }
    }
  }

  /// The next row; absent columns give empty texts. False at the end of the file. The texts live
  /// until the next call.
  bool next(Fields& fields) {
    fields.fill("");
    try {
      return read_row(fields, std::make_index_sequence<N>{});
    } catch (const io::error::too_few_columns&) {
      refuse_table(path_, line(), "fewer values than the header names", "correct the row");
    } catch (const io::error::too_many_columns&) {
      refuse_table(path_, line(), "more values than the header names",
                   "put a field that holds a comma in double quotes");
    } catch (const io::error::escaped_string_not_closed&) {
      refuse_table(path_, line(), "a quoted field has no end on its line",
                   "close it with a double quote");
    } catch (const io::error::line_length_limit_exceeded&) {
      refuse_table(path_, line(), "the line is longer than 16 MiB",
                   "is this a CSV file with line ends?");
    }
  }

  /// The line read last, from 1.
  int line() const { return static_cast<int>(csv_.get_file_line()); }
  /// The whole file.
  const std::string& text() const { return text_; }

 private:
  using Csv = io::CSVReader<N, io::trim_chars<' ', '\t'>, io::double_quote_escape<',', '"'>,
                            io::throw_on_overflow, io::empty_line_comment>;

  static std::string text_of(const std::string& path) {
    std::string text;
    if (!read_text_file(path, text)) {
      refuse_table(path, 0, "no such file", "expected a CSV file of measurements");
    }
    // A byte of 0 would end a field early, unnoticed.
    std::replace(text.begin(), text.end(), '\0', '\x01');
    text += text.empty() || text.back() == '\n' ? "" : "\n";
    return text;
  }

  template <std::size_t... I>
  void read_header(const std::array<const char*, N>& names, const char* hint,
                   std::index_sequence<I...>) {
    try {
      csv_.read_header(io::ignore_missing_column | io::ignore_extra_column, names[I]...);
    } catch (const io::error::header_missing&) {
      refuse_table(path_, 1, "the table is empty", hint);
    } catch (const io::error::duplicated_column_in_header& e) {
      refuse_table(path_, line(), fmt::format("the column \"{}\" stands twice", e.column_name),
                   hint);
    } catch (const io::error::line_length_limit_exceeded&) {
      refuse_table(path_, line(), "the line is longer than 16 MiB", hint);
    } catch (const io::error::base&) {
      refuse_table(path_, line(), "the header is not a line of names with commas between them",
                   hint);
    }
  }

  template <std::size_t... I>
  bool read_row(Fields& fields, std::index_sequence<I...>) {
    return csv_.read_row(fields[I]...);
  }

  std::string path_;
  std::string text_;
  Csv csv_;
};

}  // namespace plimsoll::cli
