// What an autoscaling loop steers, whatever it is: replicas of a pool, servers of a tier, parts of
// a cache.
#pragma once

#include <cstdint>
#include <optional>

#include "plimsoll/policies/autoscaler.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Instances of one kind, at a moment.
struct InstanceCounts {
  std::int64_t ready = 0;
  std::int64_t loading = 0;
  std::int64_t draining = 0;

  std::int64_t current() const { return ready + loading; }
};

/// A target counts itself in instances: a cache that grows by half has an instance per unit of
/// memory, and the policy's expansion_factor does the rest.
class ScalableTarget {
 public:
  virtual ~ScalableTarget() = default;
  virtual InstanceCounts instances() const = 0;
  virtual std::int64_t minimum() const = 0;
  virtual std::int64_t maximum() const = 0;
  /// $/h of one instance; 0: no price.
  virtual double dollars_per_hour() const = 0;
  /// A scrape: the signal over the time since the scrape before, which was `interval` ago. Nothing
  /// when there is none, e.g. no instance is ready. May cost O(instances).
  virtual std::optional<double> scrape(ScalingSignal signal, Duration interval) = 0;
  /// From now on there should be so many, ready and loading together, within minimum .. maximum.
  /// Adds and removes as it can: who drains goes when it has nothing left.
  virtual void scale_to(std::int64_t instances) = 0;
};

}  // namespace plimsoll
