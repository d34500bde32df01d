// Command line: a progress bar for people who wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace plimsoll::cli {

/// Draws on stderr when that is a terminal, from 2 s of wall time on; removes itself at the end.
class ProgressBar {
 public:
  explicit ProgressBar(bool wanted);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `done`: share of simulated time, 0 .. 1; `arrivals` so far.
  void update(double done, std::int64_t arrivals);

 private:
  std::chrono::steady_clock::time_point started_;
  bool wanted_;
  bool drawn_ = false;
};

/// The bar's text, without line control: "[####......]  40 %  1.2M requests  310 k/s  ETA 0:12".
/// `elapsed` is wall time in seconds, > 0.
std::string progress_line(double done, std::int64_t arrivals, double elapsed_wall);

}  // namespace plimsoll::cli
