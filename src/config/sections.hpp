// Config: the declared sections of a scenario.
#pragma once

#include "config/declarations.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// The whole scenario, as a section of Config.
SectionDecl scenario_section();

SectionDecl kernel_section();
SectionDecl gpu_section();
SectionDecl model_section();
SectionDecl profile_section();
SectionDecl engine_section();
SectionDecl price_section();
SectionDecl store_section();
SectionDecl tier_section();
SectionDecl pool_section();
FieldDecl autoscale_field();
FieldDecl api_tier_autoscale_field();
FieldDecl cache_autoscale_field();
SectionDecl service_section();
SectionDecl workload_section();
SectionDecl path_section();
SectionDecl metrics_section();
SectionDecl monitoring_section();
FieldDecl thresholds_field();
SectionDecl collective_section();

Kind<Precision> precision_kind();
Kind<Attention> attention_kind();

/// A policy block: its name under `policy`, its parameters, and beside them `own_keys`, which
/// belong to the struct that holds it.
struct PolicyBlock {
  std::string key;
  std::string kind;            // "router", ...
  std::string default_policy;  // empty: the block or at least its policy has to be given
  SectionDecl own_keys;
  std::string help;
  /// The struct that holds the policy within the section's, made when it has to be (reading), or
  /// null when there is none (writing).
  std::function<void*(void*)> make_holder;
  std::function<const void*(const void*)> holder;
  std::function<PolicyConfig&(void*)> policy;  // within its holder
};
FieldDecl policy_field(PolicyBlock block);

/// Keys beside policies' parameters, which outlive a change of the policy.
inline const std::vector<std::string>& policy_own_keys() {
  static const std::vector<std::string> keys{
      "capacity",      "deadline",     "max_outstanding", "scrape_interval",
      "own_count",     "min_replicas", "max_replicas",    "min_instances",
      "max_instances", "interval",     "signal_delay",    "provisioning_delay"};
  return keys;
}

/// Drops catalog entries that nothing refers to.
void drop_unused_entries(Config& config);

}  // namespace plimsoll
