// Instances of a tier of the request path that come after a delay and go at once.
#pragma once

#include <cstdint>
#include <deque>

#include "engine/engine.hpp"
#include "operations/scalable_target.hpp"
#include "plimsoll/autoscale_config.hpp"

namespace plimsoll {

/// What a tier shows an autoscaler, and how it is told how many of it serve.
class TierPort {
 public:
  virtual ~TierPort() = default;
  /// So many instances serve from now on. Who works when its instance goes is worked on to the end.
  virtual void set_instances(std::int64_t instances) = 0;
  /// As ScalableTarget::scrape.
  virtual std::optional<double> scrape(ScalingSignal signal, Duration interval) = 0;
};

/// An instance that is added serves after the provisioning delay; of those that are removed, the
/// youngest that do not serve yet go first, since they serve nobody.
class ScalableTier final : public ScalableTarget {
 public:
  /// Everything referred to outlives it; `instances` serve at t = 0.
  ScalableTier(Engine& engine, const TierAutoscaleConfig& config, std::int64_t instances,
               TierPort& port);

  InstanceCounts instances() const override { return {ready_, loading_, 0}; }
  std::int64_t minimum() const override { return config_.min_instances; }
  std::int64_t maximum() const override { return config_.max_instances; }
  double dollars_per_hour() const override { return 0; }
  std::optional<double> scrape(ScalingSignal signal, Duration interval) override;
  void scale_to(std::int64_t instances) override;

  /// Instance-nanoseconds, serving and on their way, from t = 0 to now().
  double instance_ns() const;

 private:
  struct Batch {
    std::uint64_t number = 0;
    std::int64_t instances = 0;
  };
  __extension__ using InstanceNanoseconds = __int128;
  void order(std::int64_t instances);
  void arrive(std::uint64_t batch);
  void note_time();

  Engine& engine_;
  const TierAutoscaleConfig& config_;
  TierPort& port_;
  std::int64_t ready_;
  std::int64_t loading_ = 0;
  std::deque<Batch> on_their_way_;  // oldest first
  std::uint64_t next_batch_ = 0;
  SimTime noted_{};
  InstanceNanoseconds instance_ns_ = 0;
};

}  // namespace plimsoll
