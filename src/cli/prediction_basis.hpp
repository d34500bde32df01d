// Command line: what a prediction rests on, beside the formulas.
#pragma once

#include <string>
#include <vector>

#include "cli/prediction.hpp"

namespace plimsoll::cli {

/// One sentence each, about the first pool: which coefficients of a calibrated profile rows
/// determine and which are assumed; kernels that are those of another GPU; 8-bit products under a
/// profile whose figure for them is assumed; a prompt and output longer than the model's published
/// context; and what provenance_notes() tells.
std::vector<std::string> basis_notes(const Config& config, const Point& point);

}  // namespace plimsoll::cli
