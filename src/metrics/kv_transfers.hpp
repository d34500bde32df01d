// Metrics room: the KV that one pool sent or received.
#pragma once

#include "metrics/latency_summary.hpp"
#include "metrics/sketch.hpp"
#include "plimsoll/metrics.hpp"
#include "serving/events.hpp"

namespace plimsoll {

class KvTransferAccount {
 public:
  /// `nics` of the pool were held by it.
  void add(const KvTransfer& transfer, std::int64_t nics) {
    ++transfers_;
    bytes_ += transfer.bytes.count();
    nic_ns_ += transfer.wire.count() * nics;
    wait_.add(transfer.wait.count());
    time_.add(transfer.time.count());
  }

  /// All but the utilization.
  KvTransferSummary summarize() const {
    KvTransferSummary summary;
    summary.transfers = transfers_;
    summary.bytes = bytes_;
    summary.nic_ns = nic_ns_;
    summary.wait = summarize_latency(wait_);
    summary.time = summarize_latency(time_);
    return summary;
  }

 private:
  std::int64_t transfers_ = 0;
  std::int64_t bytes_ = 0;
  std::int64_t nic_ns_ = 0;
  LatencySketch wait_, time_;
};

}  // namespace plimsoll
