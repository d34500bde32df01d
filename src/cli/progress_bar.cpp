// Command line: a progress bar for people who wait.
#include "cli/progress_bar.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace plimsoll::cli {
namespace {

constexpr int bar_width = 30;
constexpr double show_after_wall = 2.0;  // seconds

/// 1234567 -> "1.23 M".
std::string short_count(double value) {
  if (value >= 1e6) {
    return fmt::format("{:.2f} M", value / 1e6);
  }
  return value >= 1e3 ? fmt::format("{:.0f} k", value / 1e3) : fmt::format("{:.0f}", value);
}

}  // namespace

ProgressBar::ProgressBar(bool wanted)
    : started_{std::chrono::steady_clock::now()}, wanted_{wanted && isatty(STDERR_FILENO) != 0} {
}

ProgressBar::~ProgressBar() {
  if (drawn_) {
    fmt::print(stderr, "\r\033[K");
  }
}

void ProgressBar::update(double done, std::int64_t arrivals) {
  if (!wanted_) {
    return;
  }
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  if (elapsed < show_after_wall) {
    return;
  }
  fmt::print(stderr, "\r\033[K{}", progress_line(done, arrivals, elapsed));
  std::fflush(stderr);
  drawn_ = true;
}

std::string progress_line(double done, std::int64_t arrivals, double elapsed_wall) {
  const double share = std::clamp(done, 0.0, 1.0);
  const int filled = static_cast<int>(share * bar_width);
  std::string eta = "-:--";
  if (share > 0.005) {
    const auto left = static_cast<std::int64_t>(std::ceil(elapsed_wall * (1.0 - share) / share));
    eta = fmt::format("{}:{:02}", left / 60, left % 60);
  }
  return fmt::format("[{:#<{}}{:.<{}}] {:3.0f} %  {} requests  {}/s  ETA {}", "", filled, "",
                     bar_width - filled, share * 100.0, short_count(static_cast<double>(arrivals)),
                     short_count(static_cast<double>(arrivals) / elapsed_wall), eta);
}

}  // namespace plimsoll::cli
