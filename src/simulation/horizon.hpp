// Less than everything was played: one N-th of a fleet, or windows of a horizon, and what that says
// of the whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metrics/weighed_windows.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"

namespace plimsoll {

/// One N-th of `config`: replicas, uplinks of stores and room in the queue; its demand follows from
/// HorizonConfig::sample. Config has checked that N divides the replicas.
Config sampled(const Config& config);

/// What became of a gap's requests, by estimate.
struct GapBacklog {
  std::int64_t carried = 0;
  std::int64_t left = 0;
};

/// Turns what one N-th gave into what the whole gives: counts, tokens, GPU time and rates are
/// multiplied, latencies and shares stay.
void scale_back(RunResult& result, int n);
void scale_back(WindowSummary& window, int n);

/// Each window stands for the part of the horizon that is nearer to it than to others. Who left a
/// gap
/// (`gaps` are by window) belongs to the windows beside it, in proportion to the arrivals of its
/// halves.
std::vector<WindowWeight> window_weights(const Config& config, const std::vector<GapBacklog>& gaps);

/// The horizon by these weights. Who left was not served and pays nothing. Fleets are
/// rented in gaps as well, so that costs by time are those of the horizon as they are; what follows
/// load (HorizonSummary::load) is estimated.
HorizonSummary weigh_windows(const Config& config, const std::vector<CoveredCounts>& covered,
                             const std::vector<GapBacklog>& gaps);

/// How a sample or windows were taken, in sentences.
std::vector<std::string> horizon_notes(const Config& config, const RunResult& result);

}  // namespace plimsoll
