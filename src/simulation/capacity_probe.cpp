// A replica that is kept full to see what it completes.
#include "simulation/capacity_probe.hpp"

#include <algorithm>

namespace plimsoll {
namespace {

/// Completions that are counted. Lengths of cv 1 to 2 leave 1 % of error.
constexpr std::int64_t counted = 20'000;

/// Draws of the probe lie far from those of the run.
constexpr RequestId first_id = RequestId{1} << 62;

/// Ties of events of one nanosecond: behind the fleet's replicas.
constexpr ReplicaIndex first_index = 0x7f000000;

}  // namespace

CapacityProbe::CapacityProbe(const Config& config, PoolIndex pool, const ReplicaShape& shape,
                             Engine& engine, double estimate)
    : engine_{engine},
      maker_{config.workload, config.seed},
      refill_timer_{engine.make_timer(EventPriority::dispatch, &CapacityProbe::on_refill, this, 0)},
      model_{config.pools[pool].model},
      max_context_{config.pools[pool].max_context},
      kept_{service_of(config, model_).max_outstanding > 0
                ? service_of(config, model_).max_outstanding
                : 2 * std::int64_t{shape.max_num_seqs}},
      estimate_{estimate},
      config_{config},
      next_{first_id} {
  if (shape.prefix_cache) {
    requests_.keep_prefixes();
  }
  replica_ = make_replica(first_index + pool, shape, engine, requests_, *this, *this);
}

void CapacityProbe::start() {
  replica_->become_ready();
  engine_.arm(refill_timer_, engine_.now());
}

double CapacityProbe::rate() const {
  const std::int64_t seen = std::min(completed_ - kept_, counted);
  return seen > kept_ && last_ > since_ ? static_cast<double>(seen) / to_seconds(last_ - since_)
                                        : estimate_;
}

void CapacityProbe::on_completed(RequestSlot slot, SimTime now) {
  requests_.release(slot);
  --held_;
  ++completed_;
  if (completed_ == kept_) {
    since_ = now;  // the first batch began all at once and is none that lasts
  }
  if (completed_ <= kept_ + counted) {
    last_ = now;
    engine_.arm(refill_timer_, now);
  }
}

void CapacityProbe::on_refill(void* probe, std::uint64_t) {
  static_cast<CapacityProbe*>(probe)->refill();
}

void CapacityProbe::refill() {
  while (held_ < kept_ && completed_ <= kept_ + counted) {
    send();
  }
}

void CapacityProbe::send() {
  Arrival arrival;
  do {
    maker_.fill(next_++, arrival);
  } while (config_.workload.classes[arrival.request_class].model != model_ ||
           std::int64_t{arrival.prompt_tokens} + arrival.output_tokens > max_context_);
  const RequestSlot slot = requests_.admit(next_, arrival, engine_.now());
  Request& request = requests_[slot];
  request.replica = replica_->index();
  request.rank = static_cast<QueueRank>(next_ - first_id);
  ++held_;
  replica_->enqueue(slot, Phase::after_steps);
}

}  // namespace plimsoll
