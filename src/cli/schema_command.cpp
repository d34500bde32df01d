// Command line: `plimsoll schema`.
#include <fmt/core.h>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "plimsoll/policies/builtin.hpp"

namespace plimsoll::cli {

int schema_command() {
  const std::string schema = scenario_schema(policy_catalog(builtin_policies()));
  fmt::print("{}{}", schema, schema.ends_with('\n') ? "" : "\n");
  return ok;
}

}  // namespace plimsoll::cli
