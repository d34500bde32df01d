// Workload: windows and their lead-ins.
#include "workload/played_spans.hpp"

#include <algorithm>

namespace plimsoll {

std::vector<PlayedWindow> played_spans(const HorizonConfig& horizon) {
  std::vector<PlayedWindow> spans;
  Duration before{};
  for (const PlayedWindow& window : horizon.windows) {
    const Duration from = std::max(before, window.from - horizon.lead_in);
    before = window.to;
    if (!spans.empty() && spans.back().to == from) {
      spans.back().to = window.to;
    } else {
      spans.push_back({from, window.to});
    }
  }
  return spans;
}

}  // namespace plimsoll
