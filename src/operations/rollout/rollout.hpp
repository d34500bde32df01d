// A rollout under way: validation, batches, health gate, and the way back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/engine.hpp"
#include "operations/rollout/health_gate.hpp"
#include "operations/rollout/rollout_strategy.hpp"
#include "serving/events.hpp"

namespace plimsoll {

/// What a version is like, and what chance made of it.
struct DrawnVersion {
  bool corrupt = false;                 // its checkpoint, and so every copy
  bool rejected = false;                // by its validation
  const ReplicaShape* shape = nullptr;  // of who has it; null: as all of the pool are
};

/// Brings one version to one pool. Runs on events; it is told when the pool's slots come further
/// and of the version's answers. On shared GPUs replicas of a batch may have to wait for some: when
/// one has for the progress deadline, the rollout goes back; on the way back there is no deadline.
class Rollout {
 public:
  using Observer = std::function<void(const IncidentRow&)>;

  /// `weights` is the size of a copy. References outlive this.
  Rollout(const RolloutConfig& config, const std::string& pool_name, RolloutTarget& pool,
          Engine& engine, Bytes weights, DrawnVersion version, Observer observer);

  /// Begins now, with the validation; `ended` is called as an event when it is over, one way or
  /// the other.
  void begin(std::function<void()> ended);
  SimTime due() const { return sim_start + config_.at; }
  /// A slot of the pool came further.
  void on_progress();
  /// A replica of the pool ended a request.
  void on_answer(const RequestRecord& record);

  RolloutSummary summary() const;

 private:
  enum class Phase : std::uint8_t {
    waiting,
    under_way,
    completed,
    rolling_back,
    rolled_back,
    rejected,
  };
  static const char* phase_name(Phase phase);

  void start();
  void begin_batches(std::vector<RolloutBatch> batches);
  void begin_batch();
  void advance();
  void end_batch(std::uint64_t plan);
  void look();
  bool lacks_answers() const;
  void watch_hold();
  void await_gpus(SimTime at);
  void check_gpus();
  std::vector<SimTime> waits() const;
  void roll_back();
  void go_back();
  std::vector<std::size_t> added(WeightsVersion version) const;
  void finish(Phase phase);
  bool batch_settled() const;
  void tell(std::string what) const;

  const RolloutConfig& config_;
  const std::string& pool_name_;
  RolloutTarget& pool_;
  Engine& engine_;
  std::optional<CheckpointWriting> checkpoint_;
  DrawnVersion version_;
  Observer observer_;
  std::function<void()> ended_;
  std::unique_ptr<RolloutStrategy> strategy_;
  std::optional<HealthGate> gate_;

  Phase phase_ = Phase::waiting;
  WeightsVersion old_version_ = 0;
  WeightsVersion new_version_ = -1;
  bool for_added_ = false;  // replicas that others add have the new version
  RolloutSlots slots_;
  std::vector<SlotChange> made_;  // on the way there
  std::vector<RolloutBatch> batches_;
  std::size_t next_batch_ = 0;  // behind the one under way
  std::uint64_t plan_ = 0;      // which batches_: those of before are no more followed
  bool baking_ = false;
  Duration bake_{};                   // of the batch under way
  std::int64_t answered_before_ = 0;  // when it had settled
  std::optional<SimTime> held_;       // since when it waits for answers, its bake being over
  AnswerCounts answers_;
  SimTime began_ = never;
  SimTime first_bad_ = never;
  SimTime first_slow_ = never;
  SimTime fired_ = never;
  SimTime ended_at_ = never;
  SimTime gave_up_ = never;
  std::int64_t lacked_ = 0;  // replicas without GPUs then
};

}  // namespace plimsoll
