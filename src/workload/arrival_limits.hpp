// Workload: where arrivals end.
#pragma once

#include "plimsoll/config.hpp"

namespace plimsoll {

/// By count, or at the end of the run (arrivals lie in [0, duration)).
class ArrivalLimits {
 public:
  explicit ArrivalLimits(const Config& config)
      : requests_{config.workload.max_requests},
        end_{config.duration > Duration::zero() ? sim_start + config.duration : never} {}

  bool reached(RequestId next) const {
    return requests_ > 0 && next >= static_cast<RequestId>(requests_);
  }
  bool over(SimTime at) const { return at >= end_; }

 private:
  std::int64_t requests_;
  SimTime end_;
};

}  // namespace plimsoll
