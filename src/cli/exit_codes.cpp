// Command line: which of two exit codes is worse.
#include "cli/exit_codes.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::cli {

int worst_exit(int a, int b) {
  static constexpr std::array<int, 7> worst_last = {
      ok,           threshold_fails, usage_or_scenario, input_output,
      internal_bug, interrupted_int, interrupted_term};
  const auto rank = [](int code) {
    const auto found = std::find(worst_last.begin(), worst_last.end(), code);
    return found != worst_last.end()
               ? found
               : std::find(worst_last.begin(), worst_last.end(), static_cast<int>(internal_bug));
  };
  return *std::max(rank(a), rank(b));
}

}  // namespace plimsoll::cli
