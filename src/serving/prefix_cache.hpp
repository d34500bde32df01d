// KV blocks that stay after their sequence: which beginnings of prompts a replica still has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "plimsoll/ids.hpp"

namespace plimsoll {

/// The blocks of a replica's KV memory that bear a name, and the line in which blocks that nobody
/// references are given away: least recently used first.
///
/// A name is (stream, position): a stream is a sequence of tokens that prompts begin with, its
/// blocks are resident from position 0 on without a gap. Whoever references a block references
/// those before it, and they are released last to first, so the tail of a stream is always the
/// first to go. A stream is kept as few pieces, each a run of blocks with equal references, so
/// that memory is O(streams resident) and an operation O(pieces of the stream), mostly one.
/// Blocks without a name stand in the same line: neighbours there are one piece.
///
/// Free blocks of the replica are those in the line. The replica takes free blocks without telling;
/// settle() follows.
class PrefixCache {
 public:
  /// All `total_blocks` are free and without a name.
  explicit PrefixCache(std::int64_t total_blocks);

  /// Blocks of `stream` that can be hit, referenced or not.
  std::int64_t resident(PrefixId stream) const;
  /// Of the first `blocks` (resident) ones of it, those that nobody references.
  std::int64_t unreferenced(PrefixId stream, std::int64_t blocks) const;

  /// One sequence more uses the first `blocks` >= 0 of it, which are resident.
  void reference(PrefixId stream, std::int64_t blocks);
  /// The sequence that references all that is resident of it has computed `blocks` > 0 more in
  /// blocks of its own: they get the stream's next names, and it references them.
  void extend(PrefixId stream, std::int64_t blocks);
  /// A sequence that uses the first `blocks` >= 0 of it leaves. Returns those that became free:
  /// they join the end of the line, last position first.
  std::int64_t release(PrefixId stream, std::int64_t blocks);
  /// Nobody will ask for `stream` again, nor references it: its blocks stay where they are in the
  /// line, without a name.
  void unname(PrefixId stream);
  /// `blocks` >= 0 without a name became free and join the end of the line.
  void add_free(std::int64_t blocks);

  /// Of the blocks in the line only `free_blocks` are left: those at its head have been given away
  /// and lost their names. What was freed meanwhile may have joined already.
  void settle(std::int64_t free_blocks);

  /// Streams with resident blocks.
  std::size_t streams() const { return index_used_; }

 private:
  using Number = std::uint32_t;
  static constexpr Number none = 0xffffffffU;

  /// Consecutive blocks of a stream, or blocks without a name. In the line when references == 0.
  struct Piece {
    Number stream = none;
    std::int32_t references = 0;
    std::int64_t blocks = 0;
    Number before = none;  // towards the stream's head
    Number after = none;
    Number older = none;  // in the line
    Number newer = none;
  };
  struct Stream {
    PrefixId id = no_prefix;
    std::int64_t resident = 0;
    std::int64_t referenced = 0;  // the first so many are
    Number first = none;
    Number last = none;
  };

  Number new_piece(std::int64_t blocks, Number stream);
  void insert_after(Number piece, Number added);
  void remove_from_stream(Number piece);
  /// The piece that ends at position `blocks`, splitting one that reaches further.
  Number piece_ending_at(const Stream& stream, std::int64_t blocks);
  /// Makes one of `piece` and the one after it in its stream, when nothing tells them apart.
  void merge_with_after(Number piece);
  void join_line(Number piece);
  void leave_line(Number piece);
  bool merge_unnamed(Number older, Number newer);

  Number find(PrefixId id) const;
  Number find_or_add(PrefixId id);
  void erase(Number stream);
  std::size_t home_of(PrefixId id) const;
  void grow_index();

  std::vector<Piece> pieces_;
  std::vector<Number> free_pieces_;
  std::vector<Stream> streams_;
  std::vector<Number> free_streams_;
  std::vector<Number> index_;  // open addressing by id, size a power of two
  std::size_t index_used_ = 0;
  Number oldest_ = none;
  Number newest_ = none;
  std::int64_t in_line_ = 0;
};

}  // namespace plimsoll
