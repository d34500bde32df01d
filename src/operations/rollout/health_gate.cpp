// The bad share of a new version's answers over a window that lies some time back.
#include "operations/rollout/health_gate.hpp"

namespace plimsoll {

std::int64_t HealthGate::bad_of(const AnswerCounts& counts) const {
  switch (config_.signal) {
    case GateSignal::degraded:
      return counts.degraded;
    case GateSignal::failed:
      return counts.failed;
    case GateSignal::bad:
      break;
  }
  return counts.degraded + counts.failed;
}

bool HealthGate::look(SimTime now, const AnswerCounts& counts) {
  samples_.push_back({now, counts.answers, bad_of(counts)});
  const SimTime end = now - config_.delay;
  const SimTime begin = end - config_.window;
  while (samples_.size() > 1 && samples_[1].at <= begin) {
    samples_.pop_front();
  }
  Sample before;  // nothing was answered before the first look
  if (samples_.front().at <= begin) {
    before = samples_.front();
  }
  Sample last = before;
  for (const Sample& sample : samples_) {
    if (sample.at <= end) {
      last = sample;
    }
  }
  const std::int64_t answers = last.answers - before.answers;
  const auto bad = static_cast<double>(last.bad - before.bad);
  return answers >= config_.minimum_answers &&
         bad >= config_.threshold * static_cast<double>(answers);
}

}  // namespace plimsoll
