// Reports room: what run.json says of this machine and this program.
#include <sys/resource.h>

#include "plimsoll/report.hpp"

namespace plimsoll {

RunFacts run_facts(const RunResult& result) {
  RunFacts facts;
  facts.wall_seconds = result.wall_seconds;
  facts.events = result.events;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    facts.peak_rss_bytes = std::int64_t{usage.ru_maxrss} * 1024;
  }
  facts.version = PLIMSOLL_VERSION;
#if defined(__clang__)
  facts.compiler = "clang " __clang_version__;
#else
  facts.compiler = "gcc " __VERSION__;
#endif
  return facts;
}

}  // namespace plimsoll
