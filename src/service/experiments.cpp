// Draws of arms.
#include "service/experiments.hpp"

namespace plimsoll {
namespace {

std::uint64_t identity_of(const Sender& sender, AssignBy by) {
  if (by == AssignBy::key) {
    return sender.key;
  }
  if (by == AssignBy::request) {
    return sender.request;
  }
  if (sender.session_began != no_request) {
    return sender.session_began;
  }
  // Sessions that are guessed at are numbered from 2^62 on, out of the way of requests.
  return sender.session != no_prefix ? sender.session : sender.request;
}

}  // namespace

Experiments::Experiments(const Config& config, std::uint64_t seed) {
  for (const ExperimentConfig& experiment : config.experiments) {
    Dealt dealt{RandomStream{seed, "experiment:" + experiment.name},
                RandomStream{seed, "experiment_groups:" + experiment.name},
                experiment.by,
                {},
                {},
                static_cast<ArmIndex>(models_.size())};
    const std::vector<RequestClassConfig>& classes = config.workload.classes;
    for (std::size_t c = 0; c < classes.size(); ++c) {
      dealt.concerns.push_back(concerns(experiment, static_cast<ClassIndex>(c), classes[c].tier));
    }
    double sum = 0;
    for (const ArmConfig& arm : experiment.arms) {
      sum += arm.share;
      dealt.up_to.push_back(sum);
      models_.push_back(arm.model);
    }
    if (sum > 1 - 1e-9) {  // shares that were written as decimals
      dealt.up_to.back() = 1;
    }
    experiments_.push_back(std::move(dealt));
  }
}

std::uint8_t Experiments::key_group(const Sender& sender) const {
  for (const Dealt& dealt : experiments_) {
    if (dealt.by == AssignBy::key && dealt.concerns[sender.request_class]) {
      Draws draws = dealt.groups.of(sender.key);
      return static_cast<std::uint8_t>(draws.below(key_groups));
    }
  }
  return 0;
}

ArmIndex Experiments::assign(const Sender& sender) const {
  for (const Dealt& dealt : experiments_) {
    if (!dealt.concerns[sender.request_class]) {
      continue;
    }
    Draws draws = dealt.stream.of(identity_of(sender, dealt.by));
    const double mark = draws.uniform();
    for (std::size_t arm = 0; arm < dealt.up_to.size(); ++arm) {
      if (mark < dealt.up_to[arm]) {
        return static_cast<ArmIndex>(dealt.first_arm + arm);
      }
    }
    return no_arm;  // no other experiment concerns its class
  }
  return no_arm;
}

}  // namespace plimsoll
