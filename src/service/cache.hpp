// A cache of objects that are asked for by Zipf's law: who is found in it.
#pragma once

#include <cstdint>
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

/// What autoscalers see and change of a cache.
class CacheMemory {
 public:
  virtual ~CacheMemory() = default;
  /// Grows or shrinks it. Room that is added is empty at first.
  virtual void set_capacity(Bytes capacity) = 0;
  /// Bytes held over the capacity.
  virtual double utilization() const = 0;
};

/// A cache in front of another one, whose misses come to that. It asks again for an object that it
/// asked for only after `quiet`: so long it holds the object, and longer if it is asked for it.
struct FrontCache {
  double weight = 0;  // its share of the misses times that of one of its locations
  double quiet = 0;   // Che's T of one location, in requests of all users
};

/// An LRU cache in front of which requests for object i come at a rate in proportion to `flow` of
/// i's group.
///
/// che: i is found with probability 1 - exp(-flow_i T), T (in requests) such that the mean size of
/// what is held equals the capacity (Che, Tung, Wang, IEEE JSAC 20(7), 2002). While it is not full
/// nothing is evicted: what is held was asked for and answered since it was empty, so that min(T,
/// n) stands for T, n being the hits and the answers stored since then. Room that is added lets n
/// go on from where it is; of less room T is smaller at once. That answers take their time, and may
/// never be made, changes nothing of a full one.
///
/// Behind other caches: a miss of a front comes at least `quiet` after that location's miss before.
/// So an object is found with probability 1 - exp(-m (T - sum of weight min(T, quiet))), m being
/// the misses that come for it: 1 - exp(-m (T - T1)) behind one front, and 1 - exp(-m ((1 - 1/n) T
/// + max(0, T - n T1) / n)) behind n alike locations (Melazzi, Bianchi, Caponi, Detti, "A general,
/// tractable and accurate model for a cascade of LRU caches", IEEE Communications Letters 18(5),
/// 2014; of unlike fronts the mean is taken in the exponent). T is solved as if misses were
/// independent, which they are to a cache that holds an object for long.
///
/// lru: the order itself is played. A miss puts nothing in: its answer does, when there is one.
///
/// It may stand in several locations alike: each has the capacity and an equal share of the
/// look-ups, and holds what it was asked for itself.
class Cache final : public CacheMemory {
 public:
  Cache(std::uint64_t seed, const std::string& stage, const CacheConfig& config,
        const Popularity& popularity, std::vector<double> flow, int locations = 1,
        std::vector<FrontCache> fronts = {});

  /// A look-up at `t`: hit or not, and its latency. During an outage everything misses.
  StageResult look_up(std::uint64_t id, const AskedObject& object, SimTime t);
  /// The attempt `id`, whose look-up missed, has its answer, which is held from `t` on; during an
  /// outage nothing is put in.
  void store(std::uint64_t id, const AskedObject& object, SimTime t);

  void set_capacity(Bytes capacity) override;
  Bytes capacity() const { return capacity_; }  // of one location
  double utilization() const override;

  /// che: the share of look-ups that hit once it is full.
  double expected_hits() const;
  /// By group: the rate at which each object's misses leave once it is full.
  std::vector<double> miss_flow() const;
  /// As the cache behind sees it, where `share` of all requests come here.
  FrontCache as_front(double share) const {
    const double own = share / locations_;
    return {share * own, time_full_ / own};
  }
  bool plays_order() const { return !orders_.empty(); }
  const Turnstile& turnstile() const { return passage_.turnstile(); }
  /// Look-ups must come in order of time.
  bool in_order() const { return plays_order() || passage_.turnstile().limited(); }

 private:
  void solve();
  double bytes_held(double time) const;
  double time_that_holds(double bytes) const;
  double beyond_quiet(double time) const;
  bool fills() const { return time_held_ < time_full_; }
  LruOrder& order_of(std::uint64_t id);

  Passage passage_;
  RandomStream hit_stream_;
  const Popularity& popularity_;
  std::vector<double> flow_;  // by group, of each object
  std::vector<double> hit_;   // by group, che
  std::vector<FrontCache> fronts_;
  int locations_;
  Bytes capacity_;
  double object_size_;
  double time_full_ = 0;   // T
  double time_held_ = 0;   // requests since which it holds what was answered; at most T counts
  double time_a_look_up_;  // requests at one location, those of other locations among them
  RandomStream location_stream_;
  std::vector<LruOrder> orders_;  // by location; empty: che
};

}  // namespace plimsoll
