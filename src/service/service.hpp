// What a request passes before a GPU: context limit, admission, queue, router. One per model.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/workload.hpp"
#include "service/capacity_weight.hpp"
#include "service/deadlines.hpp"
#include "service/decode_side.hpp"
#include "service/scraped_loads.hpp"
#include "service/tenant_shares.hpp"
#include "service/waiting_room.hpp"
#include "serving/replica.hpp"
#include "serving/replica_directory.hpp"
#include "serving/replica_incidents.hpp"

namespace plimsoll {

/// Of a request that no replica has, and of a replica that serves another model.
inline constexpr std::uint32_t not_a_member = 0xffffffffU;

/// Is told that a request came to its end, whatever its outcome.
class EndListener {
 public:
  virtual ~EndListener() = default;
  virtual void on_request_ended(SimTime now) = 0;
};

/// Knows how fast clients read.
class AnswerReaders {
 public:
  virtual ~AnswerReaders() = default;
  /// When the last of the `tokens` of the request at `slot` leaves its replica, which emitted the
  /// first at `first` and has them all at `last`.
  virtual SimTime leaves_at(RequestSlot slot, std::int64_t tokens, SimTime first,
                            SimTime last) const = 0;
};

/// What a request that goes on to another service has behind it.
struct CarriedOver {
  SimTime arrived{};  // at the first service
  SimTime scheduled = never;
  SimTime first_token = never;
  std::uint16_t preemptions = 0;
  std::uint8_t retries = 0;  // after its replicas died
};

/// Brings requests of a service without replicas elsewhere.
class Failover {
 public:
  virtual ~Failover() = default;
  /// The request at `slot` waits where no replica serves. True: it is on its way to another
  /// service, and leaves this one without an end. False: there is none that could take it.
  virtual bool take_over(RequestSlot slot, const CarriedOver& carried) = 0;
};

/// All requests of one model (in one datacenter, where its pools stand in datacenters) and all
/// replicas that serve it, over all pools.
///
/// A request is refused (over_context, shed, rate_limited, queue_full), or given to a replica at
/// once, or waits centrally until a replica accepts; it leaves at its deadline unless it has been
/// in a batch by then. Replicas accept while they serve and hold fewer than max_outstanding.
///
/// With disaggregated pools that replica prefills. After the first token a second router chooses
/// among the decode replicas, the KV travels there and the request joins that replica's queue; when
/// none accepts its KV stays until one does. It counts as outstanding at both replicas meanwhile.
class Service final : public ReplicaListener, public ReplicaDirectory, public ReplicaIncidents {
 public:
  /// Everything referred to outlives the service. `datacenter`: it is that of its pools alone.
  /// Throws ConfigError for what policies refuse.
  Service(const Config& config, ModelIndex model, const PolicyRegistries& policies, Engine& engine,
          RequestTable& requests, EventSink& sink, EndListener& ends,
          std::optional<std::size_t> datacenter = std::nullopt);

  /// Makes a replica known, in order of ReplicaIndex; it accepts once `replica_ready` says so.
  /// `capacity` is capacity_estimate of its shape.
  void add_replica(Replica& replica, double capacity);
  /// The model's pools have roles: prompts are handed over through `network`, which outlives the
  /// service. Called before the first replica is added.
  void hand_over_through(const PolicyRegistries& policies, KvNetwork& network);
  /// All replicas are known: sets routers up.
  void open();

  void replica_costs(ReplicaIndex replica, double dollars_per_hour) override {
    loads_[member_of_[replica]].dollars_per_hour = dollars_per_hour;
  }
  void replica_ready(ReplicaIndex replica) override;
  void replica_leaving(ReplicaIndex replica, DrainListener& listener,
                       std::optional<Duration> drain_timeout) override;
  std::int64_t outstanding(ReplicaIndex replica) const override {
    return loads_[member_of_[replica]].outstanding;
  }
  std::int64_t arrived() const override { return arrived_; }

  void replica_died(ReplicaIndex replica) override;
  void replica_lost(ReplicaIndex replica) override;
  void set_corrupt(ReplicaIndex replica, bool corrupt) override;
  /// Who is told of answers; set before the first request.
  void set_answer_listener(AnswerListener& listener) { answers_ = &listener; }
  /// Who reads; set before the first request where replicas hold unread answers.
  void set_answer_readers(const AnswerReaders& readers) { readers_ = &readers; }
  /// Where requests go while no replica serves; set before the first request.
  void set_failover(Failover& failover) { failover_ = &failover; }
  /// The last request arrived at `until`.
  void end_arrivals(SimTime until);
  /// Where its queue shares by tenant and no windows are played.
  std::optional<FairnessSummary> fairness() const;
  const LossSummary& losses() const override { return losses_; }

  /// Requests/s that the replicas serving now sustain, by what one of each pool does. O(replicas).
  double serving_capacity(const std::vector<double>& of_one) const;
  /// Requests that were at a replica and ended.
  std::int64_t ended() const { return ended_; }
  /// A request arrives at now(); `phase` says how it stands to step boundaries of the same time.
  /// Returns where it is kept while it is here; no_slot when it ended at once.
  /// `carried`: it comes from another service, under an id of its own; it is admitted like others.
  RequestSlot arrive(RequestId id, const Arrival& arrival, Phase phase,
                     const CarriedOver* carried = nullptr);
  /// The client of the request at `slot` left: it ends with `outcome` at once while it waits, at
  /// the next step boundary while it runs, and as if nothing had been in a static batch.
  void abandon(RequestSlot slot, Outcome outcome, Phase phase);

  void on_scheduled(RequestSlot slot) override;
  void on_first_token(RequestSlot slot, SimTime now) override;
  void on_prefilled(RequestSlot slot, SimTime now) override;
  SimTime leaves_at(RequestSlot slot, SimTime now) override;
  void on_completed(RequestSlot slot, SimTime now) override;
  void on_cancelled(RequestSlot slot, SimTime now) override;

  /// Requests that wait centrally.
  std::int64_t queued() const override { return queue_.size(); }
  /// Requests that neither a prefill nor a decode replica works on or has in its queue.
  std::int64_t handing_over() const { return decode_ ? decode_->handing_over : 0; }
  /// Requests in line: those that wait centrally, and those at replicas beyond what these are
  /// estimated to run at once. O(1).
  std::int64_t in_line() const { return queue_.size() + beyond_slots_; }
  /// Requests/s that the replicas which serve are estimated to sustain. O(1).
  double ready_rate() const { return static_cast<double>(ready_rate_) / rate_resolution; }
  ModelIndex model() const { return model_; }
  /// Into EdgeConfig::datacenters, where its pools stand; none: in all of them.
  std::optional<std::size_t> datacenter() const { return datacenter_; }
  /// Some replica serves.
  bool serves() const { return load_.replicas > 0; }
  /// Tokens of prompt and output together beyond which a request ends as over_context.
  int max_context() const { return max_context_; }

 private:
  struct Member {
    Replica* replica = nullptr;
    double capacity = 0;
    bool ready = false;
    DrainListener* leaving = nullptr;  // told when its last request has ended
    std::uint32_t drains = 0;          // how often it left with requests
    bool dead = false;                 // and nobody knows: what is sent there is lost
    bool corrupt = false;              // its answers are
    std::uint32_t deaths = 0;
  };
  /// What changes of a replica's load.
  struct LoadChange {
    int requests = 0;
    std::int64_t committed_tokens = 0;
    std::int64_t pending_tokens = 0;
  };
  static void on_dispatch(void* service, std::uint64_t);
  static void on_deadline(void* service, std::uint64_t);
  static void on_kv_arrival(void* service, std::uint64_t);

  /// "llama2-7b", "llama2-7b@east": of its random streams.
  std::string name() const;
  RequestView view_of(RequestSlot slot) const;
  RequestRecord record_of(RequestSlot slot) const;
  void end(RequestSlot slot, Outcome outcome);
  void give_up(RequestSlot slot, Outcome outcome);
  std::optional<Duration> longest_wait(TierIndex tier) const;
  bool refuse(RequestSlot slot, bool carried);
  bool route(RequestSlot slot, Phase phase);
  bool wait_centrally(RequestSlot slot);
  bool enter_waiting_room(RequestSlot slot);
  void stand_in_line(RequestSlot slot);
  void leave_line(RequestSlot slot, bool served);
  void set_ready(std::uint32_t member, bool ready);
  void set_deadline(RequestSlot slot);
  void dispatch();
  void note_stranded();
  void send_away();
  void expire();
  void change_load(std::uint32_t member, const LoadChange& change, Draws& draws);
  void await_timeout(std::uint32_t member, RequestSlot slot);
  void lose_all(std::uint32_t member);
  void lose(RequestSlot slot);
  void begin_anew(RequestSlot slot);
  bool decodes(std::uint32_t member) const {
    return decode_ && members_[member].replica->shape().role == PoolRole::decode;
  }
  bool send_kv(RequestSlot slot);
  void take_arrived_kv();
  void begin_decoding(const KvOnTheWay& kv);
  bool is_handed_over(const KvOnTheWay& kv) const;
  void stop_handing_over(RequestSlot slot);
  void abandon_hand_over(RequestSlot slot, Outcome outcome);
  /// Requests, by id, whose KV is on its way from (to) `replica`.
  std::vector<RequestSlot> on_the_way(ReplicaIndex KvOnTheWay::*which, ReplicaIndex replica) const;
  void take_back_from(ReplicaIndex replica);
  void redirect_from(ReplicaIndex replica);
  void dispatch_prefilled();
  bool somebody_waits() const { return !queue_.empty() || (decode_ && !decode_->line.empty()); }
  void tell_if_drained(ReplicaIndex replica);
  void cut_drain(std::uint32_t member);
  void tell_load(std::uint32_t member, const LoadChange& change, Draws& draws);

  const Config& config_;
  const ServiceConfig& rules_;  // of the model
  ModelIndex model_;
  std::optional<std::size_t> datacenter_;
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
  RandomStream retry_stream_;
  WaitingQueue queue_;
  std::unique_ptr<WaitingRoom> waiting_room_;  // null: nobody is shown anything
  Deadlines deadlines_;
  TimerId dispatch_timer_;
  TimerId deadline_timer_;
  int max_context_;
  std::vector<Member> members_;
  std::vector<ReplicaLoad> loads_;  // by member
  ScrapedLoads seen_loads_;
  std::unique_ptr<DecodeSide> decode_;    // null: no pool of the model has a role
  std::vector<double> predicted_output_;  // by class
  std::vector<double> tier_standing_;     // by tier
  bool router_follows_prefill_;
  bool admission_follows_;
  std::vector<std::uint32_t> member_of_;  // by ReplicaIndex
  ServiceLoad load_;
  AnswerListener* answers_ = nullptr;
  const AnswerReaders* readers_ = nullptr;
  std::optional<TenantShares> tenant_shares_;  // where the queue shares by tenant
  Failover* failover_ = nullptr;               // null: requests wait here whatever happens
  LossSummary losses_;
  static constexpr double rate_resolution = 1e6;
  std::int64_t ready_rate_ = 0;  // in requests/s x rate_resolution: sums do not depend on the order
  std::int64_t beyond_slots_ = 0;
  std::int64_t arrived_ = 0;
  std::int64_t ended_ = 0;
};

}  // namespace plimsoll
