// A checkpoint that is written shard after shard.
#include "operations/rollout/checkpoint_writing.hpp"

#include <algorithm>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

/// part / of x whole, in whole nanoseconds.
Duration share_of(Duration whole, int part, int of) {
  // whole / of x part alone would lose up to `of` nanoseconds.
  const Duration each = whole / of;
  return each * part + (whole - each * of) * part / of;
}

}  // namespace

CheckpointWriting::CheckpointWriting(const CheckpointConfig& config, SimTime at, Bytes weights)
    : shards_{config.shards},
      began_{config.begins ? sim_start + *config.begins : at},
      whole_{config.shard_time
                 ? *config.shard_time * config.shards
                 : from_seconds(static_cast<double>(weights.count()) / config.write_rate->count())},
      published_{config.publish == CheckpointPublication::as_written ? began_ : began_ + whole_} {
}

SimTime CheckpointWriting::written(int shard) const {
  return began_ + share_of(whole_, shard + 1, shards_);
}

int CheckpointWriting::read_too_early(const std::vector<ReadSpan>& reads, int loaders) const {
  PLIMSOLL_CHECK(!reads.empty(), "a copy was read from somewhere");
  const int nodes = static_cast<int>(reads.size());
  const int of_loader = (shards_ + loaders - 1) / loaders;
  int early = 0;
  for (int shard = 0; shard < shards_; ++shard) {
    const int node = shard / of_loader * nodes / loaders;
    const ReadSpan& span = reads[static_cast<std::size_t>(std::min(node, nodes - 1))];
    const SimTime read =
        span.began + share_of(span.ended - span.began, shard % of_loader, of_loader);
    early += read < written(shard) ? 1 : 0;
  }
  return early;
}

}  // namespace plimsoll
