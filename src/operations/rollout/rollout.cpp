// A rollout as events: batch after batch, until the last or until the gate fires.
#include "operations/rollout/rollout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

/// What gave no first token was not slow, but failed or left.
bool is_slow(const RequestRecord& record, const HealthGateConfig& gate) {
  if (record.first_token == never) {
    return false;
  }
  if (gate.ttft && record.first_token - record.arrived > *gate.ttft) {
    return true;
  }
  const std::int64_t gaps = record.emitted_tokens - 1;
  return gate.tpot && gaps > 0 && record.finished - record.first_token > *gate.tpot * gaps;
}

double seconds_or_none(SimTime t) {
  return t == never ? -1.0 : static_cast<double>(t.time_since_epoch().count()) / 1e9;
}

}  // namespace

std::unique_ptr<RolloutStrategy> make_strategy(const RolloutConfig& rollout) {
  switch (rollout.strategy) {
    case RolloutKind::rolling:
      return make_rolling(rollout);
    case RolloutKind::blue_green:
      return make_blue_green(rollout);
    case RolloutKind::canary:
      return make_canary(rollout);
    case RolloutKind::all_at_once:
      return make_all_at_once(rollout);
  }
  throw InternalError{"a rollout without a strategy"};
}

Rollout::Rollout(const RolloutConfig& config, const std::string& pool_name, RolloutTarget& pool,
                 Engine& engine, Bytes weights, DrawnVersion version, Observer observer)
    : config_{config},
      pool_name_{pool_name},
      pool_{pool},
      engine_{engine},
      version_{version},
      observer_{std::move(observer)},
      strategy_{make_strategy(config)} {
  if (config.gate) {
    gate_.emplace(*config.gate);
  }
  if (config.checkpoint) {
    checkpoint_.emplace(*config.checkpoint, sim_start + config.at, weights);
  }
}

void Rollout::tell(std::string what) const {
  observer_({engine_.now(), "rollout", config_.name, std::move(what)});
}

void Rollout::begin(std::function<void()> ended) {
  ended_ = std::move(ended);
  if (config_.validation > Duration::zero()) {
    tell(fmt::format("validation of version {} begins", config_.version));
  }
  SimTime start_at = engine_.now() + config_.validation;
  if (version_.rejected) {
    engine_.at(start_at, EventPriority::fleet, [this] {
      tell(fmt::format("validation rejects version {}", config_.version));
      finish(Phase::rejected);
    });
    return;
  }
  if (checkpoint_) {
    start_at = std::max(start_at, checkpoint_->published());
    engine_.at(std::max(engine_.now(), checkpoint_->ended()), EventPriority::fleet, [this] {
      tell(fmt::format("the last shard of version {} is written", config_.version));
    });
  }
  engine_.at(start_at, EventPriority::fleet, [this] { start(); });
}

void Rollout::start() {
  phase_ = Phase::under_way;
  began_ = engine_.now();
  LoadedVersion version;
  version.load = config_.load;
  if (version.load) {
    version.load = *version.load / config_.loaders;
  }
  version.loaders = config_.loaders;
  version.checkpoint = checkpoint_;
  version.corrupt = version_.corrupt;
  version.shape = version_.shape;
  for (std::size_t slot = 0; slot < pool_.size(); ++slot) {
    if (pool_.goal(slot).use == SlotUse::serving) {
      slots_.serving.push_back(slot);
    } else if (pool_.spare(slot)) {
      slots_.spare.push_back(slot);
    }
  }
  old_version_ = pool_.versions().standing();
  new_version_ = pool_.versions().add(version);
  pool_.add_with(old_version_, new_version_);
  tell(fmt::format("{} of version {} to {} begins", rollout_kind_name(config_.strategy),
                   config_.version, pool_name_));
  if (gate_) {
    engine_.at(engine_.now() + config_.gate->interval, EventPriority::window, [this] { look(); });
  }
  begin_batches(strategy_->forward(slots_));
}

void Rollout::begin_batches(std::vector<RolloutBatch> batches) {
  ++plan_;
  batches_ = std::move(batches);
  next_batch_ = 0;
  baking_ = false;
  held_.reset();
  begin_batch();
}

/// The next batch, or the end when there is none.
void Rollout::begin_batch() {
  if (next_batch_ == batches_.size()) {
    finish(phase_ == Phase::rolling_back ? Phase::rolled_back : Phase::completed);
    return;
  }
  RolloutBatch& batch = batches_[next_batch_++];
  baking_ = false;
  if (phase_ == Phase::under_way && batch.for_added && !for_added_) {
    for_added_ = true;
    for (const std::size_t slot : added(old_version_)) {
      batch.changes.push_back({slot, true, SlotUse::serving});
      slots_.serving.push_back(slot);
    }
    pool_.add_with(new_version_, std::nullopt);
  }
  for (const SlotChange& change : batch.changes) {
    if (phase_ == Phase::under_way) {
      made_.push_back(change);
    }
    pool_.set_goal(change.slot, {change.to_new ? new_version_ : old_version_, change.use});
  }
  if (config_.progress_deadline) {
    await_gpus(engine_.now() + *config_.progress_deadline);
  }
  advance();
}

/// Slots that are in use and have, or will have, this version, of which no batch knows.
std::vector<std::size_t> Rollout::added(WeightsVersion version) const {
  std::vector<std::size_t> added;
  const auto knows = [](const std::vector<SlotChange>& changes, std::size_t slot) {
    return std::any_of(changes.begin(), changes.end(),
                       [slot](const SlotChange& change) { return change.slot == slot; });
  };
  for (std::size_t slot = 0; slot < pool_.size(); ++slot) {
    const bool planned = knows(made_, slot) || std::any_of(batches_.begin(), batches_.end(),
                                                           [&](const RolloutBatch& batch) {
                                                             return knows(batch.changes, slot);
                                                           });
    if (!planned && pool_.goal(slot) == SlotGoal{version, SlotUse::serving}) {
      added.push_back(slot);
    }
  }
  return added;
}

void Rollout::await_gpus(SimTime at) {
  engine_.at(at, EventPriority::fleet, [this, plan = plan_, batch = next_batch_] {
    if (plan == plan_ && batch == next_batch_ && !baking_ && phase_ == Phase::under_way) {
      check_gpus();
    }
  });
}

/// Since when replicas of the batch have waited for shared GPUs.
std::vector<SimTime> Rollout::waits() const {
  std::vector<SimTime> waits;
  if (phase_ != Phase::under_way && phase_ != Phase::rolling_back) {
    return waits;
  }
  for (const SlotChange& change : batches_[next_batch_ - 1].changes) {
    const std::optional<SimTime> since = pool_.waits_since(change.slot);
    if (since) {
      waits.push_back(*since);
    }
  }
  return waits;
}

void Rollout::check_gpus() {
  const std::vector<SimTime> since = waits();
  const SimTime oldest =
      since.empty() ? engine_.now() : *std::min_element(since.begin(), since.end());
  if (engine_.now() - oldest < *config_.progress_deadline) {
    await_gpus(oldest + *config_.progress_deadline);
    return;
  }
  gave_up_ = engine_.now();
  lacked_ = static_cast<std::int64_t>(since.size());
  tell(fmt::format("{} of {} replicas of the batch have had no GPUs for {:g} s: it is rolled back",
                   lacked_, batches_[next_batch_ - 1].changes.size(),
                   to_seconds(*config_.progress_deadline)));
  go_back();
}

void Rollout::go_back() {
  phase_ = Phase::rolling_back;
  batches_.clear();
  for (const std::size_t slot : added(new_version_)) {
    made_.push_back({slot, true, SlotUse::serving});
    slots_.serving.push_back(slot);
  }
  pool_.add_with(old_version_, std::nullopt);
  begin_batches(strategy_->back(slots_, made_));
}

bool Rollout::batch_settled() const {
  const RolloutBatch& batch = batches_[next_batch_ - 1];
  // On the way back nobody needs replicas of the new version that never got GPUs.
  return std::all_of(batch.changes.begin(), batch.changes.end(), [this](const SlotChange& change) {
    const bool needless = phase_ == Phase::rolling_back && change.to_new;
    return pool_.settled(change.slot) || (needless && pool_.waits_since(change.slot));
  });
}

void Rollout::on_progress() {
  if (phase_ == Phase::under_way || phase_ == Phase::rolling_back) {
    advance();
  }
}

/// Once all changes of the batch have been made, its bake begins.
void Rollout::advance() {
  if (baking_ || !batch_settled()) {
    return;
  }
  baking_ = true;
  bake_ = batches_[next_batch_ - 1].bake;
  if (phase_ == Phase::under_way && gate_ && next_batch_ == batches_.size()) {
    // The gate has to have seen what the last replicas answer.
    bake_ = std::max(bake_, config_.gate->window + config_.gate->delay);
  }
  answered_before_ = answers_.answers;
  engine_.at(engine_.now() + bake_, EventPriority::fleet,
             [this, plan = plan_] { end_batch(plan); });
}

void Rollout::end_batch(std::uint64_t plan) {
  if (plan != plan_) {
    return;
  }
  if (lacks_answers()) {
    held_ = engine_.now();
    tell(fmt::format("the step waits for {} answers", config_.gate->minimum_answers));
    return;
  }
  begin_batch();
}

/// Whether the gate can say nothing yet of the step under way, which is one that it watches. It
/// knows answers after its delay; a step that is shorter than that asks only that there are some.
bool Rollout::lacks_answers() const {
  if (!gate_ || phase_ != Phase::under_way || bake_ == Duration::zero()) {
    return false;
  }
  const std::int64_t answers = bake_ < config_.gate->delay ? answers_.answers : gate_->known();
  return answers - answered_before_ < config_.gate->minimum_answers;
}

/// A step that is held goes on once the gate has seen enough, or is given up.
void Rollout::watch_hold() {
  if (!held_) {
    return;
  }
  if (!lacks_answers()) {
    engine_.at(engine_.now(), EventPriority::window, [this, plan = plan_] {
      if (plan == plan_ && held_.has_value()) {
        held_.reset();
        begin_batch();
      }
    });
  } else if (engine_.now() - *held_ >= config_.gate->patience) {
    engine_.at(engine_.now(), EventPriority::window, [this] {
      if (phase_ == Phase::under_way) {
        tell(fmt::format("after {:g} s the gate still lacks answers: it is rolled back",
                         to_seconds(config_.gate->patience)));
        go_back();
      }
    });
  }
}

void Rollout::look() {
  if (phase_ != Phase::under_way) {
    return;
  }
  if (gate_->look(engine_.now(), answers_)) {
    fired_ = engine_.now();
    engine_.at(engine_.now(), EventPriority::window, [this] { roll_back(); });
    return;
  }
  watch_hold();
  engine_.at(engine_.now() + config_.gate->interval, EventPriority::window, [this] { look(); });
}

void Rollout::roll_back() {
  if (phase_ != Phase::under_way) {
    return;  // for want of GPUs it goes back already
  }
  std::string slow;
  if (config_.gate->ttft || config_.gate->tpot) {
    slow = fmt::format(", {} slow", answers_.slow);
  }
  tell(fmt::format("the gate fires after {} answers, {} degraded and {} failed{}", answers_.answers,
                   answers_.degraded, answers_.failed, slow));
  go_back();
}

void Rollout::finish(Phase phase) {
  phase_ = phase;
  ended_at_ = engine_.now();
  if (phase == Phase::completed) {
    pool_.versions().set_standing(new_version_);
    pool_.add_with(new_version_, std::nullopt);  // where nobody served there was no batch
  }
  tell(phase_name(phase));
  engine_.at(engine_.now(), EventPriority::fleet, ended_);
}

void Rollout::on_answer(const RequestRecord& record) {
  if (new_version_ < 0 || pool_.version_of(record.replica) != new_version_) {
    return;
  }
  const Outcome outcome = record.outcome;
  const bool slow = config_.gate && is_slow(record, *config_.gate);
  ++answers_.answers;
  answers_.slow += slow ? 1 : 0;
  answers_.degraded += outcome == Outcome::degraded ? 1 : 0;
  answers_.failed += outcome == Outcome::failed ? 1 : 0;
  if (first_bad_ == never && (outcome == Outcome::degraded || outcome == Outcome::failed)) {
    first_bad_ = engine_.now();
  }
  if (first_slow_ == never && slow) {
    first_slow_ = engine_.now();
  }
}

const char* Rollout::phase_name(Phase phase) {
  switch (phase) {
    case Phase::waiting:
      return "waiting";
    case Phase::under_way:
      return "under_way";
    case Phase::completed:
      return "completed";
    case Phase::rolling_back:
      return "rolling_back";
    case Phase::rolled_back:
      return "rolled_back";
    case Phase::rejected:
      return "rejected";
  }
  return "";
}

RolloutSummary Rollout::summary() const {
  RolloutSummary summary;
  summary.name = config_.name;
  summary.pool = pool_name_;
  summary.version = config_.version;
  summary.strategy = rollout_kind_name(config_.strategy);
  summary.outcome = phase_name(phase_);
  summary.began_s = seconds_or_none(began_);
  const SimTime first_bad = first_bad_ != never ? first_bad_ : first_slow_;
  summary.first_bad_s = seconds_or_none(first_bad);
  summary.fired_s = seconds_or_none(fired_);
  if (fired_ != never && first_bad != never) {
    summary.detection_s = static_cast<double>((fired_ - first_bad).count()) / 1e9;
  }
  summary.ended_s = seconds_or_none(ended_at_);
  if (new_version_ >= 0) {
    summary.loads = pool_.versions().loads(new_version_);
    summary.corrupt_loads = pool_.versions().corrupt_loads(new_version_);
  }
  summary.answers = answers_.answers;
  summary.degraded = answers_.degraded;
  summary.failed = answers_.failed;
  summary.on_shared_gpus = config_.progress_deadline.has_value();
  summary.gave_up_s = seconds_or_none(gave_up_);
  summary.lacked = lacked_;
  summary.lacks = static_cast<std::int64_t>(waits().size());
  return summary;
}

}  // namespace plimsoll
