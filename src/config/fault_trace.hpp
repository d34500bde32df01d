// Config: faults that are given row by row in a CSV file.
#pragma once

#include <string>
#include <vector>

#include "config/reader.hpp"
#include "plimsoll/faults_config.hpp"

namespace plimsoll {

/// The rows of a file with a header that names the columns at_s, for_s (seconds, from t = 0 on)
/// and, where a row may say which unit breaks, unit; a row without one leaves it to be drawn.
/// Reports every row that is none, with its line.
std::vector<FaultEvent> read_fault_trace(Reader& reader, const std::string& file);

}  // namespace plimsoll
