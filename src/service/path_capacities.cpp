// What of each stage can be used up: turns, workers, connections, memory of caches.
#include <fmt/format.h>

#include <utility>

#include "service/request_path.hpp"

namespace plimsoll {

void RequestPath::note_capacity(Stage stage, const char* what,
                                std::function<CapacityUse(SimTime)> use) {
  capacities_.push_back({stage, fmt::format("{} of {}", what, stage_name(stage)), std::move(use)});
}

void RequestPath::note_turns(Stage stage, const Turnstile& turnstile) {
  if (turnstile.limited()) {
    note_capacity(stage, "turns", [&turnstile](SimTime t) { return turnstile.use(t); });
  }
}

void RequestPath::note_capacities() {
  note_edge_capacities();
  note_cache_capacities();
  if (load_balancer_) {
    note_turns(Stage::load_balancer, load_balancer_->turnstile());
  }
  if (limits_) {
    note_turns(Stage::limits, limits_box_->turnstile());
  }
  if (auth_) {
    note_turns(Stage::auth, auth_->turnstile());
  }
  if (api_tier_) {
    note_capacity(Stage::api_tier, "workers", [this](SimTime) {
      const ApiTier::WorkerTime time = api_tier_->worker_time();
      return CapacityUse{time.busy, time.all};
    });
  }
  if (model_router_) {
    note_turns(Stage::model_router, model_router_->turnstile());
  }
  if (aggregator_) {
    note_turns(Stage::aggregation, aggregator_->turnstile());
  }
  if (broker_ && broker_->limited()) {
    note_capacity(Stage::broker, "turns", [this](SimTime t) { return broker_->use(t); });
  }
  if (safety_before_) {
    note_turns(Stage::safety_before, safety_before_->turnstile());
  }
  if (tokenizer_) {
    note_turns(Stage::tokenizer, tokenizer_->turnstile());
  }
  if (streaming_ && streaming_->limited()) {
    note_capacity(Stage::streaming, "connections",
                  [this](SimTime t) { return streaming_->use(t); });
  }
  if (safety_after_) {
    note_turns(Stage::safety_after, safety_after_->turnstile());
  }
}

/// Every entrance for itself: room at one of them helps nobody who has to come by another.
void RequestPath::note_edge_capacities() {
  if (!edge_) {
    return;
  }
  const auto note = [this](Stage stage, const std::string& of, const Turnstile& entrance) {
    if (entrance.limited()) {
      capacities_.push_back({stage, of, [&entrance](SimTime t) { return entrance.use(t); }});
    }
  };
  for (std::size_t r = 0; r < path_.edge->regions.size(); ++r) {
    note(Stage::edge, "turns of region " + path_.edge->regions[r].name,
         edge_->entrance_of_region(r));
  }
  for (std::size_t d = 0; d < path_.edge->datacenters.size(); ++d) {
    note(Stage::wan, "turns of datacenter " + path_.edge->datacenters[d].name,
         edge_->entrance_of_datacenter(d));
  }
}

void RequestPath::note_cache_capacities() {
  const auto note_memory = [this](Stage stage, const auto& cache) {
    note_capacity(stage, "memory", [&cache](SimTime) {
      return CapacityUse{cache.utilization(), 1};
    });
    capacities_.back().is_level = true;
  };
  if (cdn_) {
    note_memory(Stage::edge, *cdn_);
  }
  if (session_cache_) {
    note_memory(Stage::conversation_cache, *session_cache_);
    note_turns(Stage::conversation_cache, session_cache_->turnstile());
  }
  if (conversation_cache_) {
    note_memory(Stage::conversation_cache, *conversation_cache_);
    note_turns(Stage::conversation_cache, conversation_cache_->turnstile());
  }
  if (response_cache_) {
    note_memory(Stage::response_cache, *response_cache_);
    note_turns(Stage::response_cache, response_cache_->turnstile());
  }
}

}  // namespace plimsoll
