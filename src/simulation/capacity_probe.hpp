// What a replica of a pool completes when it always has as much to do as it takes.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/engine.hpp"
#include "plimsoll/config.hpp"
#include "serving/replica.hpp"
#include "serving/request_table.hpp"
#include "workload/request_maker.hpp"

namespace plimsoll {

/// A replica beside the fleet, of the same shape and with requests of the same laws, that is kept
/// full from t = 0 until it has told enough. It is in no account and in no result: what waits when
/// a window begins is estimated by its rate. (The estimate that routers weigh replicas by is some
/// ten percent off, which near saturation is the difference between no backlog and hours of it.)
class CapacityProbe final : public ReplicaListener, public EventSink {
 public:
  /// Everything referred to outlives the probe. `estimate` stands until something was measured.
  CapacityProbe(const Config& config, PoolIndex pool, const ReplicaShape& shape, Engine& engine,
                double estimate);

  void start();
  /// Requests/s, as measured so far.
  double rate() const;

  void on_first_token(RequestSlot, SimTime) override {}
  void on_completed(RequestSlot slot, SimTime now) override;
  void on_cancelled(RequestSlot, SimTime) override {}  // nobody cancels

  void on_arrival(RequestId, ClassIndex, SimTime) override {}
  void on_first_token(const RequestRecord&) override {}
  void on_end(const RequestRecord&) override {}
  void on_steps(const StepRun&) override {}
  void on_resumed_token(PoolIndex, Duration) override {}

 private:
  static void on_refill(void* probe, std::uint64_t);
  void refill();
  void send();

  Engine& engine_;
  RequestMaker maker_;
  RequestTable requests_;
  std::unique_ptr<Replica> replica_;
  TimerId refill_timer_;
  ModelIndex model_;
  std::int64_t max_context_;
  std::int64_t kept_;  // requests that it has at any time
  double estimate_;
  const Config& config_;
  RequestId next_;
  std::int64_t held_ = 0;
  std::int64_t completed_ = 0;
  SimTime since_{};  // of the first completion that counts
  SimTime last_{};
};

}  // namespace plimsoll
