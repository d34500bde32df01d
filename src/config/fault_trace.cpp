// Config: faults that are given row by row in a CSV file.
#include "config/fault_trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>

namespace plimsoll {
namespace {

constexpr double most_seconds = 10 * 365 * 86400.0;  // as durations of a scenario
constexpr std::size_t most_findings = 20;            // of one file

std::vector<std::string> fields_of(std::string line) {
  if (!line.empty() && line.back() == '\r') {
    line.pop_back();
  }
  std::vector<std::string> fields;
  std::istringstream in{line + ","};
  for (std::string field; std::getline(in, field, ',');) {
    const std::size_t begin = field.find_first_not_of(" \t");
    const std::size_t end = field.find_last_not_of(" \t");
    fields.push_back(begin == std::string::npos ? "" : field.substr(begin, end - begin + 1));
  }
  return fields;
}

template <class Number>
std::optional<Number> number_of(const std::string& text) {
  Number number{};
  const char* const last = text.data() + text.size();
  const auto read = std::from_chars(text.data(), last, number);
  return read.ec == std::errc{} && read.ptr == last ? std::optional{number} : std::nullopt;
}

/// A time within the range of a scenario's durations; `least` itself is refused when it is above 0.
std::optional<Duration> seconds_of(const std::string& text, Duration least) {
  const std::optional<double> seconds = number_of<double>(text);
  if (!seconds || !(*seconds >= 0 && *seconds <= most_seconds)) {
    return std::nullopt;
  }
  const Duration time = from_seconds(*seconds);
  return time >= least ? std::optional{time} : std::nullopt;
}

/// Columns by their position in the header.
struct Columns {
  std::size_t count = 0;
  std::optional<std::size_t> at;
  std::optional<std::size_t> lasting;
  std::optional<std::size_t> unit;
};

Columns columns_of(const std::vector<std::string>& header) {
  Columns columns;
  columns.count = header.size();
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i] == "at_s") {
      columns.at = i;
    } else if (header[i] == "for_s") {
      columns.lasting = i;
    } else if (header[i] == "unit") {
      columns.unit = i;
    }
  }
  return columns;
}

/// What is wrong with a row; empty: nothing, and `event` is what it says.
std::string read_row(const std::vector<std::string>& fields, const Columns& columns,
                     FaultEvent& event) {
  if (fields.size() != columns.count) {
    return fmt::format("{} fields, and the header has {}", fields.size(), columns.count);
  }
  const std::optional<Duration> at = seconds_of(fields[*columns.at], Duration::zero());
  const std::optional<Duration> lasting = seconds_of(fields[*columns.lasting], Duration{1});
  if (!at) {
    return fmt::format("at_s: expected seconds from t = 0 on, found '{}'", fields[*columns.at]);
  }
  if (!lasting) {
    return fmt::format("for_s: expected seconds above 0, found '{}'", fields[*columns.lasting]);
  }
  event.at = *at;
  event.lasting = *lasting;
  event.unit = -1;
  if (columns.unit && !fields[*columns.unit].empty()) {
    const std::optional<int> unit = number_of<int>(fields[*columns.unit]);
    if (!unit || *unit < 0) {
      return fmt::format("unit: expected a count from 0 on or nothing, found '{}'",
                         fields[*columns.unit]);
    }
    event.unit = *unit;
  }
  return {};
}

}  // namespace

std::vector<FaultEvent> read_fault_trace(Reader& reader, const std::string& file) {
  const auto name = std::make_shared<const std::string>(file);
  int line = 1;
  const auto report = [&](const std::string& message, const std::string& hint) {
    reader.report(Place{name, line, 1}, "", message, hint);
  };
  std::ifstream in{file};
  std::string text;
  std::getline(in, text);
  const Columns columns = columns_of(fields_of(text));
  if (!columns.at || !columns.lasting) {
    report("expected a header with the columns at_s and for_s", "e.g. unit,at_s,for_s");
    return {};
  }
  std::vector<FaultEvent> events;
  std::size_t found = 0;
  while (std::getline(in, text) && found < most_findings) {
    ++line;
    if (text.find_first_not_of(" \t\r") == std::string::npos) {
      continue;
    }
    FaultEvent event;
    const std::string wrong = read_row(fields_of(text), columns, event);
    if (wrong.empty()) {
      events.push_back(event);
    } else {
      ++found;
      report(wrong, "");
    }
  }
  if (events.empty() && found == 0) {
    report("there is no fault in this file", "a row below the header is one");
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const FaultEvent& a, const FaultEvent& b) { return a.at < b.at; });
  return events;
}

}  // namespace plimsoll
