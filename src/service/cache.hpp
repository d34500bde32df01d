// A cache of objects that are asked for by Zipf's law: who is found in it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "service/lru_order.hpp"
#include "service/passage.hpp"
#include "service/popularity.hpp"

namespace plimsoll {

/// What a request asks for.
struct AskedObject {
  static constexpr std::uint32_t none = 0xffffffffU;
  std::uint32_t group = none;  // of Popularity; none: nothing that a cache holds
  std::uint32_t rank = 0;      // only known where some cache plays its order
};

/// An LRU cache in front of which requests for object i come at a rate in proportion to `flow` of
/// i's group.
///
/// che: i is found with probability 1 - exp(-flow_i T), T (in requests) such that the mean size of
/// what is held equals the capacity (Che, Tung, Wang, IEEE JSAC 20(7), 2002). That is the steady
/// state at a fixed popularity: there is no warm-up after a change of the capacity.
/// lru: the order itself is played. A miss puts the object in at once, as if its answer took no
/// time.
class Cache {
 public:
  Cache(std::uint64_t seed, const std::string& stage, const CacheConfig& config,
        const Popularity& popularity, std::vector<double> flow);

  /// A look-up at `t`: hit or not, and its latency. During an outage everything misses.
  StageResult look_up(std::uint64_t id, const AskedObject& object, SimTime t);

  /// Grows or shrinks the cache.
  void set_capacity(Bytes capacity);
  Bytes capacity() const { return capacity_; }
  /// Bytes held over the capacity.
  double utilization() const;

  /// che: the share of look-ups that hit in the steady state.
  double expected_hits() const;
  /// By group: the rate at which each object's misses leave.
  std::vector<double> miss_flow() const;
  bool plays_order() const { return order_ != nullptr; }
  /// Look-ups must come in order of time.
  bool in_order() const { return plays_order() || passage_.turnstile().limited(); }

 private:
  void solve();
  double bytes_held(double time) const;

  Passage passage_;
  RandomStream hit_stream_;
  const Popularity& popularity_;
  std::vector<double> flow_;  // by group, of each object
  std::vector<double> hit_;   // by group, che
  Bytes capacity_;
  double object_size_;
  std::unique_ptr<LruOrder> order_;
};

}  // namespace plimsoll
