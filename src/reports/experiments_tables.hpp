// Reports room: experiments as tables.
#pragma once

#include <string>

#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// Arms, and every treatment against its control; empty without experiments.
std::string experiments_tables(const RunResult& result);

}  // namespace plimsoll
