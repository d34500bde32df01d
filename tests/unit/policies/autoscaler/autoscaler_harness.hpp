// An autoscaler by name with its documented defaults, for tests of autoscalers.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll::testing {

using Numbers = std::vector<std::pair<std::string, double>>;
using Texts = std::vector<std::pair<std::string, std::string>>;

/// Asks once an interval; what is decided is there at once, unless the test says otherwise.
class AutoscalerHarness {
 public:
  AutoscalerHarness(const std::string& name, std::int64_t replicas, const Numbers& numbers,
                    const Texts& texts = {}, Duration interval = std::chrono::seconds{15}) {
    PolicyConfig config;
    config.policy = name;
    for (const auto& [key, value] : numbers) {
      config.params.set_number(key, value);
    }
    for (const auto& [key, value] : texts) {
      config.params.set_text(key, value);
    }
    policy_ = builtin_policies().autoscalers.make(config);
    snapshot.interval = interval;
    snapshot.ready = replicas;
    snapshot.minimum = 1;
    snapshot.maximum = 100;
  }

  /// What is decided an interval later when the signal is so.
  ScalingDecision ask(std::optional<double> signal) {
    snapshot.now += snapshot.interval;
    snapshot.signal = signal;
    return policy_->decide(snapshot);
  }
  /// The same, and it is done at once.
  std::int64_t obey(double signal) {
    snapshot.ready = ask(signal).desired;
    return snapshot.ready;
  }
  Autoscaler& policy() { return *policy_; }

  ScalingSnapshot snapshot;

 private:
  std::unique_ptr<Autoscaler> policy_;
};

}  // namespace plimsoll::testing
