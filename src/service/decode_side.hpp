// The decode replicas of a model whose prefill replicas hand requests over: who gets them, and the
// KV that is on its way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/policies/router.hpp"
#include "service/scraped_loads.hpp"
#include "serving/kv_network.hpp"
#include "serving/waiting_queue.hpp"

namespace plimsoll {

/// KV that is on its way, or was when its request's client left.
struct KvOnTheWay {
  SimTime at{};  // when it arrives
  RequestId id = 0;
  RequestSlot slot = no_slot;
  std::uint8_t retries = 0;
  ReplicaIndex from = 0;
  ReplicaIndex to = 0;
  SimTime prefilled{};
  KvNetwork::Booking booking;
};

/// A request that is handed over.
struct HandOver {
  SimTime prefilled{};  // when it got the token that ended its prefill
  ReplicaIndex to = 0;  // while its KV is on the way
};

/// What a Service keeps beside its prefill replicas. The router knows all replicas of the model by
/// the same numbers as the service, and accepting ones only among those that decode.
struct DecodeSide {
  DecodeSide(std::unique_ptr<Router> of_decode, const std::vector<ReplicaLoad>& loads,
             std::uint64_t seed, const ServiceConfig& rules, const std::string& model,
             RequestTable& requests, KvNetwork& of_kv)
      : router{std::move(of_decode)},
        seen_loads{*router, loads, rules.scrape_interval, rules.own_count,
                   RandomStream{seed, "decode_router_scrape:" + model}},
        route_stream{seed, "decode_router:" + model},
        sent_stream{seed, "decode_router_sent:" + model},
        line{requests, RequestState::prefilled},
        network{of_kv} {}

  std::unique_ptr<Router> router;
  ScrapedLoads seen_loads;
  RandomStream route_stream;
  RandomStream sent_stream;  // loads of prefill replicas that have sent their KV
  WaitingQueue line;         // no decode replica accepts; their KV stays where it is
  KvNetwork& network;
  std::vector<KvOnTheWay> on_the_way;  // heap by (at, id)
  std::vector<HandOver> hand_overs;    // by slot, of those that are handed over
  std::int64_t handing_over = 0;       // requests in the line or whose KV is on the way
  TimerId arrival_timer = 0;
};

}  // namespace plimsoll
