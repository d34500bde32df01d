// Reports room: a table for a terminal.
#pragma once

#include <string>
#include <vector>

namespace plimsoll {

struct TextColumn {
  std::string title;
  bool right = true;  // aligned to the right
};

/// Lays out `rows` (each as long as `columns`) under their titles, lines ended by '\n'.
std::string text_table(const std::vector<TextColumn>& columns,
                       const std::vector<std::vector<std::string>>& rows);

}  // namespace plimsoll
