// Connections to clients, and tokens paced to what they read.
#pragma once

#include <cstdint>

#include "service/passage.hpp"

namespace plimsoll {

/// Engines buffer what a client has not read yet; they never wait for it.
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
  /// Mean of the open connections until `t` over the limit, which there is.
  double utilization(SimTime t) const;

 private:
  __extension__ using ConnectionNanoseconds = __int128;
  /// Adds up connections x time. Without a limit connections open at times yet to come, and nobody
  /// asks.
  void note(SimTime t) {
    connection_ns_ += static_cast<ConnectionNanoseconds>(open_) * (t - noted_).count();
    noted_ = t;
  }

  Passage setup_;
  RandomStream reuse_stream_;
  RandomStream rate_stream_;
  double reuse_;
  double gap_ns_;  // mean client's time per token
  double sigma_;   // of the logarithm of the read rate
  std::int64_t limit_;
  std::int64_t open_ = 0;
  SimTime noted_{};
  ConnectionNanoseconds connection_ns_ = 0;
};

}  // namespace plimsoll
