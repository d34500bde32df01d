// Metrics room: from visits to the rows of stages.
#include "metrics/stage_accounts.hpp"

#include "metrics/latency_summary.hpp"

namespace plimsoll {

std::vector<StageSummary> StageAccounts::summarize() const {
  std::vector<StageSummary> rows;
  for (std::size_t s = 0; s < accounts_.size(); ++s) {
    const Account& account = accounts_[s];
    StageSummary row;
    row.stage = static_cast<Stage>(s);
    row.outcomes = account.outcomes;
    for (const std::int64_t count : account.outcomes) {
      row.offered += count;
    }
    row.served = account.outcomes[static_cast<std::size_t>(Outcome::completed)] +
                 account.outcomes[static_cast<std::size_t>(Outcome::cached)];
    row.hits = account.hits;
    row.left_on_the_way = account.left_on_the_way;
    row.under_way = account.under_way;
    row.open = account.open;
    row.wait = summarize_latency(account.wait);
    row.latency = summarize_latency(account.latency);
    rows.push_back(row);
  }
  return rows;
}

}  // namespace plimsoll
