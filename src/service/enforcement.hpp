// What becomes of alarms about usage: bypasses are closed, keys are suspended.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "plimsoll/path_config.hpp"
#include "plimsoll/stages.hpp"
#include "service/api_keys.hpp"
#include "service/limits.hpp"
#include "service/metering.hpp"

namespace plimsoll {

/// An alarm detects every open bypass that its key has used. bind_limits: what was detected is
/// closed after the response time; bypasses that begin later are defects of their own.
/// suspend_key: the alarm's key is refused from then on, guilty or not, and bypasses stay.
class Enforcement {
 public:
  /// Everything referred to outlives it.
  Enforcement(const LimitsConfig& config, const ApiKeys& keys, Limits& limits);

  /// A request of `key` passed at `t` only thanks to a bypass.
  void on_bypassed(std::uint32_t key, SimTime t);
  void on_alarm(const Metering::Alarm& alarm, SimTime now);
  /// Whether a request of `key` that comes at `t` is refused because its key is suspended.
  bool refuses(std::uint32_t key, SimTime t);

  /// Alarms, what they led to, and when.
  void tell(PathSummary& summary) const;

 private:
  struct Suspension {
    SimTime from{};
    SimTime until = never;
    bool abusive = false;  // used a bypass before
  };
  bool used_bypass(std::uint32_t key) const {
    return !last_bypassed_.empty() && last_bypassed_[key] >= sim_start;
  }
  void note_first(const Metering::Alarm& alarm, SimTime now);
  void suspend(std::uint32_t key, SimTime now);

  MeteringConfig config_;
  bool metered_;
  const ApiKeys& keys_;
  Limits& limits_;
  std::vector<SimTime> last_bypassed_;  // by key; before t = 0: never; empty without bypasses
  std::map<std::uint32_t, Suspension> suspended_;  // the latest of each key
  std::vector<BypassSummary> bypasses_;
  std::vector<AnomalySummary> first_;
  std::int64_t alarms_ = 0;
  std::int64_t false_alarms_ = 0;
  SuspensionSummary suspensions_;
};

}  // namespace plimsoll
