// Draws of API keys.
#include "service/api_keys.hpp"

#include <algorithm>
#include <limits>

namespace plimsoll {

ApiKeys::ApiKeys(const Config& config, std::uint64_t seed)
    : stream_{seed, "api_key"}, group_of_class_(config.workload.classes.size(), 0) {
  const bool limited = config.path && config.path->limits;
  add_group(limited ? config.path->limits->keys : KeysConfig{}, "");
  if (limited) {
    for (const ClassKeysConfig& own : config.path->limits->class_keys) {
      group_of_class_[own.request_class] = groups_.size();
      add_group(own.keys, config.workload.classes[own.request_class].name);
    }
  }
}

void ApiKeys::add_group(const KeysConfig& keys, const std::string& request_class) {
  const auto per_tenant = static_cast<std::uint32_t>(keys.per_tenant);
  groups_.push_back(
      {keys_, tenants_, per_tenant, Popularity{keys.count, keys.exponent}, request_class});
  keys_ += static_cast<std::uint32_t>(keys.count);
  tenants_ += static_cast<std::uint32_t>((keys.count + keys.per_tenant - 1) / keys.per_tenant);
}

std::uint32_t ApiKeys::draw(std::uint64_t id, ClassIndex request_class) const {
  const Group& group = groups_[group_of_class_[request_class]];
  Draws draws = stream_.of(id);
  const std::uint32_t chosen = group.popularity.group_of(draws());
  const std::int64_t rank = group.popularity.rank_of(chosen, draws());
  return group.first + static_cast<std::uint32_t>(rank);
}

const ApiKeys::Group& ApiKeys::group_of_key(std::uint32_t key) const {
  std::size_t group = groups_.size() - 1;
  while (groups_[group].first > key) {
    --group;
  }
  return groups_[group];
}

std::uint32_t ApiKeys::tenant_of(std::uint32_t key) const {
  const Group& group = group_of_key(key);
  return group.first_tenant + (key - group.first) / group.per_tenant;
}

std::uint32_t ApiKeys::number_in_group(std::uint32_t key) const {
  return key - group_of_key(key).first;
}

std::string ApiKeys::class_of(std::uint32_t key) const {
  return group_of_key(key).request_class;
}

}  // namespace plimsoll
