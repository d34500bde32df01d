// A registry of policies of one kind: an object, not a global, filled by plain calls.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/errors.hpp"
#include "plimsoll/policies/params.hpp"

namespace plimsoll {

/// One policy that describes itself. `make` receives validated parameters and may rely on them.
template <class Policy>
struct PolicyEntry {
  PolicyDoc doc;
  std::function<std::unique_ptr<Policy>(const PolicyParams&)> make;
};

template <class Policy>
class Registry {
 public:
  /// InternalError when the name is taken.
  void add(PolicyEntry<Policy> entry) {
    for (const auto& known : entries_) {
      PLIMSOLL_CHECK(known.doc.name != entry.doc.name,
                     "policy registered twice: " + entry.doc.name);
    }
    entries_.push_back(std::move(entry));
    std::sort(entries_.begin(), entries_.end(),
              [](const auto& a, const auto& b) { return a.doc.name < b.doc.name; });
  }

  /// Names are validated by the configuration: an unknown one here is an InternalError.
  std::unique_ptr<Policy> make(const PolicyConfig& config) const {
    for (const auto& entry : entries_) {
      if (entry.doc.name == config.policy) {
        return entry.make(config.params);
      }
    }
    throw InternalError{"no policy named " + config.policy};
  }

  /// Sorted by name.
  std::vector<PolicyDoc> docs() const {
    std::vector<PolicyDoc> docs;
    for (const auto& entry : entries_) {
      docs.push_back(entry.doc);
    }
    return docs;
  }

 private:
  std::vector<PolicyEntry<Policy>> entries_;
};

}  // namespace plimsoll
