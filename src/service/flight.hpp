// A request on the path, from its client's first attempt to its one outcome.
#pragma once

#include <cstdint>

#include "plimsoll/stages.hpp"
#include "service/cache.hpp"
#include "service/limits.hpp"
#include "serving/user_events.hpp"

namespace plimsoll {

/// What its timer is for, or who holds it.
enum class FlightState : std::uint8_t {
  free,
  moving,       // timer: comes to the stage `next`
  at_api_tier,  // waits for a worker or is worked on
  gathering,    // in a message that has not gone yet
  held,         // before the broker, which fails over
  serving,      // in a Service
  ending,       // timer: its answer or refusal reaches the client
  backing_off,  // timer: the next attempt begins
  gives_up,     // timer: the client leaves or starts anew, before what was to come
  turns_back,   // the same, on the way to the stage `next`
};

/// Three cache lines: a run at full scale has half a million of them.
struct alignas(64) Flight {
  RequestRecord record;          // what metrics are told of it
  SimTime patience = never;      // when the client leaves
  SimTime attempt_ends = never;  // when it gives the attempt up
  SimTime stage_began{};         // at_api_tier, gathering, held, serving
  Duration back{};               // of the way from the datacenter to the client
  Duration setup{};              // of its connection
  Duration reading{};            // that the client takes beyond the engine
  AskedObject object;
  LimitedRequest limited;
  std::uint32_t patience_stamp = 0;  // of the wake-up that is wanted; 0: none
  UserPlace at;
  std::uint16_t attempt = 0;  // 1, 2, ...
  ModelIndex model = 0;       // that answers
  ModelIndex wanted = 0;      // that would, if nothing spilled
  Stage next = Stage::edge;
  FlightState state = FlightState::free;
  Outcome leaving = Outcome::completed;  // otherwise: its client left the service
  bool counted = false;                  // in concurrency limits
  bool bypassed = false;
  bool spilled = false;
  bool connected = false;
  std::uint16_t attack = 0;      // 0: of a user; else of which attack, from 1 on
  std::int32_t used_tokens = 0;  // of the attempt: computed by a replica
  bool reconnected = false;      // by a connection that idled
  bool context_lost = false;     // of its session: what it goes on is to be computed anew
  bool failing_over = false;     // on its way from one datacenter to another
  std::uint8_t failovers = 0;    // so far, modulo 64: attempts differ by it
};
static_assert(sizeof(Flight) == 192);

}  // namespace plimsoll
