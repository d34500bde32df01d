// Command line: lists of what exists, in aligned columns.
#pragma once

#include <string>
#include <vector>

namespace plimsoll::cli {

/// Rows of equally many cells, the first row being the header; columns two spaces apart.
std::string aligned(const std::vector<std::vector<std::string>>& rows);

}  // namespace plimsoll::cli
