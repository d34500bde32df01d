// Reports room: the few figures of a result.json by which variants are compared.
#pragma once

#include <cstdint>
#include <string>

namespace plimsoll {

struct ResultDigest {
  std::string verdict;
  std::int64_t arrived = 0;
  std::int64_t completed = 0;
  double unfinished_share = 0;
  double median_ttft_ms = 0;
  double p99_ttft_ms = 0;
  double median_tpot_ms = 0;
  double p99_e2el_ms = 0;
  double request_goodput = 0;
  double gpu_hours = 0;
  double dollars = 0;
};

/// Reads a file that write_result_json wrote. IoError when it cannot be read, ConfigError when it
/// is not a result.
ResultDigest read_result_digest(const std::string& path);

}  // namespace plimsoll
