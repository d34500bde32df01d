// Command line: the only place where errors become exit codes.
#include <fmt/core.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <new>
#include <string>
#include <system_error>

#include "cli/command_line.hpp"
#include "cli/exit_codes.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll::cli {
namespace {

/// Control characters that came in with a file or an argument, made visible.
std::string printable(const std::string& text) {
  std::string shown;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if ((byte < 0x20 && character != '\n') || byte == 0x7f) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += character;
    }
  }
  return shown;
}

int tell_bug(const std::exception& error) {
  fmt::print(stderr, "plimsoll: this is a bug of Plimsoll, please report it: {}\n", error.what());
  return internal_bug;
}

int tell_lost_output(int error) {
  fmt::print(stderr, "plimsoll: cannot write to standard output: {}\n",
             error != 0 ? std::strerror(error) : "write failed");
  return input_output;
}

/// Runs a command and tells every failure on stderr.
int guarded(const std::function<int()>& command) {
  try {
    return command();
  } catch (const ConfigError& error) {
    for (const auto& finding : error.diagnostics()) {
      fmt::print(stderr, "{}\n", printable(format_diagnostic(finding)));
    }
    if (error.diagnostics().size() > 1) {
      fmt::print(stderr, "{} findings\n", error.diagnostics().size());
    }
    return usage_or_scenario;
  } catch (const IoError& error) {
    fmt::print(stderr, "plimsoll: {}\n", printable(error.what()));
    return input_output;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "plimsoll: out of memory\n");
    return input_output;
  } catch (const std::system_error& error) {
    // fmt::print throws one when more than a buffer of output cannot be written.
    if (std::ferror(stdout) == 0) {
      return tell_bug(error);
    }
    std::clearerr(stdout);
    return tell_lost_output(error.code().value());
  } catch (const std::exception& error) {
    return tell_bug(error);
  }
}

/// What was printed has arrived: a full disk behind stdout is an error too.
int flush_stdout(int code) {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    return worst_exit(code, tell_lost_output(errno));
  }
  return code;
}

}  // namespace
}  // namespace plimsoll::cli

int main(int argc, char** argv) {
  // Failed writes are to be seen as errors of the write, not to end the process.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  const int code = plimsoll::cli::guarded([argc, argv] {
    const auto command = plimsoll::cli::parse_command_line(argc, argv);
    return command();
  });
  return plimsoll::cli::flush_stdout(code);
}
