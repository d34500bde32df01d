// The tiers of the request path that grow and shrink, each with its loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "operations/scalable_tier.hpp"
#include "operations/scaling_loop.hpp"
#include "plimsoll/metrics.hpp"
#include "service/request_path.hpp"

namespace plimsoll {

class ScaledTiers {
 public:
  /// Gets a row per evaluation; set before open().
  void set_writer(std::function<void(const ScalingRow&)> writer) { writer_ = std::move(writer); }

  /// The tiers of `path` with an autoscaler; all referred to outlive this. Throws ConfigError when
  /// a policy watches what its tier cannot show.
  void add(const Config& scenario, RequestPath& path, Engine& engine,
           const Registry<Autoscaler>& autoscalers);
  /// At t = 0.
  void open();
  /// Adds to RunResult::scaling.
  void summarize(RunResult& result) const;

 private:
  struct Entry {
    std::string name;
    const TierAutoscaleConfig* config = nullptr;
    std::unique_ptr<TierPort> port;
    std::unique_ptr<ScalableTier> target;
    std::unique_ptr<ScalingLoop> loop;
  };
  void add_tier(std::string name, const TierAutoscaleConfig& config, std::int64_t instances,
                std::unique_ptr<TierPort> port, Engine& engine,
                const Registry<Autoscaler>& autoscalers);

  std::vector<Entry> entries_;
  std::function<void(const ScalingRow&)> writer_;
  SimTime measured_from_ = sim_start;  // the end of the warm-up
};

}  // namespace plimsoll
