// Connections to clients, and tokens paced to what they read.
#pragma once

#include <cstdint>
#include <optional>

#include "service/idle_connections.hpp"
#include "service/passage.hpp"

namespace plimsoll {

/// Replicas compute at full speed whatever clients read. What a client has not read yet lies in a
/// buffer; where that holds only so many tokens of each client (`back_pressure: hold_kv`), an
/// answer stays with its replica until the rest has been read.
class Streaming {
 public:
  Streaming(std::uint64_t seed, const StreamingConfig& config);

  /// A connection for the attempt `id` of `owner`; with a limit or a pool, in order of time. A hit:
  /// the owner's own, which idled in the pool. Where all are open, the one that has idled longest
  /// makes room.
  StageResult open(std::uint64_t id, PrefixId owner, SimTime t);
  /// The attempt of `owner` is over; its connection may stay in the pool, if it `is_good` yet.
  void close(PrefixId owner, bool is_good, SimTime t);
  bool limited() const { return limit_ > 0; }
  bool pools() const { return idle_.has_value(); }
  /// Open at the time of the last call, idle ones included.
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

  /// Idle connections whose time was over by `t` are closed, each at its time.
  void expire(SimTime t);
  void close_oldest(SimTime t) {
    note(t);
    --open_;
    idle_->close_oldest();
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
  std::optional<IdleConnections> idle_;  // none: every connection is closed after its attempt
  std::int64_t open_ = 0;                // idle ones included
  SimTime noted_{};
  ConnectionNanoseconds connection_ns_ = 0;
};

}  // namespace plimsoll
