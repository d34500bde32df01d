// The versions of the weights that a pool's replicas have had.
#include "operations/rollout/loaded_versions.hpp"

namespace plimsoll {

LoadedVersions::LoadedVersions(const Config& config, const ReplicaShape& shape, Duration reload) {
  LoadedVersion first;
  first.shape = &shape;
  if (!adds_cold(config.pools[shape.pool])) {
    first.load = reload;
    for (const RolloutConfig& rollout : config.rollouts) {
      if (rollout.pool == shape.pool && rollout.load) {
        first.load = *rollout.load / rollout.loaders;
      }
    }
  }
  add(first);
}

WeightsVersion LoadedVersions::add(const LoadedVersion& version) {
  versions_.push_back(version);
  if (version.shape == nullptr) {
    versions_.back().shape = versions_.front().shape;
  }
  counts_.emplace_back();
  return static_cast<WeightsVersion>(versions_.size()) - 1;
}

bool LoadedVersions::note_load(WeightsVersion number, const std::vector<ReadSpan>& reads) {
  const LoadedVersion& version = of(number);
  const bool corrupt = version.corrupt || (version.checkpoint && version.checkpoint->read_too_early(
                                                                     reads, version.loaders) > 0);
  ++counts_[index(number)].loads;
  counts_[index(number)].corrupt += corrupt ? 1 : 0;
  return corrupt;
}

}  // namespace plimsoll
