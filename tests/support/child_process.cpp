// Test support: runs of the simulator in processes of their own.
#include "support/child_process.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "plimsoll/errors.hpp"
#include "plimsoll/policies/builtin.hpp"

namespace plimsoll::test {
namespace {

struct Child {
  pid_t pid = -1;
  int output = -1;
};

void write_all(int file, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = write(file, text.data() + done, text.size() - done);
    if (written <= 0) {
      return;
    }
    done += static_cast<std::size_t>(written);
  }
}

Child start(const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) {
    throw std::runtime_error{"no pipe"};
  }
  Child child;
  std::fflush(nullptr);  // else a child prints it again
  child.pid = fork();
  if (child.pid < 0) {
    throw std::runtime_error{"no child"};
  }
  if (child.pid == 0) {
    close(ends[0]);
    std::string text;
    try {
      text = body();
    } catch (const std::exception& error) {
      text = std::string{"child: "} + error.what();
    }
    write_all(ends[1], text);
    _exit(0);
  }
  close(ends[1]);
  child.output = ends[0];
  return child;
}

std::string finish(const Child& child) {
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t got = 0;
  while ((got = read(child.output, buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(child.output);
  int status = 0;
  waitpid(child.pid, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return "child: died with status " + std::to_string(status) + " after: " + text;
  }
  return text;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream{text};
  std::string part;
  while (std::getline(stream, part, separator)) {
    parts.push_back(part);
  }
  if (!text.empty() && text.back() == separator) {
    parts.emplace_back();
  }
  return parts;
}

}  // namespace

std::vector<std::string> in_children(const std::vector<std::function<std::string()>>& bodies) {
  constexpr std::size_t at_a_time = 2;
  std::vector<Child> children;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < bodies.size() + at_a_time - 1; ++i) {
    if (i < bodies.size()) {
      children.push_back(start(bodies[i]));
    }
    if (i + 1 >= at_a_time && texts.size() < bodies.size()) {
      texts.push_back(finish(children[texts.size()]));
    }
  }
  return texts;
}

std::string in_child(const std::function<std::string()>& body) {
  return finish(start(body));
}

LoadedScenario load_shipped(const std::string& path_in_scenarios, const Overrides& overrides) {
  ScenarioRequest request;
  request.path = std::string{PLIMSOLL_SOURCE_DIR "/scenarios/"} + path_in_scenarios;
  request.overrides = overrides;
  return load_scenario(request, policy_catalog(builtin_policies()));
}

std::vector<std::string> tiny_scenarios() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator{PLIMSOLL_SOURCE_DIR "/scenarios/tiny"}) {
    if (entry.path().extension() == ".yaml") {
      names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "plimsoll-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error{"no temporary folder"};
  }
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string bytes_of_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

CsvTable::CsvTable(const std::string& text) {
  const std::vector<std::string> lines = split(text, '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i == 0) {
      header_ = split(lines[i], ',');
    } else if (!lines[i].empty()) {
      cells_.push_back(split(lines[i], ','));
    }
  }
}

std::vector<std::string> CsvTable::column(const std::string& name) const {
  const auto found = std::find(header_.begin(), header_.end(), name);
  PLIMSOLL_CHECK(found != header_.end(), "no column named " + name);
  const auto index = static_cast<std::size_t>(found - header_.begin());
  std::vector<std::string> values;
  for (const auto& row : cells_) {
    PLIMSOLL_CHECK(index < row.size(), "a short row of column " + name);
    values.push_back(row[index]);
  }
  return values;
}

std::vector<double> CsvTable::numbers(const std::string& name) const {
  std::vector<double> values;
  for (const std::string& text : column(name)) {
    values.push_back(std::strtod(text.c_str(), nullptr));
  }
  return values;
}

}  // namespace plimsoll::test
