// Moving means of usage and the judgement of an interval.
#include "service/metering.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace plimsoll {

Metering::Metering(const MeteringConfig& config, std::uint32_t keys, Engine& engine,
                   std::function<void(const Alarm&)> on_alarm)
    : config_{config},
      engine_{engine},
      on_alarm_{std::move(on_alarm)},
      timer_{engine.make_timer(EventPriority::window, &Metering::on_interval, this, 0)},
      keys_(keys) {
}

void Metering::add(std::uint32_t key, std::int64_t tokens) {
  if (used_.empty()) {
    // No event while nothing is used: a run whose requests are over can end.
    const std::int64_t now = engine_.now().time_since_epoch().count();
    const std::int64_t number = now / config_.interval.count();
    intervals_ = std::max(intervals_, number);
    engine_.arm(timer_, sim_start + config_.interval * (number + 1));
  }
  Key& entry = keys_[key];
  if (entry.tokens == 0) {
    used_.push_back(key);
  }
  entry.tokens += std::max<std::int64_t>(1, tokens);
}

void Metering::on_interval(void* metering, std::uint64_t) {
  static_cast<Metering*>(metering)->end_interval();
}

double Metering::least_tokens() const {
  if (config_.least_tokens) {
    return *config_.least_tokens;
  }
  return fleet_count_ > 0 ? fleet_mean_ + config_.z * std::sqrt(fleet_squares_ / fleet_count_) : 0;
}

void Metering::end_interval() {
  least_ = least_tokens();
  for (const std::uint32_t key : used_) {
    judge(key);
  }
  used_.clear();
  ++intervals_;
}

void Metering::fold_in(Key& key, double tokens) const {
  const double difference = tokens - key.mean;
  const double step = config_.weight * difference;
  key.mean += step;
  key.variance = (1 - config_.weight) * (key.variance + difference * step);
}

void Metering::judge(std::uint32_t number) {
  Key& key = keys_[number];
  const auto tokens = static_cast<double>(key.tokens);
  key.tokens = 0;
  // A long silence forgets everything: no more steps than that takes.
  constexpr std::int64_t most_steps = 1000;
  for (std::int64_t i = std::min(intervals_ - key.judged, most_steps); i > 0; --i) {
    fold_in(key, 0);
    key.in_a_row = 0;
  }
  key.judged = intervals_ + 1;
  const double deviation = std::max({std::sqrt(key.variance), 0.1 * key.mean, 1.0});
  const bool anomalous = intervals_ >= config_.learning && tokens >= least_ &&
                         tokens > key.mean + config_.z * deviation;
  if (!anomalous) {
    key.in_a_row = 0;
    fold_in(key, tokens);
    fleet_count_ += 1;
    const double difference = tokens - fleet_mean_;
    fleet_mean_ += difference / fleet_count_;
    fleet_squares_ += difference * (tokens - fleet_mean_);
    return;
  }
  if (++key.in_a_row == config_.in_a_row) {
    on_alarm_({number, tokens, key.mean});
  }
}

}  // namespace plimsoll
