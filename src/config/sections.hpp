// Config: the declared sections of a scenario.
#pragma once

#include "config/declarations.hpp"

namespace plimsoll {

/// The whole scenario, as a section of Config.
SectionDecl scenario_section();

SectionDecl gpu_section();
SectionDecl model_section();
SectionDecl profile_section();
SectionDecl engine_section();
SectionDecl price_section();
SectionDecl store_section();
SectionDecl tier_section();
SectionDecl pool_section();
SectionDecl service_section();
SectionDecl workload_section();
SectionDecl path_section();
SectionDecl metrics_section();
FieldDecl thresholds_field();

/// A policy and its parameters as a key of ServiceConfig; `own_keys` stand beside the parameters
/// and belong to ServiceConfig itself.
FieldDecl policy_field(std::string key, PolicyConfig ServiceConfig::*member,
                       std::string default_policy, SectionDecl own_keys, std::string help);

/// Keys of service.queue that outlive a change of its policy.
inline const std::vector<std::string>& queue_own_keys() {
  static const std::vector<std::string> keys{"capacity", "deadline", "max_outstanding"};
  return keys;
}

/// Drops catalog entries that nothing refers to.
void drop_unused_entries(Config& config);

}  // namespace plimsoll
