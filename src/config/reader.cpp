// Config: what the reading of a scenario carries along.
#include "config/reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/nearest_name.hpp"

namespace plimsoll {

std::string_view name_list_path(NameList list) {
  constexpr std::array<std::string_view, name_list_count> paths = {"",
                                                                   "catalog.kernels",
                                                                   "catalog.gpus",
                                                                   "catalog.models",
                                                                   "catalog.profiles",
                                                                   "catalog.prices",
                                                                   "catalog.loaders",
                                                                   "stores",
                                                                   "tiers",
                                                                   "pools",
                                                                   "workload.classes",
                                                                   "path.edge.datacenters",
                                                                   "catalog.load_shapes",
                                                                   "shared_gpus"};
  return paths[static_cast<std::size_t>(list)];
}

const Place& place_of_key(const RawNode& map, std::string_view key) {
  const RawNode* const value = map.find(key);
  return value == nullptr ? map.place : value->place;
}

std::string name_hint(std::string_view name, const std::vector<std::string>& names,
                      std::string_view what) {
  constexpr std::size_t few = 40;
  const std::string nearest = nearest_name(name, names);
  std::string hint = nearest.empty() ? "" : fmt::format("did you mean {}?", nearest);
  if (names.empty()) {
    return fmt::format("there are no {}", what);
  }
  if (names.size() <= few) {
    hint += fmt::format("{}{}: {}", hint.empty() ? "" : " ", what, fmt::join(names, ", "));
  }
  return hint;
}

std::string describe_found(const RawNode& node) {
  constexpr std::size_t shown = 60;
  if (node.is_sequence() && node.items.empty()) {
    return "found an empty list";
  }
  if (!node.is_scalar()) {
    return fmt::format("found {}", describe_kind(node.kind));
  }
  if (node.text.size() > shown) {
    return fmt::format("found \"{}...\"", node.text.substr(0, shown));
  }
  return fmt::format("found \"{}\"", node.text);
}

}  // namespace plimsoll
