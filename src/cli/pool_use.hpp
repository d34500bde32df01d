// Command line: how much of each pool a run used, scrape by scrape.
#pragma once

#include <string>
#include <vector>

#include "plimsoll/config.hpp"

namespace plimsoll::cli {

/// Median, 95th percentile and maximum over scrapes.
struct Spread {
  double median = 0;
  double p95 = 0;
  double most = 0;
};

/// Of one pool.
struct PoolUse {
  std::string pool;
  Spread kv;       // share of the KV blocks
  Spread running;  // sequences in batches
  Spread busy;     // replicas with a sequence
};

/// Settings (for --set) by which a run of `config` tells enough for `pool_use`: about a thousand
/// scrapes, of every replica.
std::vector<std::string> settings_for_use(const Config& config);

/// From a run's monitoring.csv; pools in the order of `config`. IoError when it cannot be read.
std::vector<PoolUse> pool_use(const std::string& monitoring_csv, const Config& config);

/// The nearest-rank percentiles of `values`; zeros when there are none.
Spread spread_of(std::vector<double> values);

}  // namespace plimsoll::cli
