// From an alarm to limits that bind again or a key that asks in vain.
#include "service/enforcement.hpp"

#include <algorithm>

namespace plimsoll {
namespace {

constexpr SimTime not_yet = sim_start - Duration{1};

}  // namespace

Enforcement::Enforcement(const LimitsConfig& config, const ApiKeys& keys, Limits& limits)
    : config_{config.metering.value_or(MeteringConfig{})},
      metered_{config.metering.has_value()},
      keys_{keys},
      limits_{limits} {
  for (const BypassConfig& bypass : config.bypasses) {
    BypassSummary summary;
    summary.began = sim_start + bypass.at;
    bypasses_.push_back(summary);
  }
  if (!bypasses_.empty()) {
    last_bypassed_.resize(keys.count(), not_yet);
  }
}

void Enforcement::on_bypassed(std::uint32_t key, SimTime t) {
  last_bypassed_[key] = t;
  for (std::size_t i = 0; i < bypasses_.size(); ++i) {
    if (limits_.is_open(i, t)) {
      ++bypasses_[i].requests;
      return;  // the first of those that are open lets it pass
    }
  }
}

void Enforcement::on_alarm(const Metering::Alarm& alarm, SimTime now) {
  ++alarms_;
  false_alarms_ += used_bypass(alarm.key) ? 0 : 1;
  note_first(alarm, now);
  const bool binds = config_.action == AlarmAction::bind_limits;
  for (std::size_t i = 0; i < bypasses_.size(); ++i) {
    BypassSummary& bypass = bypasses_[i];
    if (bypass.detected == never && limits_.is_open(i, now) &&
        last_bypassed_[alarm.key] >= bypass.began) {
      bypass.detected = now;
      if (binds) {
        bypass.enforced = now + config_.response_time;
        limits_.close_bypass(i, bypass.enforced);
      }
    }
  }
  if (!binds) {
    suspend(alarm.key, now);
  }
}

void Enforcement::note_first(const Metering::Alarm& alarm, SimTime now) {
  constexpr std::size_t most_told = 20;
  if (first_.size() < most_told) {
    AnomalySummary anomaly;
    anomaly.request_class = keys_.class_of(alarm.key);
    anomaly.key = keys_.number_in_group(alarm.key);
    anomaly.at = now;
    anomaly.tokens = alarm.tokens;
    anomaly.expected = alarm.expected;
    anomaly.used_bypass = used_bypass(alarm.key);
    first_.push_back(anomaly);
  }
}

/// One that is suspended already, or is about to be, is suspended no longer for another alarm.
void Enforcement::suspend(std::uint32_t key, SimTime now) {
  const auto known = suspended_.find(key);
  if (known != suspended_.end() && now < known->second.until) {
    return;
  }
  Suspension suspension;
  suspension.from = now + config_.response_time;
  suspension.until = config_.suspension ? suspension.from + *config_.suspension : never;
  suspension.abusive = used_bypass(key);
  suspended_[key] = suspension;
  ++suspensions_.keys;
  suspensions_.innocent_keys += suspension.abusive ? 0 : 1;
}

bool Enforcement::refuses(std::uint32_t key, SimTime t) {
  if (suspended_.empty()) {
    return false;
  }
  const auto known = suspended_.find(key);
  if (known == suspended_.end() || t < known->second.from || t >= known->second.until) {
    return false;
  }
  ++suspensions_.refused;
  suspensions_.innocent_refused += known->second.abusive ? 0 : 1;
  return true;
}

void Enforcement::tell(PathSummary& summary) const {
  summary.anomalies = alarms_;
  summary.first_anomalies = first_;
  summary.bypasses = bypasses_;
  for (const BypassSummary& bypass : bypasses_) {
    summary.detected = std::min(summary.detected, bypass.detected);
    summary.enforced = std::min(summary.enforced, bypass.enforced);
  }
  if (metered_) {
    summary.false_alarms = false_alarms_;
    if (config_.action == AlarmAction::suspend_key) {
      summary.suspensions = suspensions_;
    }
  }
}

}  // namespace plimsoll
