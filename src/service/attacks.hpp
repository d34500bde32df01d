// Attacks: requests that somebody sends to keep others from being served.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/rng.hpp"
#include "workload/request_maker.hpp"

namespace plimsoll {

class AttackListener {
 public:
  virtual ~AttackListener() = default;
  /// A request of the attack `number` (of PathConfig::attacks) arrives now.
  virtual void on_attack(std::size_t number, const Arrival& arrival) = 0;
};

/// Each attack is a Poisson process from its beginning to its end, on draws of its own. One event a
/// request, and no memory but a timer.
class Attacks {
 public:
  /// Everything referred to outlives it. Requests come from t = 0 on.
  Attacks(const Config& config, Engine& engine, AttackListener& listener);

  /// Attacks with requests yet to come.
  std::int64_t pending() const { return pending_; }
  /// Some attack is on at `t`.
  bool on_at(SimTime t) const;

 private:
  struct Attack {
    SimTime next{};
    SimTime end{};
    std::uint64_t sent = 0;
    TimerId timer = 0;
    RandomStream gaps;
  };
  static void on_timer(void* attacks, std::uint64_t number);
  /// Moves on to the next request; false when the attack is over by then.
  bool advance(std::size_t number);
  void send(std::size_t number);

  const std::vector<AttackConfig>& configs_;
  Engine& engine_;
  AttackListener& listener_;
  RequestMaker maker_;
  std::vector<Attack> attacks_;
  std::int64_t pending_ = 0;
};

}  // namespace plimsoll
