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
class Passage {
 public:
  Passage(std::uint64_t seed, const std::string& stage, const LatencyLaw& latency,
          std::optional<Frequency> capacity, const std::vector<OutageConfig>& outages)
      : outages_{seed, "outage:" + stage, outages},
        latency_stream_{seed, "latency:" + stage},
        latency_{latency},
        turnstile_{capacity} {}

  /// Its turn and its latency.
  StageResult pass(std::uint64_t id, SimTime t) {
    const Duration wait = turnstile_.take(t);
    const Duration latency = latency_.draw(latency_stream_, id);
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
  Turnstile turnstile_;
};

}  // namespace plimsoll
