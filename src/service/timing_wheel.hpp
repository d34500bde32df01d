// Wake-ups that lie in the future: kept out of the event heap until they are near.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/engine.hpp"

namespace plimsoll {

/// Says whether a wake-up that can be taken back is still wanted.
class WakeUpOwner {
 public:
  virtual ~WakeUpOwner() = default;
  virtual bool wants(std::uint32_t place, std::uint32_t stamp) const = 0;
};

/// Hundreds of thousands of sleepers in one heap cost a cache miss or two on each of its levels. So
/// a wake-up waits in a bucket of the span in which it lies (Varghese and Lauck, SOSP '87), and its
/// timer is armed when that span begins. The heap plays the same events in the same order with
/// or without it, since a bucket is opened before anything of its span, and a timer's place
/// among equal times does not depend on when it was armed.
class TimingWheel {
 public:
  TimingWheel(Engine& engine, const WakeUpOwner& owner);

  /// Arms `timer` for `at` >= now(). With a `stamp` above 0 the owner is asked about `place` when
  /// the bucket is opened; where `at` lies so near that the timer is armed at once, whoever takes
  /// the wake-up back disarms it.
  void wake(SimTime at, TimerId timer, std::uint32_t place = 0, std::uint32_t stamp = 0);
  /// Wake-ups that wait in buckets. One that was taken back leaves when it is looked at: after a
  /// second at first, later after as long again as it has waited, but half a minute at most.
  std::int64_t waiting() const { return entries_; }

 private:
  struct Entry {
    SimTime at{};
    TimerId timer = 0;
    std::uint32_t place = 0;
    std::uint32_t stamp = 0;
    std::int32_t looks = 0;  // so far, of one that can be taken back
  };
  /// Half a kibibyte: a bucket is a list of them, and they go from one bucket to the next.
  struct alignas(64) Block {
    std::array<Entry, 20> entries;
    std::uint32_t next = nowhere;
    std::uint32_t count = 0;
  };
  static constexpr std::uint32_t nowhere = 0xffffffffU;
  static constexpr std::int64_t span_ns = std::int64_t{1} << 24;  // 17 ms
  static constexpr std::int64_t buckets = 4096;                   // one turn is 69 s
  static constexpr std::int64_t first_look = 64;                  // spans: 1.1 s
  static constexpr std::int32_t most_looks = 5;                   // then after 34 s each

  static std::int64_t span_of(SimTime t) { return t.time_since_epoch().count() / span_ns; }
  static void on_span(void* wheel, std::uint64_t);
  void open_next();
  void put(Entry entry, std::int64_t now_span);
  void push(std::uint32_t& bucket, const Entry& entry);
  Block take_block(std::uint32_t& bucket);
  void open(const Block& block, std::int64_t span);

  Engine& engine_;
  const WakeUpOwner& owner_;
  TimerId timer_;
  std::vector<std::uint32_t> ring_;  // first blocks, by span modulo buckets
  std::uint32_t far_ = nowhere;      // beyond a turn from when they were put in
  std::vector<Block> blocks_;        // as many as were ever in use at once
  std::uint32_t free_ = nowhere;
  std::int64_t entries_ = 0;
  std::int64_t next_span_ = 0;  // the next one to be opened, when there are entries
};

}  // namespace plimsoll
