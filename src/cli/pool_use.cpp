// Command line: reading of monitoring.csv.
#include "cli/pool_use.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "plimsoll/errors.hpp"

namespace plimsoll::cli {
namespace {

struct Series {
  std::vector<double> kv;
  std::vector<double> running;
  std::map<std::string, double> busy;  // by time of the scrape
};

double at_rank(const std::vector<double>& sorted, double share) {
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(1.0, rank)) - 1];
}

/// at_s, metric, pool, replica, le, value: none of them holds a comma here.
std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream{line};
  for (std::string cell; std::getline(stream, cell, ',');) {
    cells.push_back(cell);
  }
  return cells;
}

void take(Series& series, const std::vector<std::string>& cells) {
  const double value = std::stod(cells[5]);
  const bool whole_pool = cells[3].empty();
  if (cells[1] == series_of(MonitoredMetric::kv_usage).name && whole_pool) {
    series.kv.push_back(value);
  } else if (cells[1] == series_of(MonitoredMetric::running).name && whole_pool) {
    series.running.push_back(value);
    series.busy.emplace(cells[0], 0);
  } else if (cells[1] == series_of(MonitoredMetric::running).name) {
    series.busy[cells[0]] += value > 0 ? 1 : 0;
  }
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  if (values.empty()) {
    return {};
  }
  std::sort(values.begin(), values.end());
  return {at_rank(values, 0.5), at_rank(values, 0.95), values.back()};
}

std::vector<std::string> settings_for_use(const Config& config) {
  constexpr std::int64_t scrapes = 1000;
  const Duration interval = std::max<Duration>(std::chrono::seconds{1}, config.duration / scrapes);
  return {fmt::format("monitoring.scrape_interval={}ms", interval / std::chrono::milliseconds{1}),
          "monitoring.per_replica=true"};
}

std::vector<PoolUse> pool_use(const std::string& monitoring_csv, const Config& config) {
  std::ifstream file{monitoring_csv};
  std::map<std::string, Series> by_pool;
  std::string line;
  std::getline(file, line);  // the header
  while (std::getline(file, line)) {
    const std::vector<std::string> cells = cells_of(line);
    if (cells.size() == 6) {
      take(by_pool[cells[2]], cells);
    }
  }
  if (!file.is_open() || file.bad()) {
    throw IoError("cannot read " + monitoring_csv);
  }
  std::vector<PoolUse> uses;
  for (const PoolConfig& pool : config.pools) {
    Series& series = by_pool[pool.name];
    std::vector<double> busy;
    for (const auto& scrape : series.busy) {
      busy.push_back(scrape.second);
    }
    uses.push_back({pool.name, spread_of(std::move(series.kv)),
                    spread_of(std::move(series.running)), spread_of(std::move(busy))});
  }
  return uses;
}

}  // namespace plimsoll::cli
