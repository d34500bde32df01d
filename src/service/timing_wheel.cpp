// Buckets of wake-ups and their opening.
#include "service/timing_wheel.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll {

TimingWheel::TimingWheel(Engine& engine, const WakeUpOwner& owner)
    : engine_{engine},
      owner_{owner},
      timer_{engine.make_timer(EventPriority::fleet, &TimingWheel::on_span, this, 0)},
      ring_(static_cast<std::size_t>(buckets), nowhere) {
}

void TimingWheel::wake(SimTime at, TimerId timer, std::uint32_t place, std::uint32_t stamp) {
  const std::int64_t now_span = span_of(engine_.now());
  if (span_of(at) <= now_span) {
    engine_.arm(timer, at);
    return;
  }
  if (entries_ == 0) {
    next_span_ = now_span + 1;
    engine_.arm(timer_, SimTime{Duration{next_span_ * span_ns}});
  }
  ++entries_;
  put({at, timer, place, stamp, 0}, now_span);
}

/// What is seldom wanted in the end does not wait until then: it is looked at again and again, each
/// time after twice as long, and dropped once it is not wanted.
void TimingWheel::put(Entry entry, std::int64_t now_span) {
  std::int64_t span = span_of(entry.at);
  if (entry.stamp != 0) {
    span = std::min(span, now_span + (first_look << entry.looks));
    entry.looks = std::min(entry.looks + 1, most_looks);
  }
  // The bucket of a whole turn later is the one that is being opened.
  push(span - next_span_ >= buckets - 1 ? far_ : ring_[static_cast<std::size_t>(span % buckets)],
       entry);
}

void TimingWheel::push(std::uint32_t& bucket, const Entry& entry) {
  if (bucket == nowhere || blocks_[bucket].count == blocks_[bucket].entries.size()) {
    std::uint32_t block = free_;
    if (block == nowhere) {
      block = static_cast<std::uint32_t>(blocks_.size());
      blocks_.emplace_back();
    } else {
      free_ = blocks_[block].next;
    }
    blocks_[block].next = bucket;
    blocks_[block].count = 0;
    bucket = block;
  }
  Block& block = blocks_[bucket];
  block.entries[block.count++] = entry;
}

/// Takes a bucket's first block; its place is free.
TimingWheel::Block TimingWheel::take_block(std::uint32_t& bucket) {
  const std::uint32_t taken = bucket;
  bucket = blocks_[taken].next;
  blocks_[taken].next = free_;
  free_ = taken;
  return blocks_[taken];
}

void TimingWheel::on_span(void* wheel, std::uint64_t) {
  static_cast<TimingWheel*>(wheel)->open_next();
}

void TimingWheel::open_next() {
  const std::int64_t span = next_span_++;
  // Twice a turn: nothing in `far_` is due before half a turn has passed.
  if (span % (buckets / 2) == 0) {
    std::uint32_t again = std::exchange(far_, nowhere);
    while (again != nowhere) {
      const Block block = take_block(again);
      for (std::size_t e = 0; e < block.count; ++e) {
        put(block.entries[e], span);
      }
    }
  }
  std::uint32_t& bucket = ring_[static_cast<std::size_t>(span % buckets)];
  while (bucket != nowhere) {
    open(take_block(bucket), span);
  }
  if (entries_ > 0) {
    engine_.arm(timer_, SimTime{Duration{next_span_ * span_ns}});
  }
}

void TimingWheel::open(const Block& block, std::int64_t span) {
  for (std::size_t e = 0; e < block.count; ++e) {
    engine_.fetch(block.entries[e].timer);
  }
  for (std::size_t e = 0; e < block.count; ++e) {
    const Entry& entry = block.entries[e];
    const bool wanted = entry.stamp == 0 || owner_.wants(entry.place, entry.stamp);
    if (wanted && span_of(entry.at) > span) {
      put(entry, span);
      continue;
    }
    --entries_;
    if (wanted) {
      engine_.arm(entry.timer, entry.at);
    }
  }
}

}  // namespace plimsoll
