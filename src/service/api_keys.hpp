// Whose key a request carries.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/rng.hpp"
#include "service/popularity.hpp"

namespace plimsoll {

/// Keys numbered over all classes: first the common ones, then those of classes with their own.
class ApiKeys {
 public:
  ApiKeys(const Config& config, std::uint64_t seed);

  /// The key of the request `id` of a class.
  std::uint32_t draw(std::uint64_t id, ClassIndex request_class) const;
  /// The key with this number among those of a class.
  std::uint32_t of_class(ClassIndex request_class, std::uint32_t number) const {
    return groups_[group_of_class_[request_class]].first + number;
  }
  std::uint32_t count() const { return keys_; }
  std::uint32_t tenants() const { return tenants_; }
  std::uint32_t tenant_of(std::uint32_t key) const;
  /// Its number among the keys that it was drawn from.
  std::uint32_t number_in_group(std::uint32_t key) const;
  /// The class whose own key it is; empty for a common one.
  std::string class_of(std::uint32_t key) const;

 private:
  struct Group {
    std::uint32_t first = 0;
    std::uint32_t first_tenant = 0;
    std::uint32_t per_tenant = 1;
    Popularity popularity;
    std::string request_class;
  };
  void add_group(const KeysConfig& keys, const std::string& request_class);
  const Group& group_of_key(std::uint32_t key) const;

  RandomStream stream_;
  std::vector<Group> groups_;
  std::vector<std::size_t> group_of_class_;
  std::uint32_t keys_ = 0;
  std::uint32_t tenants_ = 0;
};

}  // namespace plimsoll
