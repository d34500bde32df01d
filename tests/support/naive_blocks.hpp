// Test support: KV memory as the oracle has it: every block by itself, with its name and its users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <utility>
#include <vector>

#include "plimsoll/ids.hpp"

namespace plimsoll::testing {

/// Blocks that keep a name (stream, position in the sequence) when nobody uses them, until the line
/// of free blocks comes to them.
class NaiveBlocks {
 public:
  using Name = std::pair<PrefixId, std::int64_t>;
  static constexpr int no_block = -1;

  explicit NaiveBlocks(std::int64_t total) : blocks_(static_cast<std::size_t>(total)) {
    for (std::int64_t i = 0; i < total; ++i) {
      line_.push_back(static_cast<int>(i));
    }
  }

  std::int64_t free() const { return static_cast<std::int64_t>(line_.size()); }
  bool in_use(int block) const { return at(block).users > 0; }
  bool named(int block, const Name& name) const {
    return at(block).named && at(block).name == name;
  }
  int with_name(const Name& name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? no_block : found->second;
  }

  /// The first of the line, which loses its name.
  int take() {
    const int block = line_.front();
    line_.pop_front();
    if (at(block).named) {
      names_.erase(at(block).name);
    }
    at(block) = {};
    at(block).users = 1;
    return block;
  }
  void use(int block) {
    if (at(block).users++ == 0) {
      line_.remove(block);
    }
  }
  void drop(int block) {
    if (--at(block).users == 0) {
      line_.push_back(block);
    }
  }
  void give_name(int block, const Name& name) {
    at(block).named = true;
    at(block).name = name;
    names_[name] = block;
  }

 private:
  struct Block {
    int users = 0;
    bool named = false;
    Name name{};
  };
  Block& at(int block) { return blocks_[static_cast<std::size_t>(block)]; }
  const Block& at(int block) const { return blocks_[static_cast<std::size_t>(block)]; }

  std::vector<Block> blocks_;
  std::list<int> line_;
  std::map<Name, int> names_;
};

}  // namespace plimsoll::testing
