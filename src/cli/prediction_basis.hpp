// Command line: what a prediction rests on, beside the formulas.
#pragma once

#include <string>
#include <vector>

#include "plimsoll/config.hpp"

namespace plimsoll::cli {

/// One sentence each, about the first pool: which coefficients of a calibrated profile rows
/// determine and which are assumed; kernels that are those of another GPU; 8-bit products under a
/// profile whose figure for them is assumed; and what provenance_notes() tells.
std::vector<std::string> basis_notes(const Config& config);

}  // namespace plimsoll::cli
