// Command line: how wide and colourful standard output may be.
#pragma once

#include "plimsoll/report.hpp"

namespace plimsoll::cli {

/// The terminal's width and colours; 100 columns without colours when stdout is no terminal or
/// NO_COLOR is set.
SummaryStyle stdout_style();

}  // namespace plimsoll::cli
