// Reports room: metrics.om.
#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdio>
#include <map>
#include <string_view>
#include <tuple>

#include "plimsoll/errors.hpp"
#include "plimsoll/report.hpp"
#include "reports/output_file.hpp"

namespace plimsoll {
namespace {

constexpr std::string_view total = "_total";

/// What a sample's name may add to its family's.
bool is_suffix(std::string_view rest) {
  return rest.empty() || rest == "_bucket" || rest == "_sum" || rest == "_count";
}

std::size_t family_of(std::string_view metric) {
  for (std::size_t i = 0; i < monitored_series.size(); ++i) {
    const std::string_view name = monitored_series[i].name;
    if (metric.starts_with(name) && is_suffix(metric.substr(name.size()))) {
      return i;
    }
  }
  throw InternalError{"a scrape has metrics of monitored_series only"};
}

/// A counter's samples end in _total, and its family does not.
std::string_view family_name(const MonitoredSeries& doc) {
  std::string_view name = doc.name;
  if (doc.kind == SeriesKind::counter && name.ends_with(total)) {
    name.remove_suffix(total.size());
  }
  return name;
}

const char* type_of(SeriesKind kind) {
  return kind == SeriesKind::gauge     ? "gauge"
         : kind == SeriesKind::counter ? "counter"
                                       : "histogram";
}

/// A unit has to be the end of its family's name.
std::string_view unit_of(std::string_view family) {
  for (const std::string_view unit : {"seconds", "tokens"}) {
    if (family.ends_with(fmt::format("_{}", unit))) {
      return unit;
    }
  }
  return {};
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    out += c == '\n'               ? std::string{"\\n"}
           : c == '\\' || c == '"' ? std::string{'\\', c}
                                   : std::string(1, c);
  }
  return out;
}

/// Bounds of buckets are floats: "1.0", "+Inf".
std::string bound(const std::string& le) {
  return le.find_first_of(".eI") == std::string::npos ? le + ".0" : le;
}

std::string labels_of(const MonitoringRow& row) {
  if (row.pool.empty()) {
    return {};  // the gateway's own
  }
  std::string labels = fmt::format("pool=\"{}\"", escaped(row.pool));
  if (!row.replica.empty()) {
    labels += fmt::format(",replica=\"{}\"", row.replica);
  }
  if (!row.le.empty()) {
    labels += fmt::format(",le=\"{}\"", bound(row.le));
  }
  return labels;
}

/// Seconds since the Unix epoch, exact to the nanosecond.
std::string timestamp(SimTime at, const std::optional<UtcTime>& start) {
  constexpr std::int64_t second = 1'000'000'000;
  const std::int64_t ns = at.time_since_epoch().count();
  const std::int64_t epoch =
      start ? std::chrono::duration_cast<std::chrono::seconds>(start->time_since_epoch()).count()
            : 0;
  std::string text = fmt::format("{}.{:09}", epoch + ns / second, ns % second);
  while (text.ends_with("000")) {
    text.resize(text.size() - 3);
  }
  return text.ends_with('.') ? text + "0" : text;
}

[[noreturn]] void fail(const std::string& path, const char* action) {
  throw IoError(fmt::format("cannot {} {}", action, path));
}

}  // namespace

/// Lines in the order in which they came, and where those of each series begin.
class OpenMetricsWriter::Rows {
 public:
  using Key = std::tuple<std::size_t, std::string, std::string>;  // family, pool, replica
  using Lines = std::map<Key, std::vector<std::int64_t>>;

  explicit Rows(std::string path)
      : path_{std::move(path)}, file_{std::fopen(path_.c_str(), "w+b")} {
    if (file_ == nullptr) {
      fail(path_, "create");
    }
  }
  ~Rows() {
    if (mapped_ != nullptr) {
      munmap(mapped_, static_cast<std::size_t>(size_));
    }
    std::fclose(file_);
    std::remove(path_.c_str());
  }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  void add(Key key, const std::string& line) {
    lines_[std::move(key)].push_back(size_);
    if (std::fwrite(line.data(), 1, line.size(), file_) != line.size()) {
      fail(path_, "write");
    }
    size_ += static_cast<std::int64_t>(line.size());
  }

  const Lines& lines() const { return lines_; }

  /// All of them, once; valid as long as this.
  std::string_view text() {
    if (size_ == 0) {
      return {};
    }
    if (std::fflush(file_) != 0) {
      fail(path_, "write");
    }
    const auto length = static_cast<std::size_t>(size_);
    void* const mapped = mmap(nullptr, length, PROT_READ, MAP_PRIVATE, fileno(file_), 0);
    if (mapped == MAP_FAILED) {
      fail(path_, "read");
    }
    mapped_ = mapped;
    return {static_cast<const char*>(mapped), length};
  }

 private:
  std::string path_;
  std::FILE* file_;
  std::int64_t size_ = 0;
  void* mapped_ = nullptr;
  Lines lines_;
};

OpenMetricsWriter::OpenMetricsWriter(const std::string& path, std::optional<UtcTime> start)
    : path_{path}, start_{start}, rows_{new Rows{path + ".rows"}} {
}
OpenMetricsWriter::~OpenMetricsWriter() = default;

void OpenMetricsWriter::write(const MonitoringRow& row) {
  rows_->add({family_of(row.metric), row.pool, row.replica},
             fmt::format("{}{{{}}} {} {}\n", row.metric, labels_of(row), row.value,
                         timestamp(row.at, start_)));
}

void OpenMetricsWriter::close() {
  OutputFile file{path_};
  const std::string_view text = rows_->text();
  std::size_t before = monitored_series.size();
  for (const auto& [key, lines] : rows_->lines()) {
    const std::size_t family = std::get<0>(key);
    if (family != before) {
      const MonitoredSeries& doc = monitored_series[family];
      const std::string_view name = family_name(doc);
      file.write(fmt::format("# TYPE {} {}\n", name, type_of(doc.kind)));
      if (!unit_of(name).empty()) {
        file.write(fmt::format("# UNIT {} {}\n", name, unit_of(name)));
      }
      file.write(fmt::format("# HELP {} {}\n", name, escaped(doc.summary)));
      before = family;
    }
    for (const std::int64_t begin : lines) {
      const auto at = static_cast<std::size_t>(begin);
      file.write(text.substr(at, text.find('\n', at) + 1 - at));
    }
  }
  file.write("# EOF\n");
  file.close();
  rows_.reset();
}

}  // namespace plimsoll
