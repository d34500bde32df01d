// Workload: whose API key a row of a trace carries.
#include "workload/trace_keys.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace plimsoll {

TraceKeys::TraceKeys(const LimitsConfig& limits, std::size_t classes, const TraceColumns& columns)
    : columns_{columns}, group_of_class_(classes, 0) {
  const auto add = [this](const KeysConfig& keys, std::string path) {
    Group group;
    group.path = std::move(path);
    group.keys = keys.count;
    group.per_tenant = keys.per_tenant;
    groups_.push_back(std::move(group));
  };
  add(limits.keys, "path.limits.keys");
  for (const ClassKeysConfig& own : limits.class_keys) {
    group_of_class_[own.request_class] = groups_.size();
    add(own.keys, "path.limits.class_keys");
  }
}

std::uint32_t TraceKeys::numbered(Names& names, std::string_view name, std::int64_t room,
                                  const std::string& column, const std::string& path) {
  const auto found = names.find(name);
  if (found != names.end()) {
    return found->second;
  }
  const auto number = static_cast<std::uint32_t>(names.size());
  if (std::int64_t{number} >= room) {
    throw UnfitName{column,
                    fmt::format("\"{}\" is one more than the {} that there are", name, room),
                    fmt::format("raise {}: count says how many keys there are, per_tenant how many "
                                "of them each tenant has",
                                path)};
  }
  names.emplace(std::string{name}, number);
  return number;
}

std::uint32_t TraceKeys::number(ClassIndex request_class, const TraceRow& row) {
  Group& group = groups_[group_of_class_[request_class]];
  if (!columns_.tenant) {
    return numbered(group.names, row.key, group.keys, "key", group.path);
  }
  const std::int64_t tenants = (group.keys + group.per_tenant - 1) / group.per_tenant;
  const std::uint32_t tenant = numbered(group.names, row.tenant, tenants, "tenant", group.path);
  const auto first = std::int64_t{tenant} * group.per_tenant;
  if (!columns_.key) {
    return static_cast<std::uint32_t>(first);
  }
  group.of_tenant.resize(std::max(group.of_tenant.size(), tenant + std::size_t{1}));
  const std::int64_t room = std::min(group.per_tenant, group.keys - first);
  const std::uint32_t key = numbered(group.of_tenant[tenant], row.key, room, "key", group.path);
  return static_cast<std::uint32_t>(first) + key;
}

}  // namespace plimsoll
