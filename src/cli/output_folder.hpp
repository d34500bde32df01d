// Command line: the folder that a run writes into.
#pragma once

#include <string>

namespace plimsoll::cli {

/// Creates `folder` and empties it of an earlier run's files. Throws ConfigError when it is not
/// empty and `force` is not given, or is no folder; IoError when it cannot be created or written.
void prepare_output_folder(const std::string& folder, bool force);

/// After an interruption: result.json becomes result.partial.json, so that nothing takes it for a
/// complete run.
void mark_results_partial(const std::string& folder);

}  // namespace plimsoll::cli
