// The broker's turns, queue and failovers.
#include "service/broker.hpp"

#include <algorithm>
#include <cmath>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

/// Those that hit partition `number` of `partitions`, in order; what overlaps is one.
std::vector<OutageConfig> failovers_of(std::vector<OutageConfig> spans, int number,
                                       int partitions) {
  std::sort(spans.begin(), spans.end(),
            [](const OutageConfig& a, const OutageConfig& b) { return a.at < b.at; });
  std::vector<OutageConfig> merged;
  for (const OutageConfig& span : spans) {
    if (number >= std::lround(span.share * partitions)) {
      continue;
    }
    if (merged.empty() || span.at > merged.back().at + merged.back().lasting) {
      merged.push_back(span);
    } else {
      const Duration end =
          std::max(merged.back().at + merged.back().lasting, span.at + span.lasting);
      merged.back().lasting = end - merged.back().at;
    }
  }
  return merged;
}

}  // namespace

/// Time without failovers that has passed by `t`.
SimTime BrokerPartition::working_time(SimTime t) const {
  Duration lost{};
  for (const OutageConfig& failover : failovers_) {
    const SimTime begins = sim_start + failover.at;
    if (t <= begins) {
      break;
    }
    lost += std::min(failover.lasting, t - begins);
  }
  return t - lost;
}

/// When so much has passed and the partition works.
SimTime BrokerPartition::clock_time(SimTime working) const {
  SimTime t = working;
  for (const OutageConfig& failover : failovers_) {
    if (t < sim_start + failover.at) {
      break;
    }
    t += failover.lasting;
  }
  return t;
}

void BrokerPartition::lose_backlogs(SimTime t) {
  while (begun_ < failovers_.size() && t >= begin_of(begun_)) {
    if (fate_ == BacklogFate::lose) {
      turnstile_.drop_waiting(working_time(begin_of(begun_)));
    }
    ++begun_;
  }
}

bool BrokerPartition::fails_over_at(SimTime t) const {
  return std::any_of(failovers_.begin(), failovers_.end(), [t](const OutageConfig& failover) {
    const SimTime begins = sim_start + failover.at;
    return t >= begins && t < begins + failover.lasting;
  });
}

StageResult BrokerPartition::take(SimTime t) {
  lose_backlogs(t);
  const SimTime working = working_time(t);
  if (turnstile_.waiting_at(working) > depth_) {
    return ends_as(Outcome::queue_full);
  }
  const SimTime turn = clock_time(working + turnstile_.take(working));
  StageResult result = passes_after(turn - t, {});
  const bool meets_failover = begun_ < failovers_.size() && turn >= begin_of(begun_);
  if (meets_failover && fate_ == BacklogFate::lose) {
    result = passes_after(begin_of(begun_) - t, {});
    result.outcome = Outcome::failed;
  }
  return result;
}

Broker::Broker(std::uint64_t seed, const BrokerConfig& config)
    : passage_{seed, "broker", config.latency, config.capacity, config.outages},
      during_outage_{config.during_outage},
      partition_stream_{seed, "broker_partition"} {
  if (!config.queue) {
    return;
  }
  const int partitions = config.queue->partitions;
  for (int number = 0; number < partitions; ++number) {
    partitions_.emplace_back(Frequency::of(config.capacity->count() / partitions),
                             static_cast<double>(config.queue->depth) / partitions,
                             config.queue->at_failover,
                             failovers_of(config.outages, number, partitions));
  }
}

StageResult Broker::hand_on(std::uint64_t id, SimTime t) {
  if (!partitions_.empty()) {
    return queue_up(id, t);
  }
  const SimTime works_again = passage_.outages().end_for(id, t);
  if (works_again == t) {
    return passage_.pass(id, t);
  }
  if (during_outage_ == DuringOutage::fail) {
    return ends_as(Outcome::failed);
  }
  PLIMSOLL_CHECK(!limited(), "who waits for a turn is held until the broker works again");
  StageResult result = passage_.pass(id, works_again);
  result.wait += works_again - t;
  result.ahead += works_again - t;
  return result;
}

StageResult Broker::queue_up(std::uint64_t id, SimTime t) {
  std::size_t number = 0;
  if (partitions_.size() > 1) {
    Draws draws = partition_stream_.of(id);
    number = draws.below(static_cast<std::uint32_t>(partitions_.size()));
  }
  BrokerPartition& partition = partitions_[number];
  if (during_outage_ == DuringOutage::fail && partition.fails_over_at(t)) {
    return ends_as(Outcome::failed);
  }
  StageResult result = partition.take(t);
  if (result.passes()) {
    const Duration latency = passage_.latency_of(id);
    result.latency = latency;
    result.ahead += latency;
  }
  return result;
}

CapacityUse Broker::use(SimTime t) const {
  if (partitions_.empty()) {
    return passage_.turnstile().use(t);
  }
  CapacityUse use;
  for (const BrokerPartition& partition : partitions_) {
    use.used += partition.used_ns(t);
    use.all += static_cast<double>(t.time_since_epoch().count());
  }
  return use;
}

}  // namespace plimsoll
