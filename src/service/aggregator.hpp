// Gathers requests into messages before they are handed on.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.hpp"
#include "service/passage.hpp"
#include "serving/replica.hpp"

namespace plimsoll {

/// The attempt `id` in place `place` of the path, in a message.
struct Gathered {
  std::uint32_t place = 0;
  std::uint64_t id = 0;
};

class MessageListener {
 public:
  virtual ~MessageListener() = default;
  /// A message goes on now, `latency` after its turn, with all who were gathered, in the order in
  /// which they came. Whose client left meanwhile is for the listener to know.
  virtual void on_message(const std::vector<Gathered>& requests, Duration latency, Phase phase) = 0;
  /// One that met an outage ends now.
  virtual void on_message_failed(const std::vector<Gathered>& requests) = 0;
};

/// A message is full with `size` requests, or goes when `window` has passed since its first. Then
/// it waits for the end of an outage, for its turn, where there is a capacity, and takes its
/// latency. With Poisson arrivals
/// at rate r, A(t) of them in t, the mean wait of a request is
///   sum over k = 0 .. size-2 of (k+1)/r P(A(window) > k), over 1 + sum over k = 1 .. size-1 of
///   P(A(window) >= k).
/// Costs two events a message at most, one more in an outage, and none a request.
class Aggregator {
 public:
  /// `kinds`: each gathers messages of its own. Everything referred to outlives it.
  Aggregator(std::uint64_t seed, const AggregationConfig& config, std::size_t kinds, Engine& engine,
             MessageListener& listener);

  /// A request of `kind` comes at now(); the listener may be told from within.
  void enter(const Gathered& request, std::size_t kind, Phase phase);
  const Turnstile& turnstile() const { return passage_.turnstile(); }
  /// Messages whose gathering has ended.
  std::int64_t messages() const { return messages_sent_; }

 private:
  enum class State : std::uint8_t { gathering, held, going };
  struct Message {
    std::vector<Gathered> requests;
    std::size_t kind = 0;
    State state = State::gathering;
    std::uint64_t id = 0;
    Duration latency{};
    TimerId timer = 0;
  };
  static constexpr std::uint32_t none = 0xffffffffU;
  static void on_timer(void* aggregator, std::uint64_t message);

  std::uint32_t begin_message(std::size_t kind);
  void close(std::uint32_t number, Phase phase);
  void hand_on(std::uint32_t number, Phase phase);
  void send(std::uint32_t number, Phase phase);
  template <class Tell>
  void end(std::uint32_t number, Tell tell);

  Engine& engine_;
  MessageListener& listener_;
  std::size_t size_;
  Duration window_;
  Passage passage_;
  DuringOutage during_outage_;
  std::vector<std::uint32_t> open_;  // by kind
  std::vector<Message> messages_;
  std::vector<std::uint32_t> free_;
  std::int64_t messages_sent_ = 0;
};

}  // namespace plimsoll
