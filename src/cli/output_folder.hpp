// Command line: the folder that a run writes into.
#pragma once

#include <string>

namespace plimsoll::cli {

/// Creates `folder` and empties it of an earlier run's files. Throws ConfigError when it is not
/// empty and `force` is not given, or is no folder; IoError when it cannot be created or written.
void prepare_output_folder(const std::string& folder, bool force);

/// Writes `text` to `folder`/`name`; IoError when the machine refuses any of it.
void write_file(const std::string& folder, const std::string& name, const std::string& text);

/// After an interruption: result.json becomes result.partial.json, so that nothing takes it for a
/// complete run.
void mark_results_partial(const std::string& folder);

}  // namespace plimsoll::cli
