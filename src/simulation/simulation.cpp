// One run, from the first arrival to the last answer.
#include "simulation/simulation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cost/bill.hpp"
#include "simulation/horizon.hpp"
#include "simulation/late_events.hpp"
#include "simulation/model_flops.hpp"
#include "simulation/token_times.hpp"
#include "simulation/weight_routes.hpp"

namespace plimsoll {
namespace {

/// Arrivals between two looks at the wall clock.
constexpr RequestId arrivals_per_look = 65'536;

/// A closed loop whose requests are all refused at once would never let time advance.
constexpr int refusals_without_time = 100'000;

constexpr Duration one_day = std::chrono::hours{24};

/// A fitted curve has three parameters: it may miss the points that it was given, and does not say
/// so.
std::string misfit_note(const std::vector<GrowthPoint>& points) {
  constexpr double tolerated = 0.1;
  std::string off;
  for (const GrowthPoint& point : points) {
    if (point.given > 0 && std::abs(point.fitted / point.given - 1) > tolerated) {
      off += fmt::format("{}{:.3g} users for {:.3g} at {:.4g} d ({:+.0f} %)",
                         off.empty() ? "" : ", ", point.fitted, point.given,
                         to_seconds(point.at) / 86400, 100 * (point.fitted / point.given - 1));
    }
  }
  return off.empty() ? off
                     : "The fitted growth curve misses its points by more than 10 %: " + off +
                           "; curve: milestones goes through all of them";
}

}  // namespace

Simulation::Simulation(const Config& config, const RunOptions& options)
    : config_{config},
      options_{options},
      plans_{plan_pools(config, options.audit_roofline)},
      collector_{config},
      source_{make_request_source(config, SourceOptions{options.skip_bad_rows})},
      engine_{platform_of(config, plans_)},
      stores_{config, engine_,
              [](const StoreConfig& store, int server, const std::string& region) {
                return host_of_store(store, server, region);
              }},
      shared_gpus_{config, engine_},
      operations_{config, plans_, engine_},
      arrival_timer_{engine_.make_timer(
          source_->closed_loop() ? EventPriority::dispatch : EventPriority::arrival,
          &Simulation::on_arrival, this, 0)},
      window_timer_{engine_.make_timer(EventPriority::window, &Simulation::on_window, this, 0)},
      look_timer_{engine_.make_timer(EventPriority::window, &Simulation::on_look, this, 0)},
      last_progress_{std::chrono::steady_clock::now()} {
  if (caches_prefixes(config)) {
    requests_.keep_prefixes();
  }
  operations_.watch_stores(stores_);
  if (!config.shared_gpus.empty()) {
    collector_.set_unallocated_energy([this] { return shared_gpus_.unallocated_energy(); });
  }
  operations_.watch_inventories(shared_gpus_.inventories());
  const PolicyRegistries policies = builtin_policies();
  build_services(policies);
  build_replicas();
  build_pools(policies);
  if (!config.horizon.windows.empty()) {
    carried_.emplace(config, plans_, engine_, *services_.front(),
                     path_ ? path_->share_to_service() : 1.0,
                     [this](std::int64_t requests) { take_backlog(requests); });
  }
  if (config.monitoring) {
    monitor_ = std::make_unique<Monitor>(config);
    collector_.set_monitor(monitor_.get());
  }
}

void Simulation::set_window_writer(std::function<void(const WindowSummary&)> writer) {
  collector_.set_window_writer(std::move(writer));
}

void Simulation::set_scaling_writer(std::function<void(const ScalingRow&)> writer) {
  scaled_tiers_.set_writer(writer);
  scaled_pools_.set_writer(std::move(writer));
}

void Simulation::set_incident_writer(std::function<void(const IncidentRow&)> writer) {
  operations_.set_writer(std::move(writer));
}

void Simulation::build_kv_network() {
  std::vector<Placement> placements;
  for (const auto& plan : plans_) {
    placements.push_back(plan->placement);
  }
  kv_network_ = std::make_unique<KvNetwork>(config_, placements);
}

void Simulation::set_monitoring_writer(std::function<void(const MonitoringRow&)> writer) {
  monitor_->set_writer(std::move(writer));
}

void Simulation::build_services(const PolicyRegistries& policies) {
  if (disaggregates(config_)) {
    build_kv_network();
  }
  const bool placed = datacenters_own_pools(config_);
  sites_ = Sites{config_.models.size(), placed ? config_.path->edge->datacenters.size() : 0};
  if (config_.path) {
    path_ = std::make_unique<RequestPath>(config_, engine_, collector_, *this, *this);
    stage_use_.emplace(config_, *path_);
  }
  EventSink& sink = path_ ? static_cast<EventSink&>(*path_) : collector_;
  EndListener& ends = path_ ? static_cast<EndListener&>(*path_) : *this;
  for (const PoolConfig& pool : config_.pools) {
    const std::optional<std::size_t> datacenter = datacenter_of(config_, pool);
    const auto site = static_cast<std::uint16_t>(datacenter.value_or(no_datacenter));
    if (sites_.of(pool.model, site) == nullptr) {
      services_.push_back(std::make_unique<Service>(config_, pool.model, policies, engine_,
                                                    requests_, sink, ends, datacenter));
      if (datacenter) {
        sites_.set_there(pool.model, *datacenter, *services_.back());
      } else {
        sites_.set_everywhere(pool.model, *services_.back());
      }
      if (pool.role != PoolRole::both) {
        services_.back()->hand_over_through(policies, *kv_network_);
      }
    }
    service_of_pool_.push_back(sites_.of(pool.model, site));
  }
  if (path_) {
    path_->connect(sites_);
    for (const auto& service : services_) {
      service->set_answer_readers(*path_);
      if (service->datacenter() &&
          !config_.path->edge->datacenters[*service->datacenter()].failover.empty()) {
        service->set_failover(*path_);
      }
    }
    if (config_.metrics.regions) {
      path_->tell_users(collector_.users());
    }
    if (requests_.keeps_prefixes()) {
      path_->keep_prefixes();
    }
    if (requests_.keeps_tenants()) {
      path_->keep_tenants();
    }
  }
}

void Simulation::build_replicas() {
  for (std::size_t p = 0; p < plans_.size(); ++p) {
    const ReplicaShape& shape = plans_[p]->shape;
    Service& service = *service_of_pool_[p];
    const double capacity =
        capacity_estimate(shape, expected_lengths(config_, config_.pools[p].model));
    for (int r = 0; r < replica_slots(config_.pools[p]); ++r) {
      replicas_.push_back(make_replica(static_cast<ReplicaIndex>(replicas_.size()), shape, engine_,
                                       requests_, collector_, service));
      service.add_replica(*replicas_.back(), capacity);
    }
  }
  for (const auto& service : services_) {
    service->open();
  }
}

std::vector<Replica*> Simulation::replicas_of(PoolIndex pool) const {
  std::vector<Replica*> found;
  for (const auto& replica : replicas_) {
    if (replica->shape().pool == pool) {
      found.push_back(replica.get());
    }
  }
  return found;
}

void Simulation::build_pools(const PolicyRegistries& policies) {
  if (path_) {
    scaled_tiers_.add(config_, *path_, engine_, policies.autoscalers);
  }
  for (std::size_t p = 0; p < plans_.size(); ++p) {
    const auto pool = static_cast<PoolIndex>(p);
    const PoolConfig& config = config_.pools[p];
    Service& service = *service_of_pool_[p];
    weights_.push_back(adds_cold(config) ? std::make_unique<WeightLoading>(
                                               config_, pool, weight_routes(config_, *plans_[p]),
                                               shared_gpus_.weight_nodes(pool), stores_, engine_)
                                         : nullptr);
    WeightLoading* const weights = weights_.back().get();
    if (config.allocation) {
      shared_gpus_.note_weights(pool, *weights);
    }
    if (is_fixed(config_, pool)) {
      scaled_pools_.skip(pool);
      FixedPool& fixed = operations_.add_fixed(pool, replicas_of(pool), service, weights);
      if (config.allocation) {
        fixed.share(shared_gpus_.scheduler(pool));
        shared_gpus_.note(pool, fixed);
      }
      continue;
    }
    scaled_pools_.add(
        config_, pool, replicas_of(pool), service, engine_, weights,
        config.autoscale ? policies.autoscalers.make(config.autoscale->policy) : nullptr);
    if (has_offers(config)) {
      scaled_pools_.pool(pool).buy(policies.placements.make(*config.procurement->placement));
    }
    if (config.allocation) {
      scaled_pools_.pool(pool).share(shared_gpus_.scheduler(pool));
      shared_gpus_.note(pool, scaled_pools_.pool(pool));
    }
    if (is_operated(config_, pool) || may_lack(config)) {
      operations_.add_scaled(pool, scaled_pools_.pool(pool), service, weights);
    } else {
      operations_.skip(pool);
    }
  }
}

void Simulation::start_pools() {
  operations_.start();  // what is slow from t = 0 on is so before the first pull
  for (std::size_t p = 0; p < plans_.size(); ++p) {
    const auto pool = static_cast<PoolIndex>(p);
    if (scaled_pools_.has(pool)) {
      scaled_pools_.open(pool);
    } else {
      operations_.open(pool);
    }
    if (weights_[p] != nullptr && !config_.pools[p].allocation) {
      weights_[p]->prefetch();
    }
  }
  shared_gpus_.start();
  for (std::size_t p = 0; p < plans_.size(); ++p) {
    if (weights_[p] != nullptr && config_.pools[p].allocation) {
      weights_[p]->prefetch();
    }
  }
}

RunResult Simulation::play() {
  start_pools();
  scaled_tiers_.open();
  if (carried_) {
    carried_->start();
  }
  fetch_arrival();
  engine_.arm(window_timer_, collector_.next_window_end());
  await_look();
  await_scrape();
  if (config_.duration > Duration::zero()) {
    engine_.at(sim_start + config_.duration, EventPriority::window, [this] {
      end_arrivals();
      stop_when_done();
    });
    engine_.at(sim_start + config_.duration + config_.drain, EventPriority::window,
               [this] { engine_.stop(); });
  }
  for (const SimTime at : price_changes(config_)) {
    if (at > sim_start) {
      engine_.at(at, EventPriority::window, [this] { mark_rent(); });
    }
  }
  engine_.run();
  return summarize();
}

void Simulation::fetch_arrival() {
  has_pending_ = more_arrivals_ && source_->next(pending_);
  if (has_pending_) {
    engine_.arm(arrival_timer_, pending_.at);
    return;
  }
  if (more_arrivals_ && !(source_->closed_loop() && collector_.in_flight() > 0)) {
    more_arrivals_ = false;
    if (config_.duration == Duration::zero()) {
      end_arrivals();
      engine_.at(engine_.now() + config_.drain, EventPriority::window, [this] { engine_.stop(); });
    }
  }
}

void Simulation::on_arrival(void* simulation, std::uint64_t) {
  static_cast<Simulation*>(simulation)->play_arrival();
}

/// `requests` of a gap between windows have been waiting since.
void Simulation::take_backlog(std::int64_t requests) {
  Arrival arrival;
  for (std::int64_t i = 0; i < requests && source_->draw_extra(engine_.now(), arrival); ++i) {
    begin_request(arrival, Phase::before_steps, true);
  }
}

void Simulation::begin_request(const Arrival& arrival, Phase phase, bool waiting) {
  const RequestId id = next_id_++;
  last_arrival_ = engine_.now();
  collector_.on_arrival(id, arrival.request_class, engine_.now());
  in_arrival_ = true;
  if (path_ && waiting) {
    path_->arrive_at_service(id, arrival, phase);
  } else if (path_) {
    path_->arrive(id, arrival, phase);
  } else {
    const ModelIndex model = config_.workload.classes[arrival.request_class].model;
    sites_.of(model, no_datacenter)->arrive(id, arrival, phase);
  }
  in_arrival_ = false;
}

void Simulation::on_follow_up(const Arrival& arrival) {
  begin_request(arrival, Phase::before_steps);
  stop_when_done();
}

void Simulation::play_arrival() {
  const Arrival& arrival = pending_;  // until the next one is fetched
  prefixes_seen_ = prefixes_seen_ || arrival.reusable_prefix_tokens > 0;
  if (config_.workload.users) {
    const auto day = static_cast<std::size_t>(engine_.now().time_since_epoch() / one_day);
    arrived_on_day_.resize(std::max(arrived_on_day_.size(), day + 1));
    ++arrived_on_day_[day];
  }
  const Phase phase = source_->closed_loop() ? Phase::after_steps : Phase::before_steps;
  const std::int64_t ended_before = collector_.ended();
  begin_request(arrival, phase);
  refused_in_a_row_ = collector_.ended() > ended_before ? refused_in_a_row_ + 1 : 0;
  if (source_->closed_loop() && refused_in_a_row_ > refusals_without_time) {
    throw ConfigError{{Diagnostic{"", 0, 0, "workload",
                                  "the closed loop stands still: request after request is refused "
                                  "the moment it arrives, and its user sends the next at once",
                                  "shorten the requests or raise max_context; raise "
                                  "service.queue.capacity or lower concurrency"}}};
  }
  fetch_arrival();
  stop_when_done();
  if (next_id_ % arrivals_per_look == 1) {
    report_progress();
  }
}

void Simulation::on_request_ended(SimTime now) {
  if (source_->closed_loop()) {
    source_->on_finished(now);
    if (!has_pending_ && !in_arrival_) {
      fetch_arrival();
    } else if (has_pending_ && !in_arrival_ && source_->swap_for_earlier(pending_.at)) {
      engine_.arm(arrival_timer_, pending_.at);
    }
  }
  if (!in_arrival_) {
    stop_when_done();
  }
}

void Simulation::stop_when_done() {
  if (!has_pending_ && collector_.in_flight() == 0 && (!path_ || path_->thinking() == 0) &&
      engine_.now() >= sim_start + config_.duration) {
    engine_.stop();
  }
}

/// The workload's own; turns of sessions that go on may follow.
void Simulation::end_arrivals() {
  if (stage_use_) {
    stage_use_->end_arrivals(engine_.now());
  }
  for (const auto& service : services_) {
    service->end_arrivals(engine_.now());
  }
}

void Simulation::on_window(void* simulation, std::uint64_t) {
  static_cast<Simulation*>(simulation)->close_window();
}

void Simulation::close_window() {
  const SimTime now = engine_.now();
  for (const auto& replica : replicas_) {
    replica->settle(now);
  }
  collector_.close_window(now, gauges(now), queued_centrally());
  if (stage_use_) {
    stage_use_->close_window(now);
  }
  engine_.arm(window_timer_, collector_.next_window_end());
  report_progress();
}

void Simulation::on_look(void* simulation, std::uint64_t) {
  static_cast<Simulation*>(simulation)->look();
}

void Simulation::await_look() {
  if (const SimTime next = collector_.next_look(engine_.now()); next != never) {
    engine_.arm(look_timer_, next);
  }
}

/// Who waits is known without telling what replicas have done so far.
void Simulation::look() {
  std::int64_t queued = queued_centrally();
  for (const auto& replica : replicas_) {
    queued += replica->waiting();
  }
  collector_.look(engine_.now(), queued);
  await_look();
}

void Simulation::await_scrape() {
  if (monitor_ != nullptr) {
    engine_.at(engine_.now() + config_.monitoring->scrape_interval, EventPriority::window,
               [this] { scrape(); });
  }
}

void Simulation::scrape() {
  const SimTime now = engine_.now();
  for (const auto& replica : replicas_) {
    replica->settle(now);
  }
  std::vector<PoolTokens> tokens;
  for (std::size_t p = 0; p < plans_.size(); ++p) {
    tokens.push_back(collector_.pool_tokens(p));
  }
  monitor_->scrape(now, gauges(now), tokens, {queued_centrally()});
  for (std::size_t r = 0; config_.monitoring->per_replica && r < replicas_.size(); ++r) {
    PoolGauges own;
    own.pool = replicas_[r]->shape().pool;
    replicas_[r]->add_gauges(own, now);
    monitor_->scrape_replica(now, replicas_[r]->index(), own);
  }
  await_scrape();
}

std::vector<PoolGauges> Simulation::gauges(SimTime t) const {
  std::vector<PoolGauges> gauges(plans_.size());
  for (std::size_t p = 0; p < gauges.size(); ++p) {
    gauges[p].pool = static_cast<PoolIndex>(p);
  }
  for (const auto& replica : replicas_) {
    replica->add_gauges(gauges[replica->shape().pool], t);
  }
  return gauges;
}

void Simulation::mark_rent() {
  RentMark& mark = rent_marks_.emplace_back();
  mark.at = engine_.now();
  for (const PoolGauges& pool : gauges(mark.at)) {
    mark.rented_ns.push_back(pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns);
  }
  for (std::size_t p = 0; p < config_.pools.size(); ++p) {
    const ElasticitySummary rented = scaled_pools_.elasticity(static_cast<PoolIndex>(p));
    mark.by_contract.push_back(rented.rented_ns);
    std::vector<std::int64_t>& by_offer = mark.by_offer.emplace_back();
    for (const OfferUse& use : rented.offers) {
      by_offer.push_back(use.rented_ns);
    }
  }
  mark.shared_gpu_ns = shared_gpus_.total_ns();
}

std::int64_t Simulation::queued_centrally() const {
  std::int64_t queued = path_ ? path_->held() : 0;
  for (const auto& service : services_) {
    queued += service->queued() + service->handing_over();
  }
  return queued;
}

void Simulation::report_progress() {
  const auto wall = std::chrono::steady_clock::now();
  if (wall - last_progress_ < std::chrono::milliseconds{100}) {
    return;
  }
  last_progress_ = wall;
  if (options_.on_progress) {
    const double done = config_.duration > Duration::zero()
                            ? std::min(1.0, to_seconds(engine_.now().time_since_epoch()) /
                                                to_seconds(config_.duration))
                            : 0.0;
    options_.on_progress(done, collector_.arrived());
  }
  if (options_.interrupted && options_.interrupted()) {
    engine_.stop();
  }
}

SimTime Simulation::arrivals_end() const {
  return config_.duration > Duration::zero() ? sim_start + config_.duration : last_arrival_;
}

/// What the scenario says and the model does not follow.
void Simulation::add_notes(RunResult& result) const {
  if (std::string note = misfit_note(result.growth_fit); !note.empty()) {
    result.notes.push_back(std::move(note));
  }
  if (std::string note = late_events_note(config_, result.arrivals_end, result.end);
      !note.empty()) {
    result.notes.push_back(std::move(note));
  }
  if (path_) {
    for (std::string& note : path_->notes()) {
      result.notes.push_back(std::move(note));
    }
  }
  for (std::string& note : source_->notes()) {
    result.notes.push_back(std::move(note));
  }
  if (prefixes_seen_ && caches_prefixes(config_) && config_.workload.trace_prefix) {
    result.notes.push_back(
        "The trace's reusable_prefix_tokens say how much an infinite cache would find, not in "
        "whose "
        "prompt: each row is taken to go on from the latest prompt that ended there, so prefix "
        "hits "
        "are an upper bound");
  } else if (prefixes_seen_) {
    result.notes.push_back(
        "The trace's reusable_prefix_tokens are not used: every prompt is computed in full");
  }
  for (const auto& service : services_) {
    for (const auto& plan : plans_) {
      const PoolConfig& pool = config_.pools[plan->shape.pool];
      const bool its_own =
          pool.model == service->model() && datacenter_of(config_, pool) == service->datacenter();
      if (its_own && pool.max_context > service->max_context()) {
        result.notes.push_back(fmt::format(
            "Pool {} could take {} tokens, but requests over {} end as over_context: the smallest "
            "max_context of the pools that serve {} binds",
            pool.name, pool.max_context, service->max_context(), config_.models[pool.model].name));
      }
    }
  }
}

/// Utilizations, and only the stages that the scenario has.
void Simulation::add_stages(RunResult& result) const {
  std::vector<StageSummary> present;
  for (StageSummary& row : result.stages) {
    if (path_->has(row.stage)) {
      stage_use_->tell(row);
      if (row.stage == Stage::serving) {
        tell_slots(result.pools, row);
      }
      present.push_back(row);
    }
  }
  result.stages = std::move(present);
  result.path = path_->summary();
}

/// The NICs that a pool has are the fleet's to know.
void Simulation::set_nic_utilizations(RunResult& result) const {
  const auto elapsed = static_cast<double>(engine_.now().time_since_epoch().count());
  for (std::size_t p = 0; p < result.pools.size(); ++p) {
    std::optional<KvTransferSummary>& kv = result.pools[p].kv_transfer;
    if (kv && elapsed > 0) {
      const auto nics = static_cast<double>(kv_network_->nics(static_cast<PoolIndex>(p)));
      kv->nic_utilization = static_cast<double>(kv->nic_ns) / (nics * elapsed);
    }
  }
}

RunResult Simulation::summarize() {
  const SimTime end = engine_.now();
  end_arrivals();
  if (path_) {
    path_->tell_under_way();
  }
  for (const auto& replica : replicas_) {
    replica->settle(end);
  }
  if (carried_) {
    collector_.weigh(window_weights(config_, carried_->gaps()));
  }
  RunResult result =
      collector_.finish(end, std::min(arrivals_end(), end), gauges(end), queued_centrally());
  for (std::size_t p = 0; p < plans_.size(); ++p) {
    result.pools[p].memory_arithmetic = plans_[p]->fit.arithmetic;
    result.pools[p].token_times = token_times(plans_[p]->shape, result, p);
    result.pools[p].model_flops_utilization =
        model_flops_utilization(config_, p, collector_.measured_tokens(p), result.pools[p]);
  }
  set_nic_utilizations(result);
  result.rent_marks = std::move(rent_marks_);
  scaled_pools_.summarize(result);
  operations_.summarize(result);
  shared_gpus_.summarize(result);
  if (result.allocation) {
    for (const auto& service : services_) {
      add_to(result.allocation->losses, service->losses());
    }
  }
  scaled_tiers_.summarize(result);
  if (monitor_ != nullptr) {
    result.monitoring = monitor_->summarize(end);
  }
  if (path_) {
    add_stages(result);
  }
  for (const auto& service : services_) {
    if (auto fairness = service->fairness()) {
      result.fairness.push_back(std::move(*fairness));
    }
  }
  result.demand = demand_by_day(config_);
  result.growth_fit = growth_fit(config_);
  result.tier_users = mean_users_by_tier(config_);
  for (std::size_t d = 0; d < std::min(result.demand.size(), arrived_on_day_.size()); ++d) {
    result.demand[d].arrived = arrived_on_day_[d];
  }
  if (carried_) {
    result.horizon = weigh_windows(config_, collector_.covered(), carried_->gaps());
  }
  add_notes(result);
  result.events = engine_.events();
  result.skipped_rows = source_->skipped_rows();
  return result;
}

}  // namespace plimsoll
