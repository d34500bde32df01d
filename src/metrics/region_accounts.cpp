// Metrics room: what users of a region and of a datacenter experienced.
#include "metrics/region_accounts.hpp"

#include <algorithm>
#include <utility>

#include "metrics/latency_summary.hpp"
#include "metrics/metric_values.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {

template <class Accounts>
auto& RegionAccounts::account_of(Accounts& self, const ThresholdConfig& threshold) {
  auto& accounts = threshold.tag_key == "region" ? self.regions_ : self.datacenters_;
  const auto found = std::find_if(accounts.begin(), accounts.end(), [&](const Account& one) {
    return one.name == threshold.tag_value;
  });
  PLIMSOLL_CHECK(found != accounts.end(), "tags of thresholds are validated with the scenario");
  return *found;
}

RegionAccounts::RegionAccounts(const Config& config)
    : config_{config}, warm_up_end_{sim_start + config.warm_up}, arrivals_{config} {
  for (const RegionConfig& region : config.path->edge->regions) {
    regions_.emplace_back().name = region.name;
  }
  for (const DatacenterConfig& datacenter : config.path->edge->datacenters) {
    datacenters_.emplace_back().name = datacenter.name;
  }
  crossings_.resize(regions_.size() * datacenters_.size(), 0);
  for (const ThresholdConfig& threshold : config.thresholds) {
    if (by_place(threshold)) {
      account_of(*this, threshold).by_window = true;
    }
  }
}

void RegionAccounts::count(Account& account, std::int64_t requests, SimTime arrived) const {
  account.arrived += requests;
  account.measured_arrived += measured(arrived) ? requests : 0;
}

void RegionAccounts::on_user(UserPlace place, SimTime arrived) {
  count(regions_[place.region], 1, arrived);
}

void RegionAccounts::on_access(UserPlace place, Duration round_trip, SimTime at) {
  if (measured(at)) {
    regions_[place.region].access.add(round_trip.count());
  }
}

void RegionAccounts::on_crossing(UserPlace place, Duration latency, bool lost, SimTime at) {
  if (!measured(at)) {
    return;
  }
  for (Account* const account : {&regions_[place.region], &datacenters_[place.datacenter]}) {
    account->lost += lost ? 1 : 0;
    account->wan.add(latency.count());
  }
  ++crossings_[place.region * datacenters_.size() + place.datacenter];
}

void RegionAccounts::on_moved(UserPlace place, std::uint16_t before, SimTime arrived) {
  if (before != no_datacenter) {
    count(datacenters_[before], -1, arrived);
  }
  if (place.datacenter != no_datacenter) {
    count(datacenters_[place.datacenter], 1, arrived);
  }
}

void RegionAccounts::add_first_token(Measures& measures, const RequestRecord& record) const {
  const std::int64_t ttft = (record.first_token - record.arrived).count();
  measures.latencies.ttft.add(ttft);
  if (streamed(record)) {
    measures.perceived.add(ttft);
  }
}

void RegionAccounts::add_first_token(Account& account, const RequestRecord& record) const {
  add_first_token(account.total, record);
  if (account.by_window) {
    add_first_token(account.window, record);
  }
}

void RegionAccounts::on_user_first_token(UserPlace place, const RequestRecord& record) {
  if (!measured(record.arrived)) {
    return;
  }
  add_first_token(regions_[place.region], record);
  if (place.datacenter != no_datacenter) {
    add_first_token(datacenters_[place.datacenter], record);
  }
}

void RegionAccounts::add_end(Measures& measures, const RequestRecord& record) const {
  const bool counts_in = measured(record.arrived);
  measures.counts.add_end(record, counts_in, arrivals_.rates(record.finished, counts_in),
                          config_.tiers[record.tier].slo);
  if (!counts_in) {
    return;
  }
  measures.latencies.add_end(record);
  if (answered_by_model(record.outcome) && !streamed(record)) {
    measures.perceived.add((record.finished - record.arrived).count());
  }
}

void RegionAccounts::add_end(Account& account, const RequestRecord& record) const {
  add_end(account.total, record);
  if (account.by_window) {
    add_end(account.window, record);
  }
}

void RegionAccounts::on_user_end(UserPlace place, const RequestRecord& record) {
  add_end(regions_[place.region], record);
  if (place.datacenter != no_datacenter) {
    add_end(datacenters_[place.datacenter], record);
  }
}

std::vector<SliceSummary> RegionAccounts::slices(std::int64_t in_vain, double seconds) const {
  std::vector<SliceSummary> rows;
  const auto add = [&](const char* kind, const std::vector<Account>& accounts) {
    for (const Account& account : accounts) {
      SliceSummary& row = rows.emplace_back();
      row.kind = kind;
      row.name = account.name;
      const Measures& total = account.total;
      const std::int64_t in_flight = account.measured_arrived - total.counts.measured_ended();
      put_counts(row, total.counts, account.arrived - total.counts.ended(), in_flight,
                 std::min(in_flight, in_vain), seconds);
      row.ttft = summarize_latency(total.latencies.ttft);
      row.tpot = summarize_latency(total.latencies.tpot);
      row.e2el = summarize_latency(total.latencies.e2el);
      row.queue = summarize_latency(total.latencies.queue);
      row.perceived = summarize_latency(total.perceived);
    }
  };
  add("region", regions_);
  add("datacenter", datacenters_);
  return rows;
}

MetricValue RegionAccounts::value_of(const ThresholdConfig& threshold, bool of_window,
                                     std::int64_t in_vain, double seconds) const {
  const Account& account = account_of(*this, threshold);
  const Measures& measures = of_window ? account.window : account.total;
  const std::string& metric = threshold.metric;
  if (metric == "perceived_ms") {
    return latency_value(measures.perceived, threshold);
  }
  for (const auto& [name, latency] : request_latencies) {
    if (metric == name) {
      return latency_value(measures.latencies.*latency, threshold);
    }
  }
  const std::int64_t in_flight =
      of_window ? 0 : account.measured_arrived - measures.counts.measured_ended();
  return request_value(metric, measures.counts, in_flight, std::min(in_flight, in_vain), seconds);
}

void RegionAccounts::flush_window() {
  for (std::vector<Account>* const accounts : {&regions_, &datacenters_}) {
    for (Account& account : *accounts) {
      if (account.by_window) {
        account.window = Measures{};
      }
    }
  }
}

std::vector<EdgeRow> RegionAccounts::edge_rows() const {
  std::vector<EdgeRow> rows;
  const auto row_of = [&](const char* kind, const Account& account) {
    EdgeRow row;
    row.kind = kind;
    row.name = account.name;
    row.access = summarize_latency(account.access);
    row.wan = summarize_latency(account.wan);
    row.lost = account.lost;
    return row;
  };
  for (std::size_t r = 0; r < regions_.size(); ++r) {
    rows.push_back(row_of("region", regions_[r]));
    for (std::size_t d = 0; d < datacenters_.size(); ++d) {
      rows.back().crossings.emplace_back(datacenters_[d].name,
                                         crossings_[r * datacenters_.size() + d]);
    }
  }
  for (std::size_t d = 0; d < datacenters_.size(); ++d) {
    rows.push_back(row_of("datacenter", datacenters_[d]));
    for (std::size_t r = 0; r < regions_.size(); ++r) {
      rows.back().crossings.emplace_back(regions_[r].name, crossings_[r * datacenters_.size() + d]);
    }
  }
  return rows;
}

}  // namespace plimsoll
