// Which model answers a request.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plimsoll/config.hpp"
#include "service/passage.hpp"

namespace plimsoll {

/// The model that its class asks for, or that of the first split that takes it; then, while too
/// many wait for that one, its fallback, if fewer wait there for what its replicas can do.
class ModelRouter {
 public:
  ModelRouter(const Config& config, std::uint64_t seed);

  struct Choice {
    ModelIndex model = 0;
    bool spilled = false;  // a fallback answers
  };
  /// How long the line for a model is, and what its replicas that serve do.
  struct Line {
    std::int64_t waiting = 0;
    double rate = 0;  // requests/s
  };
  /// `sender`: who keeps to one side of the splits: a session by its first request. `given`: the
  /// model that an experiment has given the request to, whatever the splits say. `line(model)`: a
  /// Line, as it is now.
  template <class LineOf>
  Choice choose(std::uint64_t sender, ClassIndex request_class, std::optional<ModelIndex> given,
                LineOf line) const {
    Choice choice{given ? *given : split(sender, request_class), false};
    for (const SpilloverConfig& spillover : spillovers_) {
      if (spillover.from == choice.model &&
          spills(line(spillover.from), line(spillover.to), spillover.waiting)) {
        return {spillover.to, true};
      }
    }
    return choice;
  }
  StageResult pass(std::uint64_t id, SimTime t) {
    return passage_.is_out(id, t) ? ends_as(Outcome::failed) : passage_.pass(id, t);
  }
  bool spills() const { return !spillovers_.empty(); }
  const Turnstile& turnstile() const { return passage_.turnstile(); }
  /// Some split takes a part of those whom it speaks of.
  bool splits_in_parts() const;

 private:
  static bool spills(const Line& from, const Line& to, std::int64_t waiting) {
    const bool shorter =
        static_cast<double>(to.waiting) * from.rate < static_cast<double>(from.waiting) * to.rate;
    return from.waiting >= waiting && shorter;
  }
  ModelIndex split(std::uint64_t id, ClassIndex request_class) const;

  Passage passage_;
  RandomStream split_stream_;
  const std::vector<RequestClassConfig>& classes_;
  std::vector<SplitConfig> splits_;
  std::vector<SpilloverConfig> spillovers_;
};

}  // namespace plimsoll
