// The request path: what a request passes between its client and the queue of a model, and back.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/workload.hpp"
#include "service/aggregator.hpp"
#include "service/api_tier.hpp"
#include "service/attacks.hpp"
#include "service/auth.hpp"
#include "service/broker.hpp"
#include "service/cache.hpp"
#include "service/clients.hpp"
#include "service/edge.hpp"
#include "service/edge_caches.hpp"
#include "service/enforcement.hpp"
#include "service/experiments.hpp"
#include "service/flight.hpp"
#include "service/held_messages.hpp"
#include "service/limits.hpp"
#include "service/metering.hpp"
#include "service/model_router.hpp"
#include "service/safety_filter.hpp"
#include "service/service.hpp"
#include "service/session_cache.hpp"
#include "service/sites.hpp"
#include "service/source_limits.hpp"
#include "service/stage_capacity.hpp"
#include "service/streaming.hpp"
#include "service/timing_wheel.hpp"

namespace plimsoll {

/// Is told of requests that the path makes by itself.
class FollowUpListener {
 public:
  virtual ~FollowUpListener() = default;
  /// A further turn of a session, or a request of an attack, arrives at now().
  virtual void on_follow_up(const Arrival& arrival) = 0;
};

/// Walks every request through the configured stages, in the order of Stage. A stage whose decision
/// depends on who came before (a capacity, a bucket, a queue) is entered by an event at its time;
/// latencies on the way to it are added up and cost none. So a request costs one event for each
/// such stage, one for the end, and what the service costs.
///
/// It stands between a Service and the metrics: what a Service tells of an attempt becomes what is
/// told of the request. Every request ends in exactly one outcome, however many attempts it took.
class RequestPath final : public EventSink,
                          public EndListener,
                          public ApiTierListener,
                          public AnswerReaders,
                          public Failover,
                          public MessageListener,
                          public HeldMessageListener,
                          public AttackListener,
                          public WakeUpOwner {
 public:
  /// Everything referred to outlives the path. `config.path` is set.
  RequestPath(const Config& config, Engine& engine, EventSink& sink, EndListener& ends,
              FollowUpListener& follow_ups);
  /// The services that answer; set before the first request.
  void connect(const Sites& sites) { sites_ = sites; }
  /// Who is told of regions and datacenters; set before the first request.
  void tell_users(UserSink& users) { users_ = &users; }

  /// A request arrives at now(); `phase` as in Service::arrive.
  void arrive(RequestId id, const Arrival& arrival, Phase phase);
  /// One that has passed all stages before the service arrives there at now().
  void arrive_at_service(RequestId id, const Arrival& arrival, Phase phase);
  /// Share of the arrivals that a service is to see in the steady state: neither answered by a
  /// cache nor refused by chance. Capacities of stages are taken to suffice.
  double share_to_service() const;

  /// Requests in flight that no Service holds.
  std::int64_t held() const { return live_ - in_service_; }
  /// Whoever has requests yet to come: users between two turns, attacks.
  std::int64_t thinking() const { return thinking_ + (attacks_ ? attacks_->pending() : 0); }
  /// Somebody asks what prompts have in common, and for sessions. Called before the first request.
  void keep_prefixes() { keeps_prefixes_ = true; }
  /// Some queue asks whose requests they are. Called before the first request.
  void keep_tenants() { keeps_tenants_ = true; }
  /// Token limits that refuse many requests of some class by their size alone.
  std::vector<std::string> notes() const;
  PathSummary summary() const;
  /// The run is over: what is on its way is told as such.
  void tell_under_way();
  /// What of its stages can be used up, with what was used of it until now. Refers to the path.
  const std::vector<StageCapacity>& capacities() const { return capacities_; }
  /// Stages that a request may pass.
  bool has(Stage stage) const { return present_[static_cast<std::size_t>(stage)]; }

  /// What autoscalers steer; null when the scenario has none.
  ApiTier* api_tier() { return api_tier_ ? &*api_tier_ : nullptr; }
  CacheMemory* conversation_cache();
  CacheMemory* response_cache() { return response_cache_ ? &*response_cache_ : nullptr; }

  // From services, about attempts.
  void on_first_token(const RequestRecord& record) override;
  void on_end(const RequestRecord& record) override;
  void on_arrival(RequestId, ClassIndex, SimTime) override {}
  void on_steps(const StepRun&) override {}
  void on_resumed_token(PoolIndex, Duration) override {}
  void on_kv_transfer(const KvTransfer& transfer) override { sink_.on_kv_transfer(transfer); }
  void on_waiting_room(const WaitingRoomVisit& visit) override { sink_.on_waiting_room(visit); }
  void on_request_ended(SimTime) override {}
  // From services, when their replicas hold what is not read.
  SimTime leaves_at(RequestSlot slot, std::int64_t tokens, SimTime first,
                    SimTime last) const override;
  // From services without replicas.
  bool take_over(RequestSlot slot, const CarriedOver& carried) override;
  // From the API tier.
  void on_api_done(std::uint32_t place, std::uint64_t id, Duration wait, Duration work) override;
  bool still_there(std::uint32_t place, std::uint64_t id) const override;
  // From the aggregation.
  void on_message(const std::vector<Gathered>& requests, Duration latency, Phase phase) override;
  void on_message_failed(const std::vector<Gathered>& requests) override;
  // From those that were held while the broker failed over.
  void on_released(const std::vector<Gathered>& requests) override;
  // From attacks.
  void on_attack(std::size_t number, const Arrival& arrival) override;
  // From the timing wheel, about patience.
  bool wants(std::uint32_t place, std::uint32_t stamp) const override {
    return flights_[place].patience_stamp == stamp;
  }

 private:
  /// A user who thinks before the next turn.
  struct Thinker {
    ClassIndex request_class = 0;
    ModelIndex model = 0;
    RequestId session_began = no_request;  // where somebody follows sessions
    Conversation conversation;
    TimerId timer = 0;
  };
  struct FailoverCounts {
    std::int64_t waiting = 0;  // had no replica before
    std::int64_t retried = 0;  // lost theirs
  };
  static constexpr std::uint32_t nowhere = 0xffffffffU;
  static void on_timer(void* path, std::uint64_t place);
  static void on_patience(void* path, std::uint64_t place);
  static void on_thought(void* path, std::uint64_t thinker);

  void set_up_stages();
  void set_up_caches();
  void set_up_limits();
  void note_present();
  void note_capacities();
  void note_edge_capacities();
  void note_cache_capacities();
  void note_capacity(Stage stage, const char* what, std::function<CapacityUse(SimTime)> use);
  void note_turns(Stage stage, const Turnstile& turnstile);
  std::uint32_t take_place();
  void draw_traits(Flight& flight, std::uint32_t key) const;
  /// A place for a request that arrives at now(), and who it is.
  std::uint32_t take(RequestId id, const Arrival& arrival);
  void begin_attempt(std::uint32_t place, Phase phase, Stage from);
  void walk(std::uint32_t place, Phase phase);
  StageResult visit(Stage stage, Flight& flight, SimTime t);
  StageResult visit_edge(Flight& flight, SimTime t);
  StageResult visit_wan(Flight& flight, SimTime t);
  StageResult visit_load_balancer(Flight& flight, SimTime t);
  StageResult visit_limits(Flight& flight, SimTime t);
  StageResult visit_conversation_cache(Flight& flight, SimTime t);
  StageResult visit_session_cache(Flight& flight, SimTime t);
  StageResult visit_response_cache(Flight& flight, SimTime t);
  void store_answer(const Flight& flight);
  StageResult visit_model_router(Flight& flight, SimTime t);
  StageResult visit_broker(Flight& flight, SimTime t);
  StageResult visit_tokenizer(Flight& flight, SimTime t);
  StageResult visit_streaming(Flight& flight, SimTime t);
  void enter_api_tier(std::uint32_t place);
  void enter_aggregation(std::uint32_t place, Phase phase);
  void begin_message();
  bool is_held(std::uint32_t place);
  void note_datacenter(Flight& flight, std::uint16_t datacenter);
  /// Who takes rows by region, of a request that is a user's; else null.
  UserSink* users_of(const Flight& flight) const {
    return class_counts_[flight.record.request_class] ? users_ : nullptr;
  }
  Service& service_of(const Flight& flight) const {
    return *sites_.of(flight.model, flight.at.datacenter);
  }
  void enter_service(std::uint32_t place, Phase phase);
  void answer(std::uint32_t place, const RequestRecord& engine);
  void give_answer(std::uint32_t place, Outcome outcome, Duration ahead);
  void give_held_answer(std::uint32_t place, Outcome outcome, Duration ahead,
                        const RequestRecord& engine);
  void tell_first_token(std::uint32_t place, SimTime first);
  bool holds_answers() const {
    return safety_after_ && path_.safety_after->holds != HeldBack::none;
  }
  void begin_waiting(std::uint32_t place);
  void end_waiting(std::uint32_t place);
  void leave(std::uint32_t place);
  void end_attempt(std::uint32_t place, Outcome outcome, SimTime at);
  void schedule(std::uint32_t place, SimTime at, FlightState state);
  void release(Flight& flight, Outcome outcome);
  void finish(std::uint32_t place);
  std::uint32_t place_of(const Flight& flight) const {
    return static_cast<std::uint32_t>(&flight - flights_.data());
  }
  PrefixId session_of(const Flight& flight) const;
  void remember_prefix(std::uint32_t place, const SharedPrefix& prefix);
  void remember_session(std::uint32_t place, const Arrival& arrival);
  void take_part(std::uint32_t place, const Arrival& arrival);
  void count_attack(const Flight& flight);
  bool think(std::uint32_t place, const SharedPrefix& prefix);
  void end_session(PrefixId session);
  void next_turn(std::uint32_t thinker);
  void count_bypass(const Flight& flight);
  void tell(const Flight& flight, Stage stage, const StageResult& result);
  void tell(const Flight& flight, Stage stage, Outcome outcome, Duration wait, SimTime came);
  void tell(const Flight& flight, Stage stage, VisitEnd end);
  std::uint64_t attempt_id(const Flight& flight) const {
    return flight.record.id | (static_cast<std::uint64_t>(flight.attempt) << 48) |
           (static_cast<std::uint64_t>(flight.failovers % 64) << 58);  // attempts: at most 1000
  }

  const Config& config_;
  const PathConfig& path_;
  Engine& engine_;
  EventSink& sink_;
  EndListener& ends_;
  FollowUpListener& follow_ups_;
  Sites sites_;
  UserSink* users_ = nullptr;       // null: no rows by region
  std::vector<bool> class_counts_;  // by class: its requests are those of users

  // Stages; empty where the scenario has none.
  ApiKeys keys_;
  std::optional<Experiments> experiments_;
  std::optional<Popularity> popularity_;
  std::optional<Popularity> conversations_;
  std::optional<Edge> edge_;
  std::optional<EdgeCaches> cdn_;
  std::optional<Attacks> attacks_;
  std::optional<SourceLimits> source_limits_;
  std::optional<Passage> load_balancer_;
  std::optional<Limits> limits_;
  std::optional<Passage> limits_box_;  // what it costs to ask them
  std::optional<Enforcement> enforcement_;
  std::optional<Metering> metering_;
  std::optional<Auth> auth_;
  std::optional<ApiTier> api_tier_;
  std::optional<Cache> conversation_cache_;
  std::optional<SessionCache> session_cache_;  // in its place, where sessions look for their own
  LatencySampler fetch_;
  std::optional<Cache> response_cache_;
  std::optional<ModelRouter> model_router_;
  std::optional<Aggregator> aggregator_;
  std::optional<Broker> broker_;
  std::optional<HeldMessages> held_messages_;  // where the broker holds some
  std::optional<SafetyFilter> safety_before_;
  std::optional<Passage> tokenizer_;
  std::optional<Streaming> streaming_;
  std::optional<SafetyFilter> safety_after_;
  Clients clients_;

  std::array<bool, stage_count> present_{};
  std::array<bool, stage_count> in_order_{};  // entered by an event at its time
  std::array<Stage, stage_count> next_{};     // the present stage after each
  Stage first_ = Stage::serving;
  std::vector<StageCapacity> capacities_;

  TimingWheel wheel_;
  std::uint32_t last_stamp_ = 0;
  RandomStream trait_stream_;
  RandomStream conversation_stream_;
  RandomStream fetch_stream_;
  RandomStream chunk_stream_;
  std::vector<Flight> flights_;
  TimedObjects timed_flights_;
  std::vector<SharedPrefix> prefixes_;    // by place; empty unless keep_prefixes
  std::vector<RequestId> sessions_;       // by place, their first requests; see follows_sessions_
  std::vector<TimerId> timers_;           // by place
  std::vector<TimerId> patience_timers_;  // by place; empty when clients have all patience
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> place_of_slot_;      // by RequestSlot
  std::map<std::uint32_t, CarriedOver> carried_;  // by place, of those that fail over
  std::uint32_t entering_ = nowhere;              // is being given to a Service
  bool in_message_ = false;                       // requests of one message go on
  std::optional<StageResult> message_at_broker_;
  std::optional<SimTime> message_held_until_;
  std::vector<Thinker> thinkers_;
  std::vector<std::uint32_t> free_thinkers_;
  std::vector<double> expected_output_;  // by class
  std::int64_t live_ = 0;
  std::int64_t in_service_ = 0;
  std::int64_t thinking_ = 0;
  bool impatient_ = false;  // some deadline may be set
  bool keeps_prefixes_ = false;
  bool keeps_tenants_ = false;
  bool follows_sessions_ = false;  // experiments, or splits of the requests of sessions
  std::uint16_t attacking_ = 0;    // of the attack whose request arrives, from 1 on

  // What summary() tells.
  PathSummary counts_;
  /// From one datacenter to another: all ways that a failover may take.
  std::map<std::pair<std::uint16_t, std::uint16_t>, FailoverCounts> failovers_;
  std::vector<std::int64_t> bypassed_tokens_;  // prompt, output by tier
};

}  // namespace plimsoll
