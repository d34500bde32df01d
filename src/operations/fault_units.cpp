// The units of fault processes.
#include "operations/fault_units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "plimsoll/errors.hpp"

namespace plimsoll {

std::vector<int> units_of(const FaultProcess& process, const FailureDomains& domains) {
  if (process.scope == FaultScope::store || process.scope == FaultScope::offers) {
    return {0};
  }
  std::optional<NodeOwner> owner;
  if (process.pool || process.shared_gpus) {
    owner = NodeOwner{!process.pool, process.pool ? *process.pool : *process.shared_gpus};
  }
  return domains.units(process.scope, owner);
}

std::vector<FaultEvent> given_faults(const FaultProcess& process) {
  if (process.law == FaultLaw::timeline && process.events.empty()) {
    return {{process.unit, process.at, process.lasting}};
  }
  return process.events;
}

void require_fault_units(const FaultsConfig& faults, const FailureDomains& domains) {
  std::vector<Diagnostic> findings;
  for (const FaultProcess& process : faults.processes) {
    const auto units = static_cast<int>(units_of(process, domains).size());
    for (const FaultEvent& event : given_faults(process)) {
      if (std::max(event.unit, 0) >= units) {
        findings.push_back(
            {process.file, 0, 0, "faults.processes." + process.name + ".unit",
             fmt::format("there is no {} {}: the fleet has {}", fault_scope_name(process.scope),
                         std::max(event.unit, 0), units),
             "units are counted from 0"});
      }
    }
  }
  if (!findings.empty()) {
    throw ConfigError{std::move(findings)};
  }
}

}  // namespace plimsoll
