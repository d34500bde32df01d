// What simple stages have in common: a latency law, a capacity, outages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/rng.hpp"
#include "service/latency_sampler.hpp"
#include "service/outages.hpp"
#include "service/stage_result.hpp"
#include "service/turnstile.hpp"

namespace plimsoll {

/// `id` names an attempt of a request in all calls; with a capacity they come in order of time.
/// With a `queue` so many may wait for their turns; it goes with a capacity whose turns are all
/// alike.
class Passage {
 public:
  Passage(std::uint64_t seed, const std::string& stage, const LatencyLaw& latency,
          std::optional<Frequency> capacity, const std::vector<OutageConfig>& outages,
          Duration per_token = {}, std::optional<Frequency> tokens = std::nullopt,
          std::optional<std::int64_t> queue = std::nullopt)
      : outages_{seed, "outage:" + stage, outages},
        latency_stream_{seed, "latency:" + stage},
        latency_{latency},
        per_token_{per_token},
        turnstile_{capacity, tokens},
        room_{queue} {}

  /// Its turn and its latency, with so many tokens; shed where there is no room to wait.
  StageResult pass(std::uint64_t id, SimTime t, std::int64_t tokens = 0) {
    if (room_ && turnstile_.waiting_at(t) > static_cast<double>(*room_)) {
      return ends_as(Outcome::shed);
    }
    const Duration wait = turnstile_.take(t, static_cast<double>(tokens));
    const Duration latency = latency_.draw(latency_stream_, id) + tokens * per_token_;
    return passes_after(wait, latency);
  }
  /// Its latency alone, without a turn.
  Duration latency_of(std::uint64_t id) const { return latency_.draw(latency_stream_, id); }
  bool is_out(std::uint64_t id, SimTime t) const { return outages_.hits(id, t); }

  const Outages& outages() const { return outages_; }
  Turnstile& turnstile() { return turnstile_; }
  const Turnstile& turnstile() const { return turnstile_; }

 private:
  Outages outages_;
  RandomStream latency_stream_;
  LatencySampler latency_;
  Duration per_token_;
  Turnstile turnstile_;
  std::optional<std::int64_t> room_;  // requests; none: any
};

}  // namespace plimsoll
