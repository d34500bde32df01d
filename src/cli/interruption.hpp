// Command line: SIGINT and SIGTERM end a run in order; a second one ends the process at once.
#pragma once

namespace plimsoll::cli {

/// From now on signals are noted instead of ending the process.
void watch_for_interruption();

/// The signal that came, or 0.
int interruption();

}  // namespace plimsoll::cli
