// Command line: the catalog files that `show` reads.
#include "cli/catalog_files.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "plimsoll/errors.hpp"
#include "scenario/read_scenario.hpp"

namespace plimsoll::cli {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void refuse(const std::string& file, const std::string& message,
                         const std::string& hint) {
  Diagnostic finding;
  finding.file = file;
  finding.message = message;
  finding.hint = hint;
  throw ConfigError{{finding}};
}

constexpr const char* catalog_variable = "PLIMSOLL_CATALOG";

/// Where PLIMSOLL_CATALOG says; else the catalog beside the program: share/plimsoll where it is
/// installed, the checkout above build/KIND where it is not.
fs::path own_catalog() {
  std::error_code error;
  if (const char* const said = std::getenv(catalog_variable); said != nullptr && *said != '\0') {
    if (!fs::exists(said, error)) {
      refuse(said, "no such file or folder",
             std::string{catalog_variable} + " names a YAML file or a folder of them");
    }
    return said;
  }
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  for (fs::path folder = program.parent_path(); !folder.empty(); folder = folder.parent_path()) {
    for (const char* place : {"share/plimsoll/scenarios/catalog", "scenarios/catalog"}) {
      if (fs::is_directory(folder / place, error)) {
        return folder / place;
      }
    }
    if (folder == folder.root_path()) {
      break;
    }
  }
  refuse("",
         "the catalog that comes with Plimsoll was not found: neither share/plimsoll nor scenarios "
         "above " +
             program.parent_path().string(),
         std::string{"set "} + catalog_variable + " to its folder");
}

std::vector<fs::path> files_of(const std::string& path) {
  const fs::path given = path.empty() ? own_catalog() : fs::path{path};
  std::error_code error;
  if (fs::is_regular_file(given, error)) {
    return {given};
  }
  if (!fs::is_directory(given, error)) {
    refuse(path, "no such file or folder", "--catalog names a YAML file or a folder of them");
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator{given, error}) {
    if (entry.path().extension() == ".yaml") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

std::vector<std::string> catalog_files(const std::string& path) {
  std::vector<std::string> files;
  for (const fs::path& file : files_of(path)) {
    files.push_back(file.string());
  }
  return files;
}

RawNode merged_files(const std::vector<std::string>& files, std::vector<Diagnostic>& findings) {
  RawNode list;
  list.kind = RawNode::Kind::sequence;
  for (const std::string& file : files) {
    list.items.push_back(scalar_node(file));
  }
  RawNode root;
  root.kind = RawNode::Kind::map;
  append_entry(root, "include", std::move(list));
  return std::move(read_scenario({"catalogs", to_yaml(root), {}, ""}, {}, findings).root);
}

RawNode catalog_entries(const std::string& path, const std::string& kind) {
  std::vector<Diagnostic> findings;
  const RawNode root = merged_files(catalog_files(path), findings);
  if (!findings.empty()) {
    throw ConfigError{std::move(findings)};
  }
  RawNode all;
  all.kind = RawNode::Kind::map;
  const RawNode* const catalog = root.find("catalog");
  const RawNode* const entries = catalog != nullptr ? catalog->find(kind) : nullptr;
  if (entries != nullptr && entries->is_map()) {
    all.entries = entries->entries;
  }
  std::sort(all.entries.begin(), all.entries.end(),
            [](const RawEntry& a, const RawEntry& b) { return a.key < b.key; });
  return all;
}

}  // namespace plimsoll::cli
