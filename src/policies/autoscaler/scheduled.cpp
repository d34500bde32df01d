// Autoscaler `scheduled`: so many instances at so much o'clock.
#include <algorithm>
#include <cstdio>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

constexpr Duration day = std::chrono::hours{24};

struct Appointment {
  Duration at{};  // of the day
  std::int64_t instances = 0;
};

/// A number of at most `digits` digits; nothing when `text` is none.
std::optional<std::int64_t> whole_number(const std::string& text, std::size_t digits) {
  if (text.empty() || text.size() > digits ||
      text.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return std::stoll(text);
}

/// "08:30".
std::optional<Duration> time_of_day(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) {
    return std::nullopt;
  }
  const auto hours = whole_number(text.substr(0, colon), 2);
  const auto minutes = whole_number(text.substr(colon + 1), 2);
  if (!hours || !minutes || *hours > 23 || *minutes > 59) {
    return std::nullopt;
  }
  return std::chrono::hours{*hours} + std::chrono::minutes{*minutes};
}

/// "08:00=10 20:00=4", by time; nothing when it is not that.
std::optional<std::vector<Appointment>> parse_schedule(const std::string& text) {
  std::vector<Appointment> schedule;
  std::istringstream words{text};
  std::string word;
  while (words >> word) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      return std::nullopt;
    }
    const auto at = time_of_day(word.substr(0, equals));
    const auto instances = whole_number(word.substr(equals + 1), 9);
    if (!at || !instances) {
      return std::nullopt;
    }
    schedule.push_back({*at, *instances});
  }
  std::stable_sort(schedule.begin(), schedule.end(),
                   [](const Appointment& a, const Appointment& b) { return a.at < b.at; });
  return schedule.empty() ? std::nullopt : std::optional{schedule};
}

class Scheduled final : public Autoscaler {
 public:
  Scheduled(std::vector<Appointment> schedule, Duration begins)
      : schedule_{std::move(schedule)}, begins_{begins} {}

  ScalingSignal signal() const override { return ScalingSignal::none; }

  ScalingDecision decide(const ScalingSnapshot& snapshot) override {
    const Duration clock = (snapshot.now.time_since_epoch() + begins_) % day;
    std::int64_t desired = schedule_.back().instances;  // since yesterday
    for (const Appointment& appointment : schedule_) {
      desired = appointment.at <= clock ? appointment.instances : desired;
    }
    return {desired,
            desired == snapshot.current() ? ScalingReason::steady : ScalingReason::scheduled};
  }

 private:
  std::vector<Appointment> schedule_;
  Duration begins_;
};

bool is_schedule(const std::string& text) {
  return parse_schedule(text).has_value();
}
std::int64_t most_of_schedule(const std::string& text) {
  std::int64_t most = 0;
  const auto schedule = parse_schedule(text);
  for (const Appointment& appointment : schedule.value()) {
    most = std::max(most, appointment.instances);
  }
  return most;
}
bool is_time_of_day(const std::string& text) {
  return time_of_day(text).has_value();
}

}  // namespace

PolicyEntry<Autoscaler> scheduled_entry() {
  ParamDoc schedule{"schedule", ParamKind::text, "00:00=1",
                    "Times of the day and the instances from then on: \"08:00=10 20:00=4\"."};
  schedule.accepts = is_schedule;
  schedule.most_asked_for = most_of_schedule;
  ParamDoc begins{"begins", ParamKind::text, "00:00", "The time of day at t = 0."};
  begins.accepts = is_time_of_day;
  return {{"scheduled",
           "As many instances as the time of day asks for, every day the same.",
           {std::move(schedule), std::move(begins)}},
          [](const PolicyParams& params) {
            return std::make_unique<Scheduled>(parse_schedule(params.text("schedule")).value(),
                                               time_of_day(params.text("begins")).value());
          }};
}

}  // namespace plimsoll
