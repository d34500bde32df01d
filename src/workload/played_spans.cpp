// Workload: windows and their lead-ins.
#include "workload/played_spans.hpp"

#include <algorithm>

namespace plimsoll {

std::vector<PlayedWindow> played_spans(const HorizonConfig& horizon) {
  std::vector<PlayedWindow> spans;
  for (const PlayedWindow& window : horizon.windows) {
    const Duration from = std::max(Duration{}, window.from - horizon.lead_in);
    const Duration to = window.to + horizon.lead_in;
    if (!spans.empty() && spans.back().to >= from) {
      spans.back().to = to;
    } else {
      spans.push_back({from, to});
    }
  }
  return spans;
}

}  // namespace plimsoll
