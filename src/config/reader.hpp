// Config: what the reading of a scenario carries along: findings, the policies, and the names that
// references may use.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/errors.hpp"
#include "plimsoll/policies/params.hpp"
#include "scenario/raw_tree.hpp"

namespace plimsoll {

/// The lists of Config that other parts of a scenario refer to by name.
enum class NameList : std::uint8_t {
  none,
  kernels,
  gpus,
  models,
  profiles,
  prices,
  loaders,
  stores,
  tiers,
  pools,
  classes,
  datacenters,
  load_shapes,
  shared_gpus
};
inline constexpr std::size_t name_list_count = 14;

/// "catalog.gpus", ...: where the names of a list are declared.
std::string_view name_list_path(NameList list);

class Reader {
 public:
  Reader(const Config& config, const PolicyCatalog& policies, std::vector<Diagnostic>& findings)
      : config_{config}, policies_{policies}, findings_{findings} {}

  /// The configuration as far as it has been read: what stands earlier in the declarations.
  const Config& config() const { return config_; }
  const PolicyCatalog& policies() const { return policies_; }
  std::vector<Diagnostic>& findings() { return findings_; }

  void report(const Place& place, std::string path, std::string message, std::string hint = "") {
    findings_.push_back(finding_at(place, std::move(path), std::move(message), std::move(hint)));
  }

  /// Names by position in the list of Config.
  const std::vector<std::string>& names(NameList list) const {
    return names_[static_cast<std::size_t>(list)];
  }
  void set_names(NameList list, std::vector<std::string> names) {
    names_[static_cast<std::size_t>(list)] = std::move(names);
  }

 private:
  const Config& config_;
  const PolicyCatalog& policies_;
  std::vector<Diagnostic>& findings_;
  std::array<std::vector<std::string>, name_list_count> names_;
};

/// What writing needs: names behind positions, and the policies' descriptions.
struct Writer {
  const Config& config;
  const PolicyCatalog& policies;
};

/// The place of `key` in `map` when it stands there, else the map's.
const Place& place_of_key(const RawNode& map, std::string_view key);

/// A hint: the nearest of the names, and all of them when they are few.
std::string name_hint(std::string_view name, const std::vector<std::string>& names,
                      std::string_view what);

/// "found 30" or "found a list": what stands there instead.
std::string describe_found(const RawNode& node);

}  // namespace plimsoll
