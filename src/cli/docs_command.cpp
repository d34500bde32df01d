// Command line: `plimsoll docs`: the generated references.
#include <fmt/core.h>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/policy_texts.hpp"
#include "plimsoll/policies/builtin.hpp"

namespace plimsoll::cli {

int docs_command(const std::string& what) {
  const PolicyCatalog catalog = policy_catalog(builtin_policies());
  fmt::print("{}", what == "policies" ? policy_reference(catalog) : scenario_reference(catalog));
  return ok;
}

}  // namespace plimsoll::cli
