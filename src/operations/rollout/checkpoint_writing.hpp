// A checkpoint that is written shard after shard, and what copies of it read too early.
#pragma once

#include <vector>

#include "operations/weight_source.hpp"
#include "plimsoll/rollout_config.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// Shard i of S is written at began + (i + 1) x W / S, where W is the time of the whole.
class CheckpointWriting {
 public:
  /// Without `begins` it begins at `at`. `weights`: bytes of all shards.
  CheckpointWriting(const CheckpointConfig& config, SimTime at, Bytes weights);

  /// Replicas find the version from then on.
  SimTime published() const { return published_; }
  SimTime written(int shard) const;
  SimTime ended() const { return written(shards_ - 1); }

  /// Shards of a copy whose reading began before they were written. `reads` are the nodes of the
  /// replica in order, at least one. Its loaders, in order too, lie on them evenly; each reads an
  /// equal number of consecutive shards, one after another in equal times of its node's span.
  int read_too_early(const std::vector<ReadSpan>& reads, int loaders) const;

 private:
  int shards_;
  SimTime began_;
  Duration whole_;
  SimTime published_;
};

}  // namespace plimsoll
