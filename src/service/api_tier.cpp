// The API tier's queue and servers.
#include "service/api_tier.hpp"

#include <algorithm>
#include <cmath>

namespace plimsoll {

ApiTier::ApiTier(std::uint64_t seed, const ApiTierConfig& config, Engine& engine,
                 ApiTierListener& listener)
    : engine_{engine},
      listener_{listener},
      cpu_stream_{seed, "api_tier_cpu"},
      cpu_{config.cpu},
      per_token_{config.per_token},
      instances_{config.instances},
      workers_{config.workers},
      room_{config.queue},
      drops_leavers_{config.drops_leavers},
      outages_{config.outages} {
  for (const OutageConfig& outage : outages_) {
    const SimTime begins = sim_start + outage.at;
    engine_.at(begins, EventPriority::fleet, [this] { note_outages(); });
    engine_.at(begins + outage.lasting, EventPriority::fleet, [this] { note_outages(); });
  }
}

std::int64_t ApiTier::servers() const {
  const auto up =
      static_cast<std::int64_t>(std::floor(static_cast<double>(instances_) * left_ + 1e-9));
  return up * workers_;
}

void ApiTier::note_time() {
  const SimTime now = engine_.now();
  const std::int64_t ns = (now - noted_).count();
  busy_ns_ += static_cast<WorkerNanoseconds>(busy_) * ns;
  // Servers that are to go work on until they are done.
  all_ns_ += static_cast<WorkerNanoseconds>(std::max(busy_, servers())) * ns;
  noted_ = now;
}

ApiTier::WorkerTime ApiTier::worker_time() const {
  const std::int64_t ns = (engine_.now() - noted_).count();
  WorkerTime time;
  time.busy = static_cast<double>(busy_ns_ + static_cast<WorkerNanoseconds>(busy_) * ns);
  time.all = static_cast<double>(all_ns_ +
                                 static_cast<WorkerNanoseconds>(std::max(busy_, servers())) * ns);
  return time;
}

ApiTier::Entry ApiTier::enter(std::uint32_t flight, std::uint64_t id, std::int32_t prompt_tokens) {
  ++entered_;
  const Visitor visitor{flight, prompt_tokens, id, engine_.now()};
  if (busy_ < servers()) {
    begin(visitor);
    return Entry::began;
  }
  if (waiting() >= room_) {
    return Entry::full;
  }
  waiting_.push_back(visitor);
  return Entry::waits;
}

void ApiTier::begin(const Visitor& visitor) {
  note_time();
  ++busy_;
  std::uint32_t number = 0;
  if (idle_jobs_.empty()) {
    number = static_cast<std::uint32_t>(jobs_.size());
    Job job;
    job.timer = engine_.make_timer(EventPriority::arrival, &ApiTier::on_job_done, this, number);
    jobs_.push_back(job);
  } else {
    number = idle_jobs_.back();
    idle_jobs_.pop_back();
  }
  Job& job = jobs_[number];
  job.visitor = visitor;
  job.began = engine_.now();
  const Duration work = cpu_.draw(cpu_stream_, visitor.id) + visitor.prompt_tokens * per_token_;
  engine_.arm(job.timer, job.began + work);
}

void ApiTier::begin_waiting() {
  while (busy_ < servers() && !waiting_.empty()) {
    const Visitor visitor = waiting_.front();
    waiting_.pop_front();
    if (!drops_leavers_ || listener_.still_there(visitor.flight, visitor.id)) {
      begin(visitor);
    }
  }
}

void ApiTier::on_job_done(void* tier, std::uint64_t job) {
  static_cast<ApiTier*>(tier)->end_job(static_cast<std::uint32_t>(job));
}

void ApiTier::end_job(std::uint32_t number) {
  const Job job = jobs_[number];
  note_time();
  --busy_;
  idle_jobs_.push_back(number);
  begin_waiting();
  listener_.on_api_done(job.visitor.flight, job.visitor.id, job.began - job.visitor.came,
                        engine_.now() - job.began);
}

void ApiTier::set_instances(int instances) {
  note_time();
  instances_ = instances;
  begin_waiting();
}

/// Each span takes its share of the instances that the others have left.
void ApiTier::note_outages() {
  note_time();
  double left = 1;
  for (const OutageConfig& outage : outages_) {
    const SimTime begins = sim_start + outage.at;
    if (engine_.now() >= begins && engine_.now() < begins + outage.lasting) {
      left *= 1 - outage.share;
    }
  }
  left_ = left;
  begin_waiting();
}

}  // namespace plimsoll
