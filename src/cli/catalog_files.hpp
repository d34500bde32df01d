// Command line: the catalog files that `show` reads.
#pragma once

#include <string>
#include <vector>

#include "plimsoll/errors.hpp"
#include "scenario/raw_tree.hpp"

namespace plimsoll::cli {

/// The catalog files at `path`, as there: a YAML file, or a folder whose *.yaml stand in order of
/// name; empty: the catalog that comes with Plimsoll, which lies where PLIMSOLL_CATALOG says, else
/// beside the program. Throws ConfigError when there is none.
std::vector<std::string> catalog_files(const std::string& path);

/// All files as one tree, as a scenario that includes them sees it, with what they include; a later
/// entry wins over an earlier one of its name. What their values mean is checked when a scenario is
/// loaded. What is wrong is appended to `findings`.
RawNode merged_files(const std::vector<std::string>& files, std::vector<Diagnostic>& findings);

/// All entries of one kind ("gpus", "models", "profiles", "engines", "prices") in the catalog at
/// `path`: a YAML file, or a folder whose *.yaml are read in order of name, with the files they
/// include; empty: the catalog that comes with Plimsoll. Throws ConfigError when there is none or
/// it cannot be parsed.
RawNode catalog_entries(const std::string& path, const std::string& kind);

}  // namespace plimsoll::cli
