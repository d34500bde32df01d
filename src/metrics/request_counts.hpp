// Metrics room: what is counted and measured of requests, whichever set of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "metrics/sketch.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/metrics.hpp"
#include "serving/events.hpp"

namespace plimsoll {

/// What completed in the span that rates are over: from the warm-up to the last arrival, whenever
/// it had arrived; where only windows are played, what arrived in them.
struct CompletedCounts {
  std::int64_t requests = 0;
  std::int64_t good = 0;  // within all their SLOs
  std::int64_t prompt_tokens = 0;
  std::int64_t output_tokens = 0;
};
/// A model answered to the end, be it a fallback or a corrupt copy.
constexpr bool answered_by_model(Outcome outcome) {
  return outcome == Outcome::completed || outcome == Outcome::degraded;
}

/// Counts of requests that ended, all exact.
struct EndedCounts {
  std::array<std::int64_t, outcome_count> outcomes{};           // of all requests
  std::array<std::int64_t, outcome_count> measured_outcomes{};  // of those after the warm-up
  std::int64_t prompt_tokens = 0;                               // of measured completed requests
  std::int64_t output_tokens = 0;
  std::int64_t prefix_hit_tokens = 0;
  std::int64_t billed_prompt_tokens = 0;  // of all completed requests
  std::int64_t billed_output_tokens = 0;
  std::int64_t cached_output_tokens = 0;  // of all requests that a cache answered
  std::int64_t good = 0;                  // measured completed requests within all their SLOs
  CompletedCounts rated;

  /// A request ended; `objectives` are its tier's. `in_span`: within what rates are over.
  void add_end(const RequestRecord& record, bool measured, bool in_span,
               const SloConfig& objectives);
  void add(const EndedCounts& other, std::int64_t sign);
  std::int64_t ended() const;
  std::int64_t measured_ended() const;
  std::int64_t measured_answered() const;  // as asked for: completed or cached
  std::int64_t measured_degraded() const;  // answered otherwise
};

/// The latencies that belong to requests; those to the last token to all that a model answered,
/// whichever it was.
struct RequestLatencies {
  LatencySketch ttft, tpot, e2el, queue;

  /// A measured request ended: all but its time to the first token, which is known before.
  void add_end(const RequestRecord& record);
  void merge(const RequestLatencies& other);
  void clear();
};

/// Metrics of thresholds that are latencies of requests.
inline constexpr std::array<std::pair<const char*, LatencySketch RequestLatencies::*>, 4>
    request_latencies = {{{"ttft_ms", &RequestLatencies::ttft},
                          {"tpot_ms", &RequestLatencies::tpot},
                          {"e2el_ms", &RequestLatencies::e2el},
                          {"queue_ms", &RequestLatencies::queue}}};

/// Its mean gap between tokens; none with one token only.
std::optional<std::int64_t> tpot_ns(const RequestRecord& record);

/// Whether a completed request met all objectives that are set.
bool meets(const SloConfig& objectives, const RequestRecord& record);

/// Fills in what follows from counts: `in_flight` requests have not ended, `measured_in_flight` of
/// them came after the warm-up and `overdue` of these wait in vain (waits_in_vain), and what is
/// rated is of `seconds`.
void put_counts(SliceSummary& slice, const EndedCounts& counts, std::int64_t in_flight,
                std::int64_t measured_in_flight, std::int64_t overdue, double seconds);

}  // namespace plimsoll
