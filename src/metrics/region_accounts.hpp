// Metrics room: rows by region of users and by datacenter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metrics/covered_spans.hpp"
#include "metrics/request_counts.hpp"
#include "metrics/thresholds.hpp"
#include "serving/user_events.hpp"

namespace plimsoll {

/// A request belongs to the region of its user, and to the datacenter that works for it: the last
/// one that an attempt of it went to. Memory is O(regions x datacenters), whatever the horizon.
class RegionAccounts final : public UserSink {
 public:
  /// Keeps a reference to `config`, which outlives it; there is an edge.
  explicit RegionAccounts(const Config& config);

  void on_user(UserPlace place, SimTime arrived) override;
  void on_access(UserPlace place, Duration round_trip, SimTime at) override;
  void on_crossing(UserPlace place, Duration latency, bool lost, SimTime at) override;
  void on_moved(UserPlace place, std::uint16_t before, SimTime arrived) override;
  void on_user_first_token(UserPlace place, const RequestRecord& record) override;
  void on_user_end(UserPlace place, const RequestRecord& record) override;

  /// Rows of regions, then of datacenters; `in_vain` of all in flight wait in vain, rates are over
  /// `seconds`.
  std::vector<SliceSummary> slices(std::int64_t in_vain, double seconds) const;
  std::vector<EdgeRow> edge_rows() const;

  /// The figure of a threshold by place, over the current window or all of the run until now, which
  /// took `seconds`.
  MetricValue value_of(const ThresholdConfig& threshold, bool of_window, std::int64_t in_vain,
                       double seconds) const;
  /// The current window closed.
  void flush_window();

 private:
  /// What requests that ended or began to answer experienced.
  struct Measures {
    EndedCounts counts;
    RequestLatencies latencies;
    LatencySketch perceived;
  };
  struct Account {
    std::string name;
    std::int64_t arrived = 0;
    std::int64_t measured_arrived = 0;
    Measures total;
    bool by_window = false;  // a threshold speaks of it
    Measures window;
    LatencySketch access, wan;  // of attempts
    std::int64_t lost = 0;
  };
  bool measured(SimTime arrived) const { return arrived >= warm_up_end_; }
  void count(Account& account, std::int64_t requests, SimTime arrived) const;
  /// The account that a threshold by place speaks of: InternalError when there is none.
  template <class Accounts>
  static auto& account_of(Accounts& self, const ThresholdConfig& threshold);
  void add_first_token(Measures& measures, const RequestRecord& record) const;
  void add_first_token(Account& account, const RequestRecord& record) const;
  void add_end(Measures& measures, const RequestRecord& record) const;
  void add_end(Account& account, const RequestRecord& record) const;
  bool streamed(const RequestRecord& record) const {
    return streams(config_, config_.workload.classes[record.request_class]);
  }

  const Config& config_;
  SimTime warm_up_end_;
  ArrivalSpan arrivals_;
  std::vector<Account> regions_;
  std::vector<Account> datacenters_;
  std::vector<std::int64_t> crossings_;  // by region and datacenter
};

}  // namespace plimsoll
