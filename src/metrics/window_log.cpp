// Metrics room: bookkeeping of closed windows.
#include "metrics/window_log.hpp"

#include <algorithm>
#include <string>

namespace plimsoll {
namespace {

struct Watched {
  const char* metric;
  double (*value)(const WindowSummary&);
};

constexpr Watched watched[] = {
    {"ttft_p99", [](const WindowSummary& w) { return w.ttft_p99; }},
    {"tpot_p99", [](const WindowSummary& w) { return w.tpot_p99; }},
    {"e2el_p99", [](const WindowSummary& w) { return w.e2el_p99; }},
    {"queue_p99", [](const WindowSummary& w) { return w.queue_p99; }},
    {"queued", [](const WindowSummary& w) { return static_cast<double>(w.queued); }},
};

}  // namespace

void WindowLog::add(const WindowSummary& window) {
  for (const Watched& figure : watched) {
    const auto known = std::find_if(worst_.begin(), worst_.end(), [&](const WorstWindow& w) {
      return w.metric == figure.metric;
    });
    if (known == worst_.end()) {
      if (figure.value(window) > 0) {
        worst_.push_back(WorstWindow{figure.metric, window});
      }
    } else if (figure.value(window) > figure.value(known->window)) {
      known->window = window;
    }
  }
  const bool taken = closed_ % stride_ == 0;
  ++closed_;
  if (writer_) {
    writer_(window);
    return;
  }
  if (!taken) {
    return;
  }
  held_.push_back(window);
  if (held_.size() < most_windows) {
    return;
  }
  for (std::size_t i = 0; 2 * i < held_.size(); ++i) {
    held_[i] = held_[2 * i];
  }
  held_.resize(held_.size() / 2);
  stride_ *= 2;
}

}  // namespace plimsoll
