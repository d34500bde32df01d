// Test support: runs of the simulator in processes of their own, since a process has one Engine.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/scenario.hpp"

namespace plimsoll::test {

/// Runs every body in a child of its own, two at a time, and returns what each returned, in order.
/// What a body throws, and a child that dies, comes back as a text that begins with "child: ".
std::vector<std::string> in_children(const std::vector<std::function<std::string()>>& bodies);

/// One body in a child.
std::string in_child(const std::function<std::string()>& body);

using Overrides = std::vector<std::pair<std::string, std::string>>;

/// A file of scenarios/, with overrides as of --set. Throws ConfigError.
LoadedScenario load_shipped(const std::string& path_in_scenarios, const Overrides& overrides);

/// Names of scenarios/tiny, sorted.
std::vector<std::string> tiny_scenarios();

/// A fresh folder under the system's temporary one, removed with this object.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A file's bytes; empty when there is no such file.
std::string bytes_of_file(const std::string& path);

/// Rows of a CSV without quotes, by column. `column` throws InternalError for an unknown name.
class CsvTable {
 public:
  explicit CsvTable(const std::string& text);
  std::size_t rows() const { return cells_.size(); }
  std::vector<std::string> column(const std::string& name) const;
  std::vector<double> numbers(const std::string& name) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> cells_;
};

}  // namespace plimsoll::test
