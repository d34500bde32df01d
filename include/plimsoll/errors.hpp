// Three kinds of trouble, three channels: the user's fault (ConfigError, exit 2), our bug
// (PLIMSOLL_CHECK, exit 70), a failed read or write (IoError, exit 74). Expected outcomes are
// enums. Libraries throw these and never exit or print.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace plimsoll {

/// One finding in what the user wrote.
struct Diagnostic {
  std::string file;      // as the user named it; empty when not from a file
  int line = 0;          // 1-based; 0 when unknown
  int column = 0;        // 1-based; 0 when unknown
  std::string key_path;  // e.g. "pools.a100.tp"; empty when the finding is about the whole file
  std::string message;   // what is wrong and what was expected
  std::string hint;      // what to do next (nearest valid name, remedy); may be empty
};

/// "file:line:column: key_path: message (hint)": one line, parts that are unknown left out.
std::string format_diagnostic(const Diagnostic& diagnostic);

/// The user's fault: every finding at once. what() is all of them, one a line.
class ConfigError : public std::runtime_error {
 public:
  explicit ConfigError(std::vector<Diagnostic> diagnostics);
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  std::vector<Diagnostic> diagnostics_;
};

/// A read or write that the machine refused (disk full, no permission): exit 74.
class IoError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Our bug: exit 70.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Throws InternalError naming the expression and the place.
[[noreturn]] void fail_check(const char* expression, const std::string& why, const char* file,
                             int line);

}  // namespace plimsoll

/// An invariant of ours, checked in release builds too. `why` says what it protects.
#define PLIMSOLL_CHECK(expr, why) \
  ((expr) ? void(0) : ::plimsoll::fail_check(#expr, (why), __FILE__, __LINE__))
