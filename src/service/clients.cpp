// Patience, retries and sessions.
#include "service/clients.hpp"

#include <algorithm>
#include <cmath>

namespace plimsoll {
namespace {

/// Lengths of further turns are drawn apart from those of arrivals, which count from 0.
constexpr RequestId first_turn = RequestId{1} << 40;

/// Sessions of clients, apart from what workloads name and what traces imply.
constexpr PrefixId first_session = PrefixId{1} << 61;  // as many belong to clients

}  // namespace

Clients::Clients(const Config& config, std::uint64_t seed)
    : patience_stream_{seed, "patience"},
      back_off_stream_{seed, "back_off"},
      session_stream_{seed, "session"},
      maker_{config.workload, seed} {
  if (config.path->clients) {
    const ClientConfig& clients = *config.path->clients;
    timeout_ = clients.timeout;
    retries_ = clients.retries;
    sessions_ = clients.sessions;
    if (clients.patience) {
      patience_ = LatencySampler{*clients.patience};
    }
    if (sessions_) {
      think_ = LatencySampler{sessions_->think};
    }
  }
}

SimTime Clients::patience_ends(RequestId request, SimTime t) const {
  return patience_ ? t + patience_->draw(patience_stream_, request) : never;
}

SimTime Clients::attempt_ends(SimTime t) const {
  return timeout_ ? t + *timeout_ : never;
}

bool Clients::tries_again(Outcome outcome, int attempt) const {
  if (!retries_ || attempt >= retries_->attempts) {
    return false;
  }
  return outcome == Outcome::rate_limited || outcome == Outcome::shed ||
         outcome == Outcome::queue_full || outcome == Outcome::timed_out ||
         outcome == Outcome::failed;
}

Duration Clients::back_off(RequestId request, int attempt) const {
  const auto base = static_cast<double>(retries_->base.count());
  const auto most = static_cast<double>(retries_->maximum.count());
  double wait = std::min(most, base * std::pow(retries_->factor, attempt - 1));
  if (retries_->jitter == Jitter::full) {
    Draws draws = back_off_stream_.of(request | (static_cast<std::uint64_t>(attempt) << 48));
    wait *= draws.uniform();
  }
  return Duration{std::max<std::int64_t>(1, static_cast<std::int64_t>(wait))};
}

std::optional<Duration> Clients::next_turn(RequestId request) const {
  Draws draws = session_stream_.of(request);
  const double mark = draws.uniform();
  if (mark >= sessions_->go_on) {
    return std::nullopt;
  }
  return think_.draw(draws);
}

PrefixId Clients::session_of(RequestId id) {
  return first_session + id;
}

bool Clients::is_own(PrefixId session) {
  return (session ^ first_session) < first_session;
}

Arrival Clients::make_turn(std::uint64_t number, ClassIndex request_class,
                           const Conversation& conversation, int max_context) const {
  Arrival turn;
  turn.request_class = request_class;
  maker_.fill_lengths(first_turn + number, turn);
  turn.prefix.session = conversation.prefix.session;
  if (!sessions_->keeps_context) {
    return turn;
  }
  const std::int64_t room = std::int64_t{max_context} - turn.output_tokens - turn.prompt_tokens;
  const std::int64_t kept =
      std::clamp<std::int64_t>(conversation.tokens, 0, std::max<std::int64_t>(0, room));
  turn.prompt_tokens += static_cast<std::int32_t>(kept);
  if (kept == conversation.tokens) {
    turn.prefix = conversation.prefix;
    turn.prefix.history_tokens = static_cast<std::int32_t>(kept);
  } else {
    turn.prefix = SharedPrefix{};
    turn.prefix.session = session_of(first_turn + number);
  }
  return turn;
}

}  // namespace plimsoll
