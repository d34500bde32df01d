// Command line: arguments become a command to run.
#pragma once

#include <functional>

namespace plimsoll::cli {

/// Parses `argv`. The returned command runs what was asked for and returns the exit code; for
/// --help, --version and usage errors it prints and returns 0 or 2.
std::function<int()> parse_command_line(int argc, char** argv);

}  // namespace plimsoll::cli
