// Which model answers a request.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plimsoll/config.hpp"
#include "service/passage.hpp"

namespace plimsoll {

/// The model that its class asks for, or that of the first split that takes it; then, while too
/// many wait for that one, its fallback.
class ModelRouter {
 public:
  ModelRouter(const Config& config, std::uint64_t seed);

  struct Choice {
    ModelIndex model = 0;
    bool spilled = false;  // a fallback answers
  };
  /// `given`: the model that an experiment has given the request to, whatever the splits say.
  /// `waiting(model)`: requests that wait centrally for a model now.
  template <class Waiting>
  Choice choose(std::uint64_t id, ClassIndex request_class, std::optional<ModelIndex> given,
                Waiting waiting) const {
    Choice choice{given ? *given : split(id, request_class), false};
    for (const SpilloverConfig& spillover : spillovers_) {
      if (spillover.from == choice.model && waiting(spillover.from) >= spillover.waiting) {
        return {spillover.to, true};
      }
    }
    return choice;
  }
  StageResult pass(std::uint64_t id, SimTime t) { return passage_.pass(id, t); }
  bool spills() const { return !spillovers_.empty(); }

 private:
  ModelIndex split(std::uint64_t id, ClassIndex request_class) const;

  Passage passage_;
  RandomStream split_stream_;
  const std::vector<RequestClassConfig>& classes_;
  std::vector<SplitConfig> splits_;
  std::vector<SpilloverConfig> spillovers_;
};

}  // namespace plimsoll
