// Shared KV blocks: pieces of streams, and the line of free blocks.
#include "serving/prefix_cache.hpp"

#include <algorithm>

#include "plimsoll/errors.hpp"

namespace plimsoll {

PrefixCache::PrefixCache(std::int64_t total_blocks) : index_(16, none) {
  add_free(total_blocks);
}

std::int64_t PrefixCache::resident(PrefixId stream) const {
  const Number number = find(stream);
  return number == none ? 0 : streams_[number].resident;
}

std::int64_t PrefixCache::unreferenced(PrefixId stream, std::int64_t blocks) const {
  const Number number = find(stream);
  return number == none ? 0 : std::max<std::int64_t>(0, blocks - streams_[number].referenced);
}

void PrefixCache::reference(PrefixId id, std::int64_t blocks) {
  if (blocks == 0) {
    return;
  }
  const Number number = find(id);
  PLIMSOLL_CHECK(number != none && blocks <= streams_[number].resident,
                 "only resident blocks are referenced");
  Stream& stream = streams_[number];
  stream.referenced = std::max(stream.referenced, blocks);
  for (Number p = piece_ending_at(stream, blocks); p != none; p = pieces_[p].before) {
    if (pieces_[p].references == 0) {
      leave_line(p);
    }
    ++pieces_[p].references;
    merge_with_after(p);
  }
}

void PrefixCache::extend(PrefixId id, std::int64_t blocks) {
  const Number number = find_or_add(id);
  Stream& stream = streams_[number];
  PLIMSOLL_CHECK(blocks > 0 && stream.referenced == stream.resident,
                 "a stream grows behind what its reader references");
  stream.resident += blocks;
  stream.referenced = stream.resident;
  if (stream.last != none && pieces_[stream.last].references == 1) {
    pieces_[stream.last].blocks += blocks;
    return;
  }
  const Number added = new_piece(blocks, number);
  pieces_[added].references = 1;
  insert_after(stream.last, added);
}

std::int64_t PrefixCache::release(PrefixId id, std::int64_t blocks) {
  if (blocks == 0) {
    return 0;
  }
  const Number number = find(id);
  PLIMSOLL_CHECK(number != none && blocks <= streams_[number].referenced,
                 "only referenced blocks are released");
  Stream& stream = streams_[number];
  std::int64_t freed = 0;
  for (Number p = piece_ending_at(stream, blocks); p != none; p = pieces_[p].before) {
    if (--pieces_[p].references == 0) {
      freed += pieces_[p].blocks;
      join_line(p);
    }
    merge_with_after(p);
  }
  stream.referenced -= freed;
  return freed;
}

void PrefixCache::unname(PrefixId id) {
  const Number number = find(id);
  if (number == none) {
    return;
  }
  PLIMSOLL_CHECK(streams_[number].referenced == 0, "a stream that is read keeps its name");
  for (Number p = streams_[number].last; p != none;) {
    const Number before = pieces_[p].before;
    pieces_[p].stream = none;
    pieces_[p].before = none;
    pieces_[p].after = none;
    const Number older = pieces_[p].older;
    const Number newer = pieces_[p].newer;
    merge_unnamed(older, merge_unnamed(p, newer) ? newer : p);
    p = before;
  }
  erase(number);
}

void PrefixCache::add_free(std::int64_t blocks) {
  if (blocks == 0) {
    return;
  }
  if (newest_ != none && pieces_[newest_].stream == none) {
    pieces_[newest_].blocks += blocks;
    in_line_ += blocks;
    return;
  }
  join_line(new_piece(blocks, none));
}

void PrefixCache::settle(std::int64_t free_blocks) {
  PLIMSOLL_CHECK(free_blocks <= in_line_, "every free block stands in the line");
  while (in_line_ > free_blocks) {
    const Number p = oldest_;
    Piece& piece = pieces_[p];
    const std::int64_t given = std::min(piece.blocks, in_line_ - free_blocks);
    if (piece.stream != none) {
      streams_[piece.stream].resident -= given;
      PLIMSOLL_CHECK(piece.after == none, "the tail of a stream is the first to go");
    }
    piece.blocks -= given;
    in_line_ -= given;
    if (piece.blocks == 0) {
      leave_line(p);
      const Number stream = piece.stream;
      remove_from_stream(p);
      if (stream != none && streams_[stream].first == none) {
        erase(stream);
      }
    }
  }
}

// ---- pieces ----

PrefixCache::Number PrefixCache::new_piece(std::int64_t blocks, Number stream) {
  Number number = static_cast<Number>(pieces_.size());
  if (free_pieces_.empty()) {
    pieces_.emplace_back();
  } else {
    number = free_pieces_.back();
    free_pieces_.pop_back();
    pieces_[number] = Piece{};
  }
  pieces_[number].blocks = blocks;
  pieces_[number].stream = stream;
  return number;
}

/// `piece` none: `added` becomes the first of its stream.
void PrefixCache::insert_after(Number piece, Number added) {
  Stream& stream = streams_[pieces_[added].stream];
  const Number after = piece == none ? stream.first : pieces_[piece].after;
  pieces_[added].before = piece;
  pieces_[added].after = after;
  (piece == none ? stream.first : pieces_[piece].after) = added;
  (after == none ? stream.last : pieces_[after].before) = added;
}

void PrefixCache::remove_from_stream(Number piece) {
  const Piece& gone = pieces_[piece];
  if (gone.stream != none) {
    Stream& stream = streams_[gone.stream];
    (gone.before == none ? stream.first : pieces_[gone.before].after) = gone.after;
    (gone.after == none ? stream.last : pieces_[gone.after].before) = gone.before;
  }
  free_pieces_.push_back(piece);
}

PrefixCache::Number PrefixCache::piece_ending_at(const Stream& stream, std::int64_t blocks) {
  Number p = stream.first;
  std::int64_t end = pieces_[p].blocks;
  while (end < blocks) {
    p = pieces_[p].after;
    end += pieces_[p].blocks;
  }
  if (end == blocks) {
    return p;
  }
  const Number tail = new_piece(end - blocks, pieces_[p].stream);
  pieces_[p].blocks -= end - blocks;
  pieces_[tail].references = pieces_[p].references;
  insert_after(p, tail);
  if (pieces_[p].references == 0) {
    // The tail is given away before the piece that it was cut from.
    const Number older = pieces_[p].older;
    pieces_[tail].older = older;
    pieces_[tail].newer = p;
    (older == none ? oldest_ : pieces_[older].newer) = tail;
    pieces_[p].older = tail;
  }
  return p;
}

void PrefixCache::merge_with_after(Number p) {
  const Number after = pieces_[p].after;
  if (after == none || pieces_[after].references != pieces_[p].references) {
    return;
  }
  if (pieces_[p].references == 0) {
    if (pieces_[p].older != after) {
      return;  // they were used at different times
    }
    const Number older = pieces_[after].older;
    pieces_[p].older = older;
    (older == none ? oldest_ : pieces_[older].newer) = p;
  }
  pieces_[p].blocks += pieces_[after].blocks;
  remove_from_stream(after);
}

// ---- the line ----

void PrefixCache::join_line(Number p) {
  pieces_[p].older = newest_;
  pieces_[p].newer = none;
  (newest_ == none ? oldest_ : pieces_[newest_].newer) = p;
  newest_ = p;
  in_line_ += pieces_[p].blocks;
}

void PrefixCache::leave_line(Number p) {
  const Number older = pieces_[p].older;
  const Number newer = pieces_[p].newer;
  (older == none ? oldest_ : pieces_[older].newer) = newer;
  (newer == none ? newest_ : pieces_[newer].older) = older;
  in_line_ -= pieces_[p].blocks;
  merge_unnamed(older, newer);
}

/// Two neighbours of the line become one (the newer remains) when neither has a name.
bool PrefixCache::merge_unnamed(Number older, Number newer) {
  if (older == none || newer == none || pieces_[older].stream != none ||
      pieces_[newer].stream != none) {
    return false;
  }
  const Number oldest = pieces_[older].older;
  pieces_[newer].older = oldest;
  (oldest == none ? oldest_ : pieces_[oldest].newer) = newer;
  pieces_[newer].blocks += pieces_[older].blocks;
  free_pieces_.push_back(older);
  return true;
}

// ---- streams by id ----

std::size_t PrefixCache::home_of(PrefixId id) const {
  std::uint64_t x = id * 0x9e3779b97f4a7c15ULL;
  x ^= x >> 32;
  return static_cast<std::size_t>(x) & (index_.size() - 1);
}

PrefixCache::Number PrefixCache::find(PrefixId id) const {
  for (std::size_t i = home_of(id); index_[i] != none; i = (i + 1) & (index_.size() - 1)) {
    if (streams_[index_[i]].id == id) {
      return index_[i];
    }
  }
  return none;
}

PrefixCache::Number PrefixCache::find_or_add(PrefixId id) {
  const Number found = find(id);
  if (found != none) {
    return found;
  }
  if (2 * (index_used_ + 1) > index_.size()) {
    grow_index();
  }
  Number number = static_cast<Number>(streams_.size());
  if (free_streams_.empty()) {
    streams_.emplace_back();
  } else {
    number = free_streams_.back();
    free_streams_.pop_back();
    streams_[number] = Stream{};
  }
  streams_[number].id = id;
  std::size_t i = home_of(id);
  while (index_[i] != none) {
    i = (i + 1) & (index_.size() - 1);
  }
  index_[i] = number;
  ++index_used_;
  return number;
}

/// Closes the gap, so that no search ends before what it looks for.
void PrefixCache::erase(Number stream) {
  const std::size_t mask = index_.size() - 1;
  std::size_t gap = home_of(streams_[stream].id);
  while (index_[gap] != stream) {
    gap = (gap + 1) & mask;
  }
  for (std::size_t i = (gap + 1) & mask; index_[i] != none; i = (i + 1) & mask) {
    const std::size_t home = home_of(streams_[index_[i]].id);
    if (((i - home) & mask) >= ((i - gap) & mask)) {
      index_[gap] = index_[i];
      gap = i;
    }
  }
  index_[gap] = none;
  --index_used_;
  free_streams_.push_back(stream);
}

void PrefixCache::grow_index() {
  std::vector<Number> before(2 * index_.size(), none);
  before.swap(index_);
  for (const Number number : before) {
    if (number != none) {
      std::size_t i = home_of(streams_[number].id);
      while (index_[i] != none) {
        i = (i + 1) & (index_.size() - 1);
      }
      index_[i] = number;
    }
  }
}

}  // namespace plimsoll
