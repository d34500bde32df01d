// How a policy describes itself and receives its parameters. The same descriptions validate the
// scenario, print `plimsoll show policies NAME`, and generate docs/policies.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plimsoll/ids.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

enum class ParamKind : std::uint8_t { count, ratio, duration, rate, text, flag };

/// One parameter of a policy.
struct ParamDoc {
  std::string key;  // dots stand for maps within the policy's block
  ParamKind kind;
  std::string default_text;            // as it would stand in YAML, unit included
  std::string help;                    // one sentence
  double minimum = 0.0;                // in base units (count, ratio, ns, 1/s); inclusive
  double maximum = 1e18;               // inclusive
  std::vector<std::string> choices{};  // for ParamKind::text: the valid words; empty = any
  bool per_tier = false;               // numbers: may also be a map of tiers to values
  bool (*accepts)(const std::string&) = nullptr;  // for ParamKind::text: its form; null = any
  // For ParamKind::text of that form: the most replicas or instances that it asks for; null: none.
  std::int64_t (*most_asked_for)(const std::string&) = nullptr;
};

/// Validated parameters: every documented key is present, in base units. Reading a key that the
/// policy did not document, or as another kind, is an InternalError.
class PolicyParams {
 public:
  void set_number(const std::string& key, double base_value) { numbers_[key] = base_value; }
  void set_text(const std::string& key, std::string value) { texts_[key] = std::move(value); }

  std::int64_t count(const std::string& key) const;
  double ratio(const std::string& key) const;  // also rates, in 1/s
  Duration duration(const std::string& key) const;
  bool flag(const std::string& key) const;
  const std::string& text(const std::string& key) const;

  /// A number documented as per_tier: what was said of the tier, else the value of `key`.
  double ratio_of(const std::string& key, TierIndex tier) const;
  std::int64_t count_of(const std::string& key, TierIndex tier) const;
  void set_tier_number(const std::string& key, TierIndex tier, double base_value) {
    tier_numbers_[key][tier] = base_value;
  }
  using TierNumbers = std::map<std::string, std::map<TierIndex, double>>;
  const TierNumbers& tier_numbers() const { return tier_numbers_; }

  const std::map<std::string, double>& numbers() const { return numbers_; }
  const std::map<std::string, std::string>& texts() const { return texts_; }

 private:
  std::map<std::string, double> numbers_;
  std::map<std::string, std::string> texts_;
  TierNumbers tier_numbers_;
};

/// A policy by name, with all of its parameters.
struct PolicyConfig {
  std::string policy;
  PolicyParams params;
};

/// What the configuration needs to know of one registered policy.
struct PolicyDoc {
  std::string name;
  std::string summary;  // one sentence
  std::vector<ParamDoc> params;
};

/// All policies by kind ("admission", "autoscaler", "placement", "queue", "router"), each list
/// sorted by name. Built by the policies room and handed to the configuration, which therefore
/// knows no policy by itself.
using PolicyCatalog = std::map<std::string, std::vector<PolicyDoc>>;

}  // namespace plimsoll
