// Config: lists of pairs, e.g. [[0, 1], [30s, 2]].
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/kinds.hpp"
#include "scenario/read_scenario.hpp"

namespace plimsoll {

/// A list of two-element lists: `first` and `second` read the parts of a pair.
template <class Pair, class First, class Second>
Kind<std::vector<Pair>> pairs_kind(std::string type, First Pair::*first, Kind<First> first_kind,
                                   Second Pair::*second, Kind<Second> second_kind) {
  Kind<std::vector<Pair>> kind;
  kind.doc.shape = Shape::pairs;
  kind.doc.type = std::move(type);
  const std::string expected = "expected a " + kind.doc.type + ", ";
  kind.read = [=](Reader& reader, const RawNode& node, const std::string& path,
                  std::vector<Pair>& pairs) {
    pairs.clear();
    if (!node.is_sequence() || node.items.empty()) {
      reader.report(node.place, path, expected + describe_found(node));
      return;
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const RawNode& item = node.items[i];
      const std::string item_path = join_path(path, std::to_string(i));
      if (!item.is_sequence() || item.items.size() != 2) {
        reader.report(item.place, item_path, expected + "and this is no pair of two values");
        continue;
      }
      Pair& pair = pairs.emplace_back();
      first_kind.read(reader, item.items[0], item_path, pair.*first);
      second_kind.read(reader, item.items[1], item_path, pair.*second);
    }
  };
  kind.write = [=](const Writer& writer, const std::vector<Pair>& pairs) {
    RawNode list;
    list.kind = RawNode::Kind::sequence;
    for (const Pair& pair : pairs) {
      RawNode& item = list.items.emplace_back();
      item.kind = RawNode::Kind::sequence;
      item.items.push_back(first_kind.write(writer, pair.*first));
      item.items.push_back(second_kind.write(writer, pair.*second));
    }
    return list;
  };
  return kind;
}

}  // namespace plimsoll
