// Workload: whose API key a row of a trace carries.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plimsoll/config.hpp"
#include "workload/trace_reader.hpp"

namespace plimsoll {

/// A name of a row that the scenario has no room for.
struct UnfitName {
  std::string column;
  std::string message;
  std::string hint;
};

/// Numbers the keys that a trace names as they come, as `path.limits` counts them: those of classes
/// with keys of their own apart, so many for each tenant. Rows that name a tenant and no key all
/// carry the tenant's first one; of rows that name a key and no tenant the first `per_tenant` keys
/// are those of the first tenant, and so on. Memory: O(keys).
class TraceKeys {
 public:
  TraceKeys(const LimitsConfig& limits, std::size_t classes, const TraceColumns& columns);

  /// The number of a row's key among those of its class. Throws UnfitName for a name beyond as many
  /// as the scenario says there are.
  std::uint32_t number(ClassIndex request_class, const TraceRow& row);

 private:
  using Names = std::map<std::string, std::uint32_t, std::less<>>;
  struct Group {
    std::string path;  // of its keys in the scenario
    std::int64_t keys = 1;
    std::int64_t per_tenant = 1;
    Names names;                   // of tenants where rows name them, else of keys
    std::vector<Names> of_tenant;  // keys where rows name both
  };
  static std::uint32_t numbered(Names& names, std::string_view name, std::int64_t room,
                                const std::string& column, const std::string& path);

  TraceColumns columns_;
  std::vector<Group> groups_;
  std::vector<std::size_t> group_of_class_;
};

}  // namespace plimsoll
