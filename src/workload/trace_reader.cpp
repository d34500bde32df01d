// Workload: rows of a CSV trace, split by libfccp, checked here.
#include "workload/trace_reader.hpp"

#include <fmt/format.h>

// A reading thread costs more to start than a trace of this size takes to read.
#define CSV_IO_NO_THREAD
#include <libfccp/csv.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "plimsoll/errors.hpp"
#include "workload/decimal_time.hpp"

namespace plimsoll {
namespace {

constexpr const char* header_hint =
    "the first line names the columns: arrival_s,prompt_tokens,output_tokens and, optionally, "
    "reusable_prefix_tokens,session,class,tenant,key, in any order";
constexpr const char* row_hint = "correct the row, or count and skip such rows by --skip-bad-rows";

using Csv = io::CSVReader<8, io::trim_chars<' ', '\t'>, io::no_quote_escape<','>,
                          io::throw_on_overflow, io::empty_line_comment>;

/// Feeds libfccp: only a short read may mean the end, the last line always ends in a line feed,
/// and no byte is 0 (it would end a value early unnoticed).
class LineBytes : public io::ByteSourceBase {
 public:
  LineBytes(const std::string& name, std::unique_ptr<ByteSource> bytes)
      : name_{name}, bytes_{std::move(bytes)} {}

  int read(char* buffer, int size) override {
    int filled = 0;
    while (filled < size) {
      const std::size_t got = fetch(buffer + filled, static_cast<std::size_t>(size - filled));
      if (got == 0) {
        break;
      }
      std::replace(buffer + filled, buffer + filled + got, '\0', '\x01');
      lines_ += static_cast<int>(std::count(buffer + filled, buffer + filled + got, '\n'));
      filled += static_cast<int>(got);
      last_ = buffer[filled - 1];
    }
    if (filled < size && last_ != '\n') {
      buffer[filled] = '\n';
      last_ = '\n';
      ++filled;
    }
    return filled;
  }

 private:
  std::size_t fetch(char* buffer, std::size_t size) {
    try {
      return bytes_->read(buffer, size);
    } catch (const DamagedInput& damage) {
      throw ConfigError{
          {Diagnostic{name_, lines_ + 1, 0, "", damage.what(), "fetch or compress the file anew"}}};
    }
  }

  std::string name_;
  std::unique_ptr<ByteSource> bytes_;
  int lines_ = 0;
  char last_ = '\n';
};

/// What next() turns into a ConfigError or a count; other errors pass through it.
struct BadRow {
  Diagnostic diagnostic;
};

/// Text from a file, fit for a message: short and printable.
std::string quoted(std::string_view text) {
  constexpr std::size_t most = 40;
  std::string shown{text.substr(0, most)};
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return fmt::format("\"{}\"{}", shown, text.size() > most ? "..." : "");
}

}  // namespace

struct TraceReader::Columns {
  Columns(const std::string& name, std::unique_ptr<ByteSource> bytes)
      : csv{name, std::unique_ptr<io::ByteSourceBase>{
                      std::make_unique<LineBytes>(name, std::move(bytes))}} {}

  int line() const { return static_cast<int>(csv.get_file_line()); }

  Csv csv;
  int expected = 3;  // values in a row
  const char* at = "";
  const char* prompt = "";
  const char* output = "";
  const char* prefix = "";
  const char* session = "";
  const char* request_class = "";
  const char* tenant = "";
  const char* key = "";
};

TraceReader::TraceReader(std::string name, std::unique_ptr<ByteSource> bytes, bool skip_bad_rows)
    : name_{std::move(name)},
      skip_bad_rows_{skip_bad_rows},
      columns_{std::make_unique<Columns>(name_, std::move(bytes))} {
  Csv& csv = columns_->csv;
  try {
    csv.read_header(io::ignore_missing_column, "arrival_s", "prompt_tokens", "output_tokens",
                    "reusable_prefix_tokens", "session", "class", "tenant", "key");
  } catch (const io::error::header_missing&) {
    fail_file(1, "the trace is empty", header_hint);
  } catch (const io::error::duplicated_column_in_header& e) {
    fail_file(columns_->line(), fmt::format("the column {} stands twice", quoted(e.column_name)),
              header_hint);
  } catch (const io::error::extra_column_in_header& e) {
    fail_file(columns_->line(), fmt::format("unknown column {}", quoted(e.column_name)),
              header_hint);
  } catch (const io::error::line_length_limit_exceeded&) {
    fail_file(columns_->line(), "the line is longer than 16 MiB", header_hint);
  }
  for (const char* required : {"arrival_s", "prompt_tokens", "output_tokens"}) {
    if (!csv.has_column(required)) {
      fail_file(columns_->line(), fmt::format("the column \"{}\" is missing", required),
                header_hint);
    }
  }
  const auto note = [&](const char* column) {
    const bool there = csv.has_column(column);
    columns_->expected += there ? 1 : 0;
    return there;
  };
  has_.reusable_prefix_tokens = note("reusable_prefix_tokens");
  has_.session = note("session");
  has_.request_class = note("class");
  has_.tenant = note("tenant");
  has_.key = note("key");
}

TraceReader::~TraceReader() = default;

bool TraceReader::next(TraceRow& out) {
  while (true) {
    try {
      if (!read_columns()) {
        return false;
      }
      TraceRow row;
      check_row(row);
      last_ = row.at;
      out = row;
      return true;
    } catch (const BadRow& bad) {
      if (!skip_bad_rows_) {
        throw ConfigError{{bad.diagnostic}};
      }
      ++skipped_;
    }
  }
}

bool TraceReader::read_columns() {
  constexpr const char* wrong_count = "expected {} values, as the header names, found {}";
  Columns& c = *columns_;
  try {
    return c.csv.read_row(c.at, c.prompt, c.output, c.prefix, c.session, c.request_class, c.tenant,
                          c.key);
  } catch (const io::error::too_few_columns&) {
    fail_row("", fmt::format(wrong_count, c.expected, "fewer"));
  } catch (const io::error::too_many_columns&) {
    fail_row("", fmt::format(wrong_count, c.expected, "more"));
  } catch (const io::error::line_length_limit_exceeded&) {
    fail_file(c.line(), "the line is longer than 16 MiB", "is this a CSV file with line ends?");
  }
}

void TraceReader::check_row(TraceRow& out) const {
  const Columns& c = *columns_;
  out.at = checked_time(c.at);
  out.prompt_tokens = checked_tokens("prompt_tokens", c.prompt, 1, max_trace_tokens);
  out.output_tokens = checked_tokens("output_tokens", c.output, 1, max_trace_tokens);
  if (has_.reusable_prefix_tokens) {
    out.reusable_prefix_tokens =
        checked_tokens("reusable_prefix_tokens", c.prefix, 0, out.prompt_tokens);
  }
  if (has_.session) {
    out.session = checked_name("session", c.session, true);
  }
  if (has_.request_class) {
    out.request_class = checked_name("class", c.request_class, false);
  }
  if (has_.tenant) {
    out.tenant = checked_name("tenant", c.tenant, false);
  }
  if (has_.key) {
    out.key = checked_name("key", c.key, false);
  }
}

Duration TraceReader::checked_time(const char* text) const {
  Duration at{};
  switch (parse_decimal_seconds(text, at)) {
    case DecimalTime::ok:
      break;
    case DecimalTime::not_a_number:
      fail_row("arrival_s",
               fmt::format("expected a number of seconds like 12.345, found {}", quoted(text)));
    case DecimalTime::negative:
      fail_row("arrival_s", fmt::format("expected seconds from 0 on, found {}", quoted(text)));
    case DecimalTime::too_large:
      fail_row("arrival_s", fmt::format("expected at most {} seconds, found {}",
                                        max_decimal_seconds, quoted(text)));
  }
  if (at < last_) {
    fail_row(
        "arrival_s",
        fmt::format("expected a time not before that of the row above ({}.{:09} s), found {}",
                    last_.count() / 1'000'000'000, last_.count() % 1'000'000'000, quoted(text)));
  }
  return at;
}

std::int32_t TraceReader::checked_tokens(const char* column, const char* text, std::int32_t least,
                                         std::int32_t most) const {
  const std::string_view whole{text};
  std::int32_t tokens = 0;
  const auto [end, error] = std::from_chars(text, text + whole.size(), tokens);
  if (whole.empty() || end != text + whole.size() || error != std::errc{} || tokens < least ||
      tokens > most) {
    fail_row(column, fmt::format("expected a whole number from {} to {}, found {}", least, most,
                                 quoted(whole)));
  }
  return tokens;
}

std::string_view TraceReader::checked_name(const char* column, const char* text,
                                           bool may_be_empty) const {
  constexpr std::size_t most = 200;
  const std::string_view name{text};
  const bool is_text = std::none_of(name.begin(), name.end(),
                                    [](char c) { return (c >= 0 && c < ' ') || c == 127; });
  if (!is_text || name.size() > most || (name.empty() && !may_be_empty)) {
    fail_row(column,
             fmt::format("expected a name of at most {} bytes, found {}", most, quoted(name)));
  }
  return name;
}

void TraceReader::refuse(const std::string& column, const std::string& message,
                         const std::string& hint) {
  if (!skip_bad_rows_) {
    throw ConfigError{{Diagnostic{name_, columns_->line(), 0, column, message,
                                  hint + "; or count and skip such rows by --skip-bad-rows"}}};
  }
  ++skipped_;
}

void TraceReader::refuse_header(const std::string& key_path, const std::string& message,
                                const std::string& hint) const {
  throw ConfigError{{Diagnostic{name_, 1, 0, key_path, message, hint}}};
}

void TraceReader::fail_row(const std::string& column, const std::string& message) const {
  throw BadRow{Diagnostic{name_, columns_->line(), 0, column, message, row_hint}};
}

void TraceReader::fail_file(int line, const std::string& message, const std::string& hint) const {
  throw ConfigError{{Diagnostic{name_, line, 0, "", message, hint}}};
}

}  // namespace plimsoll
