// Config: what blocks of policies read beyond what is declared of them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll {

/// Of the blocks of one kind of policies.
struct PolicyRules {
  std::string kind;  // "autoscaler"
  // Given without `policy`, the key means the policy; both empty: none does.
  std::string telling_key;
  std::string told_policy;
  // Other spellings of keys beside the policy's parameters, and what they mean; never written.
  std::vector<std::pair<std::string, std::string>> aliases;
  // A parameter, where a policy has it, that must reach until what is asked for serves.
  std::string reaching_key;
  // Keys of the holder that bound what a parameter may ask for.
  std::vector<std::string> most_keys;
  // A parameter that must be a whole number of intervals, two at least, where the policy has it and
  // its parameter `repeating_by` is `repeating_word`.
  std::string repeating_key;
  std::string repeating_by;
  std::string repeating_word;
};

inline const PolicyRules& policy_rules(std::string_view kind) {
  static const PolicyRules none{};
  static const PolicyRules autoscaler{
      "autoscaler",  "scale_metric",
      "threshold",   {{"min_clusters", "min_replicas"}, {"max_clusters", "max_replicas"}},
      "horizon",     {"max_replicas", "max_instances"},
      "season",      "model",
      "holt_winters"};
  return kind == autoscaler.kind ? autoscaler : none;
}

}  // namespace plimsoll
