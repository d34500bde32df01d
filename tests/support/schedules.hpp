// Test support: random schedules of what happens to a tiny fleet, as overrides of one scenario, and
// how one that shows something is shrunk to the least that still does.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/scenario.hpp"

namespace plimsoll::test {

/// What is left out together: a fault, a rollout, how a pool gets its machines.
struct SchedulePart {
  std::string name;
  std::vector<std::pair<std::string, std::string>> overrides;  // paths and values, as of --set
};

/// Two pools of one model, with machines of their own or on shared GPUs, and what happens to them.
struct Schedule {
  std::vector<SchedulePart> parts;

  bool has(const std::string& part) const;
};

/// The schedule of a seed: the same ever after.
Schedule draw_schedule(std::uint64_t seed, bool shared);

/// Its scenario, validated. Throws ConfigError for what does not go together.
LoadedScenario load_schedule(const Schedule& schedule, bool fast_forward);

/// The simplest schedule found that still fails: parts are dropped one by one, then single values,
/// then numbers are halved, until nothing of it can be made simpler. `fails` is asked of every
/// candidate, the first of which is `schedule` itself; it is false for those that are refused.
Schedule shrink(Schedule schedule, const std::function<bool(const Schedule&)>& fails);

/// The value with one of its numbers halved, in each way that there is: whole numbers above 1,
/// whose units stay.
std::vector<std::string> halved(const std::string& value);

}  // namespace plimsoll::test
