// The versions of the weights that a pool's replicas have had, and how their copies came into
// being.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "operations/rollout/checkpoint_writing.hpp"
#include "operations/weight_source.hpp"
#include "plimsoll/config.hpp"
#include "serving/replica.hpp"

namespace plimsoll {

/// How copies of a version come into being.
struct LoadedVersion {
  std::optional<Duration> load;  // none: through the pool's cold start
  int loaders = 1;
  std::optional<CheckpointWriting> checkpoint;  // none: written long before
  bool corrupt = false;                         // the checkpoint is, and so every copy
  const ReplicaShape* shape = nullptr;          // of who has it; null: as of version 0
};

/// Versions count from 0, the one of t = 0.
class LoadedVersions {
 public:
  /// Version 0 of a pool, whose replicas are of `shape`: one that does not start cold needs
  /// `reload` to have it again, or as long as for the new one where a rollout says that.
  LoadedVersions(const Config& config, const ReplicaShape& shape, Duration reload);

  /// The number of a new version.
  WeightsVersion add(const LoadedVersion& version);
  /// Whether there was ever another than version 0.
  bool several() const { return versions_.size() > 1; }
  const LoadedVersion& of(WeightsVersion version) const { return versions_[index(version)]; }
  const ReplicaShape& shape_of(WeightsVersion version) const { return *of(version).shape; }
  /// A copy is loaded that was read in these spans, by node of the replica: whether it is corrupt.
  /// One shard that was read before it was written makes it so.
  bool note_load(WeightsVersion version, const std::vector<ReadSpan>& reads);
  /// Copies that were loaded, and those of them that are corrupt.
  std::int64_t loads(WeightsVersion version) const { return counts_[index(version)].loads; }
  std::int64_t corrupt_loads(WeightsVersion version) const {
    return counts_[index(version)].corrupt;
  }
  /// The one that the pool has while no rollout is under way.
  WeightsVersion standing() const { return standing_; }
  void set_standing(WeightsVersion version) { standing_ = version; }

 private:
  struct Counts {
    std::int64_t loads = 0;
    std::int64_t corrupt = 0;
  };
  static std::size_t index(WeightsVersion version) { return static_cast<std::size_t>(version); }

  std::vector<LoadedVersion> versions_;
  std::vector<Counts> counts_;  // by version
  WeightsVersion standing_ = 0;
};

}  // namespace plimsoll
