// Messages that fill up, wait for their turn and go.
#include "service/aggregator.hpp"

namespace plimsoll {

Aggregator::Aggregator(std::uint64_t seed, const AggregationConfig& config, std::size_t kinds,
                       Engine& engine, MessageListener& listener)
    : engine_{engine},
      listener_{listener},
      size_{static_cast<std::size_t>(config.size)},
      window_{config.window},
      passage_{seed, "aggregation", config.latency, config.capacity, config.outages},
      during_outage_{config.during_outage},
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
  message.state = State::gathering;
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

/// Its place is free for another message once the listener has all of it.
template <class Tell>
void Aggregator::end(std::uint32_t number, Tell tell) {
  std::vector<Gathered> requests;
  requests.swap(messages_[number].requests);
  tell(requests);
  requests.clear();
  messages_[number].requests.swap(requests);
  free_.push_back(number);
}

/// Nobody joins it any more.
void Aggregator::close(std::uint32_t number, Phase phase) {
  Message& message = messages_[number];
  open_[message.kind] = none;
  message.id = static_cast<std::uint64_t>(messages_sent_++);
  hand_on(number, phase);
}

/// Held apart in an outage: whoever took a turn yet to come would hold up those that it does not
/// hit.
void Aggregator::hand_on(std::uint32_t number, Phase phase) {
  Message& message = messages_[number];
  const SimTime works_again = passage_.outages().end_for(message.id, engine_.now());
  if (works_again > engine_.now() && during_outage_ == DuringOutage::fail) {
    end(number,
        [this](const std::vector<Gathered>& requests) { listener_.on_message_failed(requests); });
    return;
  }
  if (works_again > engine_.now()) {
    message.state = State::held;
    engine_.arm(message.timer, works_again);
    return;
  }
  const StageResult result = passage_.pass(message.id, engine_.now());
  message.latency = result.latency;
  message.state = State::going;
  if (result.ahead > Duration::zero()) {
    engine_.arm(message.timer, engine_.now() + result.ahead);
  } else {
    send(number, phase);
  }
}

void Aggregator::on_timer(void* aggregator, std::uint64_t message) {
  Aggregator& self = *static_cast<Aggregator*>(aggregator);
  const auto number = static_cast<std::uint32_t>(message);
  switch (self.messages_[number].state) {
    case State::gathering:
      self.close(number, Phase::before_steps);
      return;
    case State::held:
      self.hand_on(number, Phase::before_steps);
      return;
    case State::going:
      self.send(number, Phase::before_steps);
      return;
  }
}

void Aggregator::send(std::uint32_t number, Phase phase) {
  end(number, [&](const std::vector<Gathered>& requests) {
    listener_.on_message(requests, messages_[number].latency, phase);
  });
}

}  // namespace plimsoll
