// Looking up, putting in and evicting in an LRU order.
#include "service/lru_order.hpp"

#include <algorithm>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

#include "plimsoll/errors.hpp"

namespace plimsoll {

LruOrder::LruOrder(std::uint64_t seed, const std::string& stage, std::int64_t objects,
                   const CacheConfig& config)
    : size_stream_{seed, "object_size:" + stage},
      mean_size_{static_cast<double>(config.object_size->count())},
      sigma_{std::sqrt(std::log1p(config.object_size_cv * config.object_size_cv))},
      capacity_{config.capacity.count()},
      ring_{static_cast<std::uint32_t>(objects)},
      links_(static_cast<std::size_t>(objects) + 1, Link{out, out}) {
  PLIMSOLL_CHECK(objects < out, "ranks fit 32 bits");
  links_[ring_] = {ring_, ring_};
}

std::int64_t LruOrder::size_of(std::uint32_t rank) const {
  if (sigma_ == 0) {
    return static_cast<std::int64_t>(mean_size_);
  }
  Draws draws = size_stream_.of(rank);
  boost::random::normal_distribution<double> normal;
  const double z = normal(draws);
  const double size = mean_size_ * std::exp(sigma_ * z - sigma_ * sigma_ / 2);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(size + 0.5));
}

void LruOrder::insert_newest(std::uint32_t rank) {
  const std::uint32_t newest = links_[ring_].older;
  links_[rank] = {newest, ring_};
  links_[newest].newer = rank;
  links_[ring_].older = rank;
}

void LruOrder::unlink(std::uint32_t rank) {
  const Link link = links_[rank];
  links_[link.older].newer = link.newer;
  links_[link.newer].older = link.older;
  links_[rank] = {out, out};
}

void LruOrder::evict_to(std::int64_t bytes) {
  while (bytes_ > bytes) {
    const std::uint32_t oldest = links_[ring_].newer;
    bytes_ -= size_of(oldest);
    unlink(oldest);
  }
}

bool LruOrder::look_up(std::uint32_t rank) {
  if (links_[rank].older == out) {
    return false;
  }
  unlink(rank);
  insert_newest(rank);
  return true;
}

void LruOrder::put(std::uint32_t rank) {
  if (look_up(rank)) {
    return;
  }
  const std::int64_t size = size_of(rank);
  if (size <= capacity_) {
    evict_to(capacity_ - size);
    insert_newest(rank);
    bytes_ += size;
  }
}

void LruOrder::fill(double share) {
  const auto room = static_cast<std::int64_t>(share * static_cast<double>(capacity_));
  std::uint32_t count = 0;
  std::int64_t bytes = 0;
  while (count < ring_ && bytes + size_of(count) <= room) {
    bytes += size_of(count);
    ++count;
  }
  while (count > 0) {
    --count;
    put(count);
  }
}

void LruOrder::set_capacity(Bytes capacity) {
  capacity_ = capacity.count();
  evict_to(capacity_);
}

}  // namespace plimsoll
