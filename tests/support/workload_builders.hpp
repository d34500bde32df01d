// Test support: small workloads and trace files.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/workload.hpp"

namespace plimsoll::testing {

/// One class, fixed lengths 100/10, Poisson at `rate` requests/s, no end.
inline Config open_loop_config(double rate) {
  Config config;
  config.seed = 7;
  config.workload.arrivals.rate = Frequency::of(rate);
  config.workload.prompt.mean = 100;
  config.workload.output.mean = 10;
  RequestClassConfig request_class;
  request_class.name = "all";
  config.workload.classes.push_back(request_class);
  return config;
}

/// Up to `count` arrivals of a source made from `config`.
inline std::vector<Arrival> draw_arrivals(const Config& config, std::size_t count,
                                          const SourceOptions& options = {}) {
  const auto source = make_request_source(config, options);
  std::vector<Arrival> arrivals;
  Arrival arrival;
  while (arrivals.size() < count && source->next(arrival)) {
    arrivals.push_back(arrival);
  }
  return arrivals;
}

/// What a trace gives when bad rows are skipped.
struct SkippedRows {
  std::int64_t good = 0;
  std::int64_t skipped = 0;
};

inline SkippedRows skip_bad_rows(const Config& config) {
  SourceOptions options;
  options.skip_bad_rows = true;
  const auto source = make_request_source(config, options);
  SkippedRows rows;
  for (Arrival arrival; source->next(arrival);) {
    ++rows.good;
  }
  rows.skipped = source->skipped_rows();
  return rows;
}

/// A folder of its own that goes away with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "plimsoll.XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// Writes `content` as it is.
void write_plain(const std::string& path, const std::string& content);
/// Writes `content` compressed.
void write_gzip(const std::string& path, const std::string& content);
std::string read_bytes(const std::string& path);

}  // namespace plimsoll::testing
