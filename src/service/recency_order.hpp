// Who was there last: owners in the order in which they came, found by their names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "plimsoll/ids.hpp"

namespace plimsoll {

/// A list from the oldest to the newest, with at most one value of each owner, in O(1) a call and
/// without an allocation once it has been as long as it gets. Places are found by linear probing of
/// a table that is at most half full; results depend on the list's order alone.
template <class Value>
class RecencyOrder {
 public:
  struct Entry {
    PrefixId owner = no_prefix;
    Value value{};
    std::uint32_t older = nowhere;
    std::uint32_t newer = nowhere;
  };
  static constexpr std::uint32_t nowhere = 0xffffffffU;

  std::int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Null when `owner` has none.
  const Value* find(PrefixId owner) const {
    const std::uint32_t entry = table_.empty() ? nowhere : table_[bucket_of(owner)];
    return entry == nowhere ? nullptr : &entries_[entry].value;
  }
  /// That of `owner`, to change its value; null when `owner` has none. Good until the next add().
  Entry* entry_of(PrefixId owner) {
    const std::uint32_t entry = table_.empty() ? nowhere : table_[bucket_of(owner)];
    return entry == nowhere ? nullptr : &entries_[entry];
  }
  /// The next older one; null before the oldest.
  Entry* older_than(const Entry& entry) {
    return entry.older == nowhere ? nullptr : &entries_[entry.older];
  }
  /// The oldest; not when it is empty.
  const Entry& oldest() const { return entries_[oldest_]; }
  /// The next newer one; null after the newest.
  const Entry* newer_than(const Entry& entry) const {
    return entry.newer == nowhere ? nullptr : &entries_[entry.newer];
  }

  /// As the newest; `owner` has none.
  void add(PrefixId owner, const Value& value) {
    if (2 * (static_cast<std::size_t>(size_) + 1) > table_.size()) {
      grow();
    }
    const std::uint32_t number = take_entry();
    entries_[number] = Entry{owner, value, newest_, nowhere};
    (newest_ == nowhere ? oldest_ : entries_[newest_].newer) = number;
    newest_ = number;
    table_[bucket_of(owner)] = number;
    ++size_;
  }
  /// False when `owner` has none.
  bool remove(PrefixId owner) {
    if (table_.empty()) {
      return false;
    }
    const std::size_t bucket = bucket_of(owner);
    const std::uint32_t number = table_[bucket];
    if (number == nowhere) {
      return false;
    }
    const Entry& entry = entries_[number];
    (entry.older == nowhere ? oldest_ : entries_[entry.older].newer) = entry.newer;
    (entry.newer == nowhere ? newest_ : entries_[entry.newer].older) = entry.older;
    close_gap(bucket);
    free_.push_back(number);
    --size_;
    return true;
  }

 private:
  std::size_t home_of(PrefixId owner) const {
    std::uint64_t mixed = static_cast<std::uint64_t>(owner) * 0x9e3779b97f4a7c15U;
    mixed ^= mixed >> 32;
    return static_cast<std::size_t>(mixed) & (table_.size() - 1);
  }
  /// That of `owner`, or the empty one where it would be put.
  std::size_t bucket_of(PrefixId owner) const {
    std::size_t bucket = home_of(owner);
    while (table_[bucket] != nowhere && entries_[table_[bucket]].owner != owner) {
      bucket = (bucket + 1) & (table_.size() - 1);
    }
    return bucket;
  }
  /// Whoever follows and would not be found beyond an empty bucket moves up.
  void close_gap(std::size_t gap) {
    const std::size_t mask = table_.size() - 1;
    for (std::size_t next = (gap + 1) & mask; table_[next] != nowhere; next = (next + 1) & mask) {
      const std::size_t home = home_of(entries_[table_[next]].owner);
      if (((next - home) & mask) >= ((next - gap) & mask)) {
        table_[gap] = table_[next];
        gap = next;
      }
    }
    table_[gap] = nowhere;
  }
  std::uint32_t take_entry() {
    if (free_.empty()) {
      entries_.emplace_back();
      return static_cast<std::uint32_t>(entries_.size() - 1);
    }
    const std::uint32_t number = free_.back();
    free_.pop_back();
    return number;
  }
  void grow() {
    constexpr std::size_t least = 16;
    table_.assign(table_.empty() ? least : 2 * table_.size(), nowhere);
    for (std::uint32_t number = oldest_; number != nowhere; number = entries_[number].newer) {
      table_[bucket_of(entries_[number].owner)] = number;
    }
  }

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> table_;  // of entries; a power of two of buckets
  std::uint32_t oldest_ = nowhere;
  std::uint32_t newest_ = nowhere;
  std::int64_t size_ = 0;
};

}  // namespace plimsoll
