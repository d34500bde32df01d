// Command line: how wide and colourful standard output may be.
#include "cli/stdout_style.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace plimsoll::cli {

SummaryStyle stdout_style() {
  constexpr int narrowest = 60;
  SummaryStyle style;
  if (isatty(STDOUT_FILENO) == 0) {
    return style;
  }
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.width = std::max<int>(size.ws_col, narrowest);
  }
  style.colour = std::getenv("NO_COLOR") == nullptr;
  return style;
}

}  // namespace plimsoll::cli
