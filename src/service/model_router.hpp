// Which model answers a request.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plimsoll/config.hpp"
#include "service/passage.hpp"

namespace plimsoll {

/// The model that its class asks for, or that of the first split that takes it; then, while too
/// many wait for that one, its fallback, if fewer wait there for what its replicas can do. Neither
/// a split nor a fallback takes a request that is expected to be too long for its model.
class ModelRouter {
 public:
  ModelRouter(const Config& config, std::uint64_t seed);

  struct Choice {
    ModelIndex model = 0;
    ModelIndex wanted = 0;  // without the fallback
    bool spilled = false;   // a fallback answers
  };
  /// How long the line for a model is, and what its replicas that serve do.
  struct Line {
    std::int64_t waiting = 0;
    double rate = 0;  // requests/s
  };
  /// `sender`: who keeps to one side of the splits: a session by its first request. `given`: the
  /// model that an experiment has given the request to, whatever the splits say. `line(model)`: a
  /// Line, as it is now. `takes(model)`: whether its context has room for the request, as
  /// far as that is known beforehand.
  template <class LineOf, class Takes>
  Choice choose(std::uint64_t sender, ClassIndex request_class, std::optional<ModelIndex> given,
                LineOf line, Takes takes) const {
    const ModelIndex wanted = given ? *given : split(sender, request_class, takes);
    for (const SpilloverConfig& spillover : spillovers_) {
      if (spillover.from == wanted && takes(spillover.to) &&
          spills(line(spillover.from), line(spillover.to), spillover.waiting)) {
        return {spillover.to, wanted, true};
      }
    }
    return {wanted, wanted, false};
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
  template <class Takes>
  ModelIndex split(std::uint64_t id, ClassIndex request_class, Takes takes) const {
    const RequestClassConfig& asked = classes_[request_class];
    Draws draws = split_stream_.of(id);
    for (const SplitConfig& split : splits_) {
      const bool concerns = (!split.request_class || *split.request_class == request_class) &&
                            (!split.tier || *split.tier == asked.tier);
      if (concerns && (split.share >= 1.0 || draws.uniform() < split.share) && takes(split.to)) {
        return split.to;
      }
    }
    return asked.model;
  }

  Passage passage_;
  RandomStream split_stream_;
  const std::vector<RequestClassConfig>& classes_;
  std::vector<SplitConfig> splits_;
  std::vector<SpilloverConfig> spillovers_;
};

}  // namespace plimsoll
