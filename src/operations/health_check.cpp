// When a dead replica is noticed.
#include "operations/health_check.hpp"

namespace plimsoll {

SimTime noticed_at(const FaultsConfig& faults, SimTime died) {
  const std::int64_t interval = faults.check_interval.count();
  const std::int64_t since = died.time_since_epoch().count();
  const std::int64_t first = (since + interval - 1) / interval;
  const std::int64_t last = first + faults.check_failures - 1;
  return sim_start + Duration{last * interval} + faults.check_timeout;
}

}  // namespace plimsoll
