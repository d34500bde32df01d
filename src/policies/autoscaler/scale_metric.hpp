// The parameter by which several autoscalers choose their signal.
#pragma once

#include <string>

#include "plimsoll/errors.hpp"
#include "plimsoll/policies/autoscaler.hpp"

namespace plimsoll {

inline ParamDoc scale_metric_doc(std::string standard) {
  return {
      "scale_metric",
      ParamKind::text,
      std::move(standard),
      "What is watched: waiting requests; the busy share of GPUs or CPUs; the used share of "
      "memory (KV blocks); outstanding requests per instance.",
      0,
      0,
      {"queue_depth", "gpu_utilization", "cpu_utilization", "memory_utilization", "outstanding"}};
}

inline ScalingSignal scale_metric_of(const PolicyParams& params) {
  const std::string& word = params.text("scale_metric");
  if (word == "queue_depth") {
    return ScalingSignal::queue_depth;
  }
  if (word == "memory_utilization") {
    return ScalingSignal::memory_utilization;
  }
  if (word == "outstanding") {
    return ScalingSignal::outstanding;
  }
  PLIMSOLL_CHECK(word == "gpu_utilization" || word == "cpu_utilization", "a documented metric");
  return ScalingSignal::utilization;
}

}  // namespace plimsoll
