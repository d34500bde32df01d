// Reports room: libsmartcols behind one function.
#include "reports/text_table.hpp"

#include <libsmartcols/libsmartcols.h>

#include <cstdlib>
#include <memory>

#include "plimsoll/errors.hpp"

namespace plimsoll {

std::string text_table(const std::vector<TextColumn>& columns,
                       const std::vector<std::vector<std::string>>& rows) {
  const std::unique_ptr<libscols_table, void (*)(libscols_table*)> table{scols_new_table(),
                                                                         scols_unref_table};
  PLIMSOLL_CHECK(table != nullptr, "a table can be made");
  scols_table_set_termforce(table.get(), SCOLS_TERMFORCE_NEVER);
  for (const TextColumn& column : columns) {
    scols_table_new_column(table.get(), column.title.c_str(), 0, column.right ? SCOLS_FL_RIGHT : 0);
  }
  for (const std::vector<std::string>& row : rows) {
    libscols_line* const line = scols_table_new_line(table.get(), nullptr);
    PLIMSOLL_CHECK(line != nullptr && row.size() == columns.size(), "rows have all columns");
    for (std::size_t i = 0; i < row.size(); ++i) {
      scols_line_set_data(line, i, row[i].c_str());
    }
  }
  char* text = nullptr;
  PLIMSOLL_CHECK(scols_print_table_to_string(table.get(), &text) == 0, "a table can be printed");
  std::string result = text == nullptr ? "" : text;
  std::free(text);
  if (!result.empty() && result.back() != '\n') {
    result += '\n';
  }
  return result;
}

}  // namespace plimsoll
