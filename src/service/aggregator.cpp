// Messages that fill up, wait for their turn and go.
#include "service/aggregator.hpp"

namespace plimsoll {

Aggregator::Aggregator(std::uint64_t seed, const AggregationConfig& config, std::size_t kinds,
                       Engine& engine, MessageListener& listener)
    : engine_{engine},
      listener_{listener},
      size_{static_cast<std::size_t>(config.size)},
      window_{config.window},
      passage_{seed, "aggregation", config.latency, config.capacity, {}},
      open_(kinds, none) {
}

std::uint32_t Aggregator::begin_message(std::size_t kind) {
  std::uint32_t number = 0;
  if (free_.empty()) {
    number = static_cast<std::uint32_t>(messages_.size());
    messages_.emplace_back();
    messages_[number].timer =
        engine_.make_timer(EventPriority::arrival, &Aggregator::on_timer, this, number);
  } else {
    number = free_.back();
    free_.pop_back();
  }
  Message& message = messages_[number];
  message.kind = kind;
  message.gathering = true;
  if (size_ > 1) {
    engine_.arm(message.timer, engine_.now() + window_);
  }
  open_[kind] = number;
  return number;
}

void Aggregator::enter(const Gathered& request, std::size_t kind, Phase phase) {
  const std::uint32_t number = open_[kind] == none ? begin_message(kind) : open_[kind];
  Message& message = messages_[number];
  message.requests.push_back(request);
  if (message.requests.size() == size_) {
    engine_.disarm(message.timer);
    close(number, phase);
  }
}

/// Nobody joins it any more.
void Aggregator::close(std::uint32_t number, Phase phase) {
  Message& message = messages_[number];
  open_[message.kind] = none;
  const auto id = static_cast<std::uint64_t>(messages_sent_++);
  message.after = passage_.pass(id, engine_.now()).ahead;
  message.gathering = false;
  if (message.after > Duration::zero()) {
    engine_.arm(message.timer, engine_.now() + message.after);
  } else {
    send(number, phase);
  }
}

void Aggregator::on_timer(void* aggregator, std::uint64_t message) {
  Aggregator& self = *static_cast<Aggregator*>(aggregator);
  const auto number = static_cast<std::uint32_t>(message);
  if (self.messages_[number].gathering) {
    self.close(number, Phase::before_steps);
  } else {
    self.send(number, Phase::before_steps);
  }
}

/// Its place is free for another message once the listener has all of it.
void Aggregator::send(std::uint32_t number, Phase phase) {
  std::vector<Gathered> requests;
  requests.swap(messages_[number].requests);
  listener_.on_message(requests, messages_[number].after, phase);
  requests.clear();
  messages_[number].requests.swap(requests);
  free_.push_back(number);
}

}  // namespace plimsoll
