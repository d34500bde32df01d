// Metrics room: a uniform sample of the requests that ended, for requests.csv.
#pragma once

#include <cstdint>
#include <vector>

#include "plimsoll/metrics.hpp"
#include "serving/events.hpp"

namespace plimsoll {

/// A uniform sample without replacement of fixed size: every request gets a random mark from
/// (seed, its id), and the `size` smallest marks stay. Unlike a reservoir drawn in the order of
/// the events, it does not depend on the order in which requests of one instant end.
class RequestSample {
 public:
  RequestSample(std::uint64_t seed, std::int64_t size);

  /// Offers a request that ended. O(1) when it is not taken; reserves no memory after the first
  /// `size` requests.
  void offer(const RequestRecord& record) {
    if (size_ != 0) {
      const std::uint64_t mark = mark_of(record.id);
      if (kept_.size() < size_ || mark < kept_.front().mark) {
        take(record, mark);
      }
    }
  }

  /// What was kept, sorted by id.
  std::vector<SampledRequest> sorted() const;

 private:
  struct Kept {
    std::uint64_t mark;
    SampledRequest request;
  };
  /// SplitMix64's finalizer over the stream's key and the id.
  std::uint64_t mark_of(RequestId id) const {
    std::uint64_t x = key_ + (id + 1) * 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }
  void take(const RequestRecord& record, std::uint64_t mark);

  std::uint64_t key_;
  std::size_t size_;
  std::vector<Kept> kept_;  // a heap, the largest mark first
};

}  // namespace plimsoll
