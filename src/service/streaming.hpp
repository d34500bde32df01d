// Connections to clients, and tokens paced to what they read.
#pragma once

#include <cstdint>

#include "service/passage.hpp"

namespace plimsoll {

/// Replicas compute at full speed whatever clients read. What a client has not read yet lies in a
/// buffer; where that holds only so many tokens of each client (`back_pressure: hold_kv`), an
/// answer stays with its replica until the rest has been read.
class Streaming {
 public:
  Streaming(std::uint64_t seed, const StreamingConfig& config);

  /// A connection for the attempt `id`; with a limit, in order of time.
  StageResult open(std::uint64_t id, SimTime t);
  void close(SimTime t) {
    note(t);
    --open_;
  }
  bool limited() const { return limit_ > 0; }
  std::int64_t connections() const { return open_; }

  /// When the client of `request` has read the last of `tokens`, the first of which it got at
  /// `first` and the last of which it could have had at `last`: not before either, and not faster
  /// than it reads.
  SimTime delivered(RequestId request, std::int64_t tokens, SimTime first, SimTime last) const;
  /// When the last of `tokens` leaves the replica: at `last`, when all are computed, or when the
  /// client, who read the first at `first`, has so few left that the buffer holds them.
  SimTime leaves(RequestId request, std::int64_t tokens, SimTime first, SimTime last) const;
  /// Connection-nanoseconds until `t`, of those of the limit.
  CapacityUse use(SimTime t) const;

 private:
  __extension__ using ConnectionNanoseconds = __int128;
  /// Adds up connections x time. Without a limit connections open at times yet to come, and nobody
  /// asks.
  void note(SimTime t) {
    connection_ns_ += static_cast<ConnectionNanoseconds>(open_) * (t - noted_).count();
    noted_ = t;
  }

  SimTime read_by(RequestId request, std::int64_t tokens, SimTime first) const;

  Passage setup_;
  RandomStream reuse_stream_;
  RandomStream rate_stream_;
  double reuse_;
  double gap_ns_;  // mean client's time per token
  double sigma_;   // of the logarithm of the read rate
  std::int64_t buffer_;
  std::int64_t limit_;
  std::int64_t open_ = 0;
  SimTime noted_{};
  ConnectionNanoseconds connection_ns_ = 0;
};

}  // namespace plimsoll
