// Command line: a predicted point as text for people and as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "cli/prediction.hpp"

namespace plimsoll::cli {

struct PointReport {
  Point point;
  bool closed_loop = false;
  Prediction prediction;
  MemoryFit fit;
  StepAccount prefill;  // the longest pass; closed loop: of one prompt
  StepAccount decode;   // half way through the outputs
  std::vector<std::string> notes;
};

std::string report_text(const PointReport& report);
std::string report_json(const PointReport& report);

/// The prediction in what report_json() wrote. Throws InternalError for anything else.
Prediction prediction_in_json(const std::string& json);

}  // namespace plimsoll::cli
