// The timeline of a run, as it is written.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "plimsoll/run_scenario.hpp"
#include "support/child_process.hpp"

namespace plimsoll::test {

/// What incidents.csv of a run says.
inline std::string incidents_of(const Config& config) {
  return in_child([&] {
    const auto folder =
        std::filesystem::temp_directory_path() / ("plimsoll_incidents_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    RunOptions options;
    options.out_folder = folder.string();
    run_scenario(config, options);
    std::ostringstream text;
    text << std::ifstream{folder / "incidents.csv"}.rdbuf();
    std::filesystem::remove_all(folder);
    return text.str();
  });
}

/// Rows of one kind among them.
inline int rows_of(const std::string& incidents, const std::string& what) {
  int rows = 0;
  const std::string field = "," + what + ",";
  for (auto at = incidents.find(field); at != std::string::npos;
       at = incidents.find(field, at + 1)) {
    ++rows;
  }
  return rows;
}

}  // namespace plimsoll::test
