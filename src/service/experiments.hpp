// Who takes part in which arm of an experiment.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/rng.hpp"
#include "plimsoll/workload.hpp"
#include "serving/events.hpp"

namespace plimsoll {

/// Who sends a request, as far as an experiment may hold on to it.
struct Sender {
  RequestId request = 0;
  ClassIndex request_class = 0;
  RequestId session_began = no_request;  // its first request; none: not known
  PrefixId session = no_prefix;          // of a trace's conversation
  std::uint32_t key = 0;                 // its API key; known where there are limits
};

/// Deals requests to arms. The draw depends on the experiment and on whose request it is, and on
/// nothing else: the same session or key always comes to the same arm.
class Experiments {
 public:
  Experiments(const Config& config, std::uint64_t seed);

  /// The arm of a request; no_arm when it takes part in no experiment. O(experiments).
  ArmIndex assign(const Sender& sender) const;
  /// The group of keys that a request of an arm counts in, below key_groups; 0 where no keys are
  /// dealt.
  std::uint8_t key_group(const Sender& sender) const;
  /// The model that answers the requests of an arm; none: as without the experiment.
  std::optional<ModelIndex> model_of(ArmIndex arm) const {
    return arm == no_arm ? std::nullopt : models_[arm];
  }

 private:
  struct Dealt {
    RandomStream stream;
    RandomStream groups;  // of keys
    AssignBy by;
    std::vector<bool> concerns;  // by class
    std::vector<double> up_to;   // by arm: sums of shares
    ArmIndex first_arm;
  };

  std::vector<Dealt> experiments_;
  std::vector<std::optional<ModelIndex>> models_;  // by arm
};

}  // namespace plimsoll
