// Metrics room: requests that end, one by one, and what follows from their counts.
#include "metrics/request_counts.hpp"

#include <algorithm>

namespace plimsoll {
namespace {

bool within(const std::optional<Duration>& bound, Duration value) {
  return !bound || value <= *bound;
}

std::int64_t sum_of(const std::array<std::int64_t, outcome_count>& counts) {
  std::int64_t sum = 0;
  for (const std::int64_t count : counts) {
    sum += count;
  }
  return sum;
}

double share_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

bool meets(const SloConfig& slo, const RequestRecord& record) {
  if (record.first_token == never) {
    return !slo.ttft && !slo.tpot && !slo.queue &&
           within(slo.e2e, record.finished - record.arrived);
  }
  const Duration decoding = record.finished - record.first_token;
  return within(slo.ttft, record.first_token - record.arrived) &&
         within(slo.e2e, record.finished - record.arrived) &&
         within(slo.queue, record.scheduled - record.arrived) &&
         (record.emitted_tokens < 2 || within(slo.tpot, decoding / (record.emitted_tokens - 1)));
}

std::optional<std::int64_t> tpot_ns(const RequestRecord& record) {
  if (record.emitted_tokens < 2 || record.first_token == never) {
    return std::nullopt;
  }
  const std::int64_t gaps = record.emitted_tokens - 1;
  return ((record.finished - record.first_token).count() + gaps / 2) / gaps;
}

void EndedCounts::add_end(const RequestRecord& record, bool measured, bool in_span,
                          const SloConfig& objectives) {
  const auto outcome = static_cast<std::size_t>(record.outcome);
  ++outcomes[outcome];
  measured_outcomes[outcome] += measured ? 1 : 0;
  cached_output_tokens += record.outcome == Outcome::cached ? record.output_tokens : 0;
  if (record.outcome != Outcome::completed) {
    return;
  }
  billed_prompt_tokens += record.prompt_tokens;
  billed_output_tokens += record.emitted_tokens;
  if (!measured && !in_span) {
    return;
  }
  const int met = meets(objectives, record) ? 1 : 0;
  if (measured) {
    prompt_tokens += record.prompt_tokens;
    output_tokens += record.emitted_tokens;
    prefix_hit_tokens += record.prefix_hit_tokens;
    good += met;
  }
  if (in_span) {
    ++rated.requests;
    rated.good += met;
    rated.prompt_tokens += record.prompt_tokens;
    rated.output_tokens += record.emitted_tokens;
  }
}

void EndedCounts::add(const EndedCounts& other, std::int64_t sign) {
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    outcomes[i] += sign * other.outcomes[i];
    measured_outcomes[i] += sign * other.measured_outcomes[i];
  }
  prompt_tokens += sign * other.prompt_tokens;
  output_tokens += sign * other.output_tokens;
  prefix_hit_tokens += sign * other.prefix_hit_tokens;
  billed_prompt_tokens += sign * other.billed_prompt_tokens;
  billed_output_tokens += sign * other.billed_output_tokens;
  cached_output_tokens += sign * other.cached_output_tokens;
  good += sign * other.good;
  rated.requests += sign * other.rated.requests;
  rated.good += sign * other.rated.good;
  rated.prompt_tokens += sign * other.rated.prompt_tokens;
  rated.output_tokens += sign * other.rated.output_tokens;
}

std::int64_t EndedCounts::ended() const {
  return sum_of(outcomes);
}

std::int64_t EndedCounts::measured_ended() const {
  return sum_of(measured_outcomes);
}

std::int64_t EndedCounts::measured_answered() const {
  return measured_outcomes[static_cast<std::size_t>(Outcome::completed)] +
         measured_outcomes[static_cast<std::size_t>(Outcome::cached)];
}

std::int64_t EndedCounts::measured_degraded() const {
  return measured_outcomes[static_cast<std::size_t>(Outcome::degraded)];
}

void RequestLatencies::add_end(const RequestRecord& record) {
  if (record.scheduled != never) {
    queue.add((record.scheduled - record.arrived).count());
  }
  if (!answered_by_model(record.outcome)) {
    return;
  }
  e2el.add((record.finished - record.arrived).count());
  if (const std::optional<std::int64_t> gap = tpot_ns(record)) {
    tpot.add(*gap);
  }
}

void RequestLatencies::merge(const RequestLatencies& other) {
  ttft.merge(other.ttft);
  tpot.merge(other.tpot);
  e2el.merge(other.e2el);
  queue.merge(other.queue);
}

void RequestLatencies::clear() {
  ttft.clear();
  tpot.clear();
  e2el.clear();
  queue.clear();
}

void put_counts(SliceSummary& slice, const EndedCounts& counts, std::int64_t in_flight,
                std::int64_t measured_in_flight, std::int64_t overdue, double seconds) {
  slice.in_flight = in_flight;
  slice.arrived = counts.ended() + in_flight;
  slice.outcomes = counts.outcomes;
  slice.prompt_tokens = counts.prompt_tokens;
  slice.output_tokens = counts.output_tokens;
  slice.prefix_hit_tokens = counts.prefix_hit_tokens;
  slice.prefix_hit_rate = share_of(counts.prefix_hit_tokens, counts.prompt_tokens);
  slice.billed_prompt_tokens = counts.billed_prompt_tokens;
  slice.billed_output_tokens = counts.billed_output_tokens;
  slice.measured = counts.measured_outcomes[static_cast<std::size_t>(Outcome::completed)];
  slice.measured_arrivals = counts.measured_ended() + measured_in_flight;
  slice.unfinished =
      slice.measured_arrivals - counts.measured_answered() - counts.measured_degraded();
  slice.unfinished_share = share_of(slice.unfinished, slice.measured_arrivals);
  slice.good = counts.good;
  slice.availability = share_of(counts.measured_answered(), counts.measured_ended() + overdue);
  const auto per_second = [seconds](std::int64_t amount) {
    return seconds > 0 ? static_cast<double>(amount) / seconds : 0.0;
  };
  slice.request_throughput = per_second(counts.rated.requests);
  slice.output_throughput = per_second(counts.rated.output_tokens);
  slice.total_token_throughput =
      per_second(counts.rated.prompt_tokens + counts.rated.output_tokens);
  slice.request_goodput = per_second(counts.rated.good);
}

}  // namespace plimsoll
