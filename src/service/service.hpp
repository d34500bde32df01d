// What a request passes before a GPU: context limit, admission, queue, router. One per model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/workload.hpp"
#include "service/capacity_weight.hpp"
#include "service/deadlines.hpp"
#include "service/scraped_loads.hpp"
#include "serving/replica.hpp"
#include "serving/replica_directory.hpp"

namespace plimsoll {

/// Is told that a request came to its end, whatever its outcome.
class EndListener {
 public:
  virtual ~EndListener() = default;
  virtual void on_request_ended(SimTime now) = 0;
};

/// All requests of one model and all replicas that serve it, over all pools.
///
/// A request is refused (over_context, shed, rate_limited, queue_full), or given to a replica at
/// once, or waits centrally until a replica accepts; it leaves at its deadline unless it has been
/// in a batch by then. Replicas accept while they serve and hold fewer than max_outstanding.
class Service final : public ReplicaListener, public ReplicaDirectory {
 public:
  /// Everything referred to outlives the service. Throws ConfigError for what policies refuse.
  Service(const Config& config, ModelIndex model, const PolicyRegistries& policies, Engine& engine,
          RequestTable& requests, EventSink& sink, EndListener& ends);

  /// Makes a replica known, in order of ReplicaIndex; it accepts once `replica_ready` says so.
  /// `capacity` is capacity_estimate of its shape.
  void add_replica(Replica& replica, double capacity);
  /// All replicas are known: sets routers up.
  void open();

  void replica_ready(ReplicaIndex replica) override;
  void replica_leaving(ReplicaIndex replica, DrainListener& listener) override;
  std::int64_t outstanding(ReplicaIndex replica) const override {
    return loads_[member_of_[replica]].outstanding;
  }
  std::int64_t arrived() const override { return arrived_; }
  /// A request arrives at now(); `phase` says how it stands to step boundaries of the same time.
  /// Returns where it is kept while it is here; no_slot when it ended at once.
  RequestSlot arrive(RequestId id, const Arrival& arrival, Phase phase);
  /// The client of the request at `slot` left: it ends with `outcome` at once while it waits, at
  /// the next step boundary while it runs, and as if nothing had been in a static batch.
  void abandon(RequestSlot slot, Outcome outcome, Phase phase);

  void on_scheduled(RequestSlot slot) override;
  void on_first_token(RequestSlot slot, SimTime now) override;
  void on_completed(RequestSlot slot, SimTime now) override;
  void on_cancelled(RequestSlot slot, SimTime now) override;

  /// Requests that wait centrally.
  std::int64_t queued() const override { return queue_.size(); }
  ModelIndex model() const { return model_; }
  /// Tokens of prompt and output together beyond which a request ends as over_context.
  int max_context() const { return max_context_; }

 private:
  struct Member {
    Replica* replica = nullptr;
    double capacity = 0;
    bool ready = false;
    DrainListener* leaving = nullptr;  // told when its last request has ended
  };
  /// What changes of a replica's load.
  struct LoadChange {
    int requests = 0;
    std::int64_t committed_tokens = 0;
    std::int64_t pending_tokens = 0;
  };
  static void on_dispatch(void* service, std::uint64_t);
  static void on_deadline(void* service, std::uint64_t);

  RequestView view_of(RequestSlot slot) const;
  RequestRecord record_of(RequestSlot slot) const;
  void end(RequestSlot slot, Outcome outcome);
  void give_up(RequestSlot slot, Outcome outcome);
  std::optional<Duration> longest_wait(TierIndex tier) const;
  bool refuse(RequestSlot slot);
  bool route(RequestSlot slot, Phase phase);
  bool wait_centrally(RequestSlot slot);
  void set_deadline(RequestSlot slot);
  void dispatch();
  void expire();
  void change_load(std::uint32_t member, const LoadChange& change, Draws& draws);
  void tell_if_drained(ReplicaIndex replica);
  void tell_load(std::uint32_t member, const LoadChange& change, Draws& draws);

  const Config& config_;
  ModelIndex model_;
  Engine& engine_;
  RequestTable& requests_;
  EventSink& sink_;
  EndListener& ends_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<QueuePolicy> queue_policy_;
  std::unique_ptr<AdmissionPolicy> admission_;
  RandomStream route_stream_;
  RandomStream load_stream_;
  RandomStream first_token_stream_;
  WaitingQueue queue_;
  Deadlines deadlines_;
  TimerId dispatch_timer_;
  TimerId deadline_timer_;
  int max_context_;
  std::vector<Member> members_;
  std::vector<ReplicaLoad> loads_;  // by member
  ScrapedLoads seen_loads_;
  std::vector<double> predicted_output_;  // by class
  std::vector<double> tier_standing_;     // by tier
  bool router_follows_prefill_;
  bool admission_follows_;
  std::vector<std::uint32_t> member_of_;  // by ReplicaIndex
  ServiceLoad load_;
  std::int64_t arrived_ = 0;
};

}  // namespace plimsoll
