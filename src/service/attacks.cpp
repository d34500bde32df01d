// Requests of attacks in time.
#include "service/attacks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/random/exponential_distribution.hpp>

namespace plimsoll {
namespace {

/// Lengths are drawn apart from those of arrivals, which count from 0, and of further turns.
constexpr RequestId first_of_attack(std::size_t number) {
  return (RequestId{1} << 44) + (static_cast<RequestId>(number) << 36);
}

}  // namespace

Attacks::Attacks(const Config& config, Engine& engine, AttackListener& listener)
    : configs_{config.path->attacks},
      engine_{engine},
      listener_{listener},
      maker_{config.workload, config.seed} {
  for (std::size_t number = 0; number < configs_.size(); ++number) {
    const AttackConfig& attack = configs_[number];
    attacks_.push_back({sim_start + attack.at, sim_start + attack.at + attack.lasting, 0,
                        engine.make_timer(EventPriority::arrival, &Attacks::on_timer, this, number),
                        RandomStream{config.seed, fmt::format("attack:{}", number)}});
    if (advance(number)) {
      ++pending_;
    }
  }
}

bool Attacks::on_at(SimTime t) const {
  return std::any_of(configs_.begin(), configs_.end(), [t](const AttackConfig& attack) {
    return t >= sim_start + attack.at && t < sim_start + attack.at + attack.lasting;
  });
}

bool Attacks::advance(std::size_t number) {
  Attack& attack = attacks_[number];
  Draws draws = attack.gaps.of(attack.sent);
  boost::random::exponential_distribution<double> exponential;
  const double e = exponential(draws);
  constexpr double longest_ns = 1e17;
  const double ns = std::min(1e9 * e / configs_[number].rate.count(), longest_ns);
  attack.next += Duration{static_cast<std::int64_t>(ns + 0.5)};
  if (attack.next >= attack.end) {
    return false;
  }
  engine_.arm(attack.timer, attack.next);
  return true;
}

void Attacks::on_timer(void* attacks, std::uint64_t number) {
  static_cast<Attacks*>(attacks)->send(number);
}

void Attacks::send(std::size_t number) {
  Attack& attack = attacks_[number];
  Arrival arrival;
  arrival.at = engine_.now();
  arrival.request_class = configs_[number].request_class;
  maker_.fill_lengths(first_of_attack(number) + attack.sent, arrival);
  ++attack.sent;
  if (!advance(number)) {
    --pending_;
  }
  listener_.on_attack(number, arrival);
}

}  // namespace plimsoll
