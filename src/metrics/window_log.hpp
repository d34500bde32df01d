// Metrics room: closed windows, streamed or held in bounded number, and the worst ones.
#pragma once

#include <functional>
#include <vector>

#include "plimsoll/metrics.hpp"

namespace plimsoll {

class WindowLog {
 public:
  /// Held at most; when full, every second window is dropped and from then on only every second,
  /// fourth, ... is held.
  static constexpr std::size_t most_windows = 4096;

  /// With a writer every window goes to it and none is held.
  void set_writer(std::function<void(const WindowSummary&)> writer) { writer_ = std::move(writer); }
  void add(const WindowSummary& window);

  std::int64_t closed() const { return closed_; }
  const std::vector<WindowSummary>& held() const { return held_; }
  /// By metric; metrics that were never above 0 are left out.
  const std::vector<WorstWindow>& worst() const { return worst_; }

 private:
  std::function<void(const WindowSummary&)> writer_;
  std::vector<WindowSummary> held_;
  std::vector<WorstWindow> worst_;
  std::int64_t closed_ = 0;
  std::int64_t stride_ = 1;
};

}  // namespace plimsoll
