// Errors as text.
#include "plimsoll/errors.hpp"

#include <fmt/format.h>

namespace plimsoll {

std::string format_diagnostic(const Diagnostic& d) {
  std::string text;
  if (!d.file.empty()) {
    text += d.file + ":";
    if (d.line > 0) {
      text += fmt::format("{}:", d.line);
      if (d.column > 0) {
        text += fmt::format("{}:", d.column);
      }
    }
    text += " ";
  }
  if (!d.key_path.empty()) {
    text += d.key_path + ": ";
  }
  text += d.message;
  if (!d.hint.empty()) {
    text += " (" + d.hint + ")";
  }
  return text;
}

namespace {
std::string join_lines(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& d : diagnostics) {
    text += (text.empty() ? "" : "\n") + format_diagnostic(d);
  }
  return text;
}
}  // namespace

ConfigError::ConfigError(std::vector<Diagnostic> diagnostics)
    : std::runtime_error{join_lines(diagnostics)}, diagnostics_{std::move(diagnostics)} {
}

void fail_check(const char* expression, const std::string& why, const char* file, int line) {
  throw InternalError{fmt::format("{}:{}: check failed: {} ({})", file, line, expression, why)};
}

}  // namespace plimsoll
