// Buckets of wake-ups and their opening.
#include "service/timing_wheel.hpp"

namespace plimsoll {

TimingWheel::TimingWheel(Engine& engine, const WakeUpOwner& owner)
    : engine_{engine},
      owner_{owner},
      timer_{engine.make_timer(EventPriority::fleet, &TimingWheel::on_span, this, 0)},
      ring_(static_cast<std::size_t>(buckets)) {
}

void TimingWheel::wake(SimTime at, TimerId timer, std::uint32_t place, std::uint32_t stamp) {
  const std::int64_t now_span = span_of(engine_.now());
  if (span_of(at) <= now_span) {
    engine_.arm(timer, at);
    return;
  }
  if (entries_ == 0) {
    next_span_ = now_span + 1;
    engine_.arm(timer_, SimTime{Duration{next_span_ * span_ns}});
  }
  ++entries_;
  put({at, timer, place, stamp});
}

void TimingWheel::put(const Entry& entry) {
  const std::int64_t span = span_of(entry.at);
  if (span - next_span_ >= buckets) {
    far_.push_back(entry);
  } else {
    ring_[static_cast<std::size_t>(span % buckets)].push_back(entry);
  }
}

void TimingWheel::on_span(void* wheel, std::uint64_t) {
  static_cast<TimingWheel*>(wheel)->open_next();
}

void TimingWheel::open_next() {
  const std::int64_t span = next_span_++;
  // Twice a turn: nothing in `far_` is due before half a turn has passed.
  if (span % (buckets / 2) == 0 && !far_.empty()) {
    std::vector<Entry> again;
    again.swap(far_);
    for (const Entry& entry : again) {
      put(entry);
    }
  }
  std::vector<Entry> opened;
  opened.swap(ring_[static_cast<std::size_t>(span % buckets)]);
  entries_ -= static_cast<std::int64_t>(opened.size());
  for (const Entry& entry : opened) {
    if (entry.stamp == 0 || owner_.wants(entry.place, entry.stamp)) {
      engine_.arm(entry.timer, entry.at);
    }
  }
  if (entries_ > 0) {
    engine_.arm(timer_, SimTime{Duration{next_span_ * span_ns}});
  }
}

}  // namespace plimsoll
