// Command line: policies described for people, from what they say about themselves.
#pragma once

#include <string>

#include "plimsoll/policies/params.hpp"

namespace plimsoll::cli {

/// One line per policy.
std::string policy_list(const PolicyCatalog& catalog);

/// A policy with its parameters; the same name may stand for several kinds. ConfigError with the
/// valid names when there is none.
std::string policy_page(const PolicyCatalog& catalog, const std::string& name);

/// docs/policies.md.
std::string policy_reference(const PolicyCatalog& catalog);

}  // namespace plimsoll::cli
