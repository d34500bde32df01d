// Pacing by arithmetic: no event per token.
#include "service/streaming.hpp"

#include <algorithm>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

namespace plimsoll {

Streaming::Streaming(std::uint64_t seed, const StreamingConfig& config)
    : setup_{seed, "streaming", config.setup, std::nullopt, config.outages},
      reuse_stream_{seed, "connection_reuse"},
      rate_stream_{seed, "read_rate"},
      reuse_{config.reuse},
      gap_ns_{1e9 / config.read_rate.count()},
      sigma_{std::sqrt(std::log1p(config.read_rate_cv * config.read_rate_cv))},
      buffer_{config.buffer},
      limit_{config.connections} {
  if (config.pool) {
    idle_.emplace(*config.pool);
  }
}

void Streaming::expire(SimTime t) {
  while (idle_ && idle_->next_end() <= t) {
    close_oldest(idle_->next_end());
  }
}

StageResult Streaming::open(std::uint64_t id, PrefixId owner, SimTime t) {
  if (setup_.is_out(id, t)) {
    return ends_as(Outcome::failed);
  }
  expire(t);
  if (idle_ && idle_->take(owner)) {
    StageResult result;
    result.hit = true;
    return result;
  }
  if (limit_ > 0 && open_ >= limit_) {
    if (!idle_ || idle_->count() == 0) {
      return ends_as(Outcome::shed);
    }
    close_oldest(t);
  }
  note(t);
  ++open_;
  if (reuse_ > 0) {
    Draws draws = reuse_stream_.of(id);
    if (draws.uniform() < reuse_) {
      return {};
    }
  }
  return setup_.pass(id, t);
}

void Streaming::close(PrefixId owner, bool is_good, SimTime t) {
  expire(t);
  if (!idle_ || !is_good || !idle_->put(owner, t)) {
    note(t);
    --open_;
  } else if (idle_->overfull()) {
    close_oldest(t);
  }
}

/// When the client has read `tokens` > 0, the first at `first`, if they come no later.
SimTime Streaming::read_by(RequestId request, std::int64_t tokens, SimTime first) const {
  double gap = gap_ns_;
  if (sigma_ > 0) {
    Draws draws = rate_stream_.of(request);
    boost::random::normal_distribution<double> normal;
    const double z = normal(draws);
    gap /= std::exp(sigma_ * z - sigma_ * sigma_ / 2);
  }
  constexpr double longest_ns = 1e17;
  const double reading = std::min(gap * static_cast<double>(tokens - 1), longest_ns);
  return first + Duration{static_cast<std::int64_t>(reading + 0.5)};
}

SimTime Streaming::delivered(RequestId request, std::int64_t tokens, SimTime first,
                             SimTime last) const {
  return std::max(last, read_by(request, tokens, first));
}

SimTime Streaming::leaves(RequestId request, std::int64_t tokens, SimTime first,
                          SimTime last) const {
  return tokens > buffer_ ? std::max(last, read_by(request, tokens - buffer_, first)) : last;
}

CapacityUse Streaming::use(SimTime t) const {
  CapacityUse use;
  if (limited()) {
    ConnectionNanoseconds now =
        connection_ns_ + static_cast<ConnectionNanoseconds>(open_) * (t - noted_).count();
    if (idle_) {
      now -= idle_->ns_after_their_ends(t);
    }
    use.used = static_cast<double>(now);
    use.all = static_cast<double>(limit_) * static_cast<double>(t.time_since_epoch().count());
  }
  return use;
}

}  // namespace plimsoll
