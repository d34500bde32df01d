// The order of an LRU cache, played object by object.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plimsoll/path_config.hpp"
#include "plimsoll/rng.hpp"

namespace plimsoll {

/// A ring of the objects held, linked through an array over all objects: 8 bytes an object, O(1) a
/// call. An object's size is a draw keyed by its rank, so it is not kept. What is larger than the
/// whole cache is not put in.
class LruOrder {
 public:
  LruOrder(std::uint64_t seed, const std::string& stage, std::int64_t objects,
           const CacheConfig& config);

  /// True when `rank` is held. Then it becomes the newest.
  bool look_up(std::uint32_t rank);
  /// `rank` is the newest from now on, whether it was held or not.
  void put(std::uint32_t rank);
  void set_capacity(Bytes capacity);
  /// Puts the lowest ranks into the empty order, rank 0 the newest, up to `share` of the capacity.
  void fill(double share);
  std::int64_t bytes() const { return bytes_; }

 private:
  struct Link {
    std::uint32_t older;
    std::uint32_t newer;
  };
  static constexpr std::uint32_t out = 0xffffffffU;

  std::int64_t size_of(std::uint32_t rank) const;
  void insert_newest(std::uint32_t rank);
  void unlink(std::uint32_t rank);
  void evict_to(std::int64_t bytes);

  RandomStream size_stream_;
  double mean_size_;
  double sigma_;  // of the logarithm of the sizes
  std::int64_t capacity_;
  std::int64_t bytes_ = 0;
  std::uint32_t ring_;       // the place beyond the last object: between newest and oldest
  std::vector<Link> links_;  // by rank
};

}  // namespace plimsoll
