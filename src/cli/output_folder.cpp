// Command line: the folder that a run writes into.
#include "cli/output_folder.hpp"

#include <fmt/core.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "plimsoll/errors.hpp"

namespace plimsoll::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::array<const char*, 7> result_files = {
    "result.json", "result.partial.json",   "timeseries.csv", "requests.csv", "cost.csv",
    "run.json",    "scenario.resolved.yaml"};

[[noreturn]] void refuse(const std::string& message, const std::string& hint) {
  Diagnostic finding;
  finding.key_path = "--out";
  finding.message = message;
  finding.hint = hint;
  throw ConfigError{{finding}};
}

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) {
    throw IoError{fmt::format("cannot remove {}: {}", path.string(), error.message())};
  }
}

}  // namespace

void prepare_output_folder(const std::string& folder, bool force) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_directory(folder, error)) {
    refuse(folder + " is a file, not a folder", "name another folder");
  }
  fs::create_directories(folder, error);
  if (error) {
    throw IoError{fmt::format("cannot create the folder {}: {}", folder, error.message())};
  }
  const bool empty = fs::is_empty(folder, error);
  if (error) {
    throw IoError{fmt::format("cannot read the folder {}: {}", folder, error.message())};
  }
  if (!empty && !force) {
    refuse(folder + " is not empty", "give --force to overwrite its results, or another --out");
  }
  for (const char* name : result_files) {
    remove_file(fs::path{folder} / name);
  }
}

void mark_results_partial(const std::string& folder) {
  const fs::path complete = fs::path{folder} / "result.json";
  std::error_code error;
  if (!fs::exists(complete, error)) {
    return;
  }
  fs::rename(complete, fs::path{folder} / "result.partial.json", error);
  if (error) {
    remove_file(complete);
  }
}

}  // namespace plimsoll::cli
