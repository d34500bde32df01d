// The bad and slow shares of a new version's answers over a window that lies some time back.
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
  samples_.push_back({now, counts.answers, bad_of(counts), counts.slow});
  const SimTime end = now - config_.delay;
  const SimTime begin = end - config_.window;
  Sample last;  // nothing was answered before the first look
  for (const Sample& sample : samples_) {
    if (sample.at <= end) {
      last = sample;
    }
  }
  known_ = last.answers;
  const auto lies_before = [&](const Sample& sample) {
    return sample.at <= begin && last.answers - sample.answers >= config_.minimum_answers;
  };
  while (samples_.size() > 1 && lies_before(samples_[1])) {
    samples_.pop_front();
  }
  const Sample before = lies_before(samples_.front()) ? samples_.front() : Sample{};
  const std::int64_t answers = last.answers - before.answers;
  const auto reaches = [answers](std::int64_t some, double share) {
    return static_cast<double>(some) >= share * static_cast<double>(answers);
  };
  return answers >= config_.minimum_answers &&
         (reaches(last.bad - before.bad, config_.threshold) ||
          (last.slow > before.slow && reaches(last.slow - before.slow, config_.slow_share)));
}

}  // namespace plimsoll
