// Instances of a tier: orders, arrivals, removals.
#include "operations/scalable_tier.hpp"

#include <algorithm>

#include "plimsoll/errors.hpp"

namespace plimsoll {

ScalableTier::ScalableTier(Engine& engine, const TierAutoscaleConfig& config,
                           std::int64_t instances, TierPort& port)
    : engine_{engine}, config_{config}, port_{port}, ready_{instances}, noted_{engine.now()} {
  PLIMSOLL_CHECK(instances >= config.min_instances && instances <= config.max_instances,
                 "a tier begins within its bounds");
}

std::optional<double> ScalableTier::scrape(ScalingSignal signal, Duration interval) {
  return port_.scrape(signal, interval);
}

void ScalableTier::note_time() {
  const SimTime now = engine_.now();
  instance_ns_ += static_cast<InstanceNanoseconds>(ready_ + loading_) * (now - noted_).count();
  noted_ = now;
}

double ScalableTier::instance_ns() const {
  const std::int64_t since = (engine_.now() - noted_).count();
  return static_cast<double>(instance_ns_ +
                             static_cast<InstanceNanoseconds>(ready_ + loading_) * since);
}

void ScalableTier::order(std::int64_t instances) {
  const std::uint64_t number = next_batch_++;
  on_their_way_.push_back({number, instances});
  loading_ += instances;
  engine_.at(engine_.now() + config_.provisioning_delay, EventPriority::fleet,
             [this, number] { arrive(number); });
}

/// The batch may have been called off, in part or as a whole. All take equally long, so those
/// before it have arrived.
void ScalableTier::arrive(std::uint64_t batch) {
  if (on_their_way_.empty() || on_their_way_.front().number != batch) {
    return;
  }
  note_time();
  const std::int64_t instances = on_their_way_.front().instances;
  on_their_way_.pop_front();
  loading_ -= instances;
  ready_ += instances;
  port_.set_instances(ready_);
}

void ScalableTier::scale_to(std::int64_t instances) {
  note_time();
  const std::int64_t wanted = std::clamp(instances, minimum(), maximum());
  std::int64_t surplus = ready_ + loading_ - wanted;
  if (surplus < 0) {
    order(-surplus);
    return;
  }
  while (surplus > 0 && !on_their_way_.empty()) {
    Batch& youngest = on_their_way_.back();
    const std::int64_t called_off = std::min(surplus, youngest.instances);
    youngest.instances -= called_off;
    loading_ -= called_off;
    surplus -= called_off;
    if (youngest.instances == 0) {
      on_their_way_.pop_back();
    }
  }
  if (surplus > 0) {
    ready_ -= surplus;
    port_.set_instances(ready_);
  }
}

}  // namespace plimsoll
