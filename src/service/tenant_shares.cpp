// Tokens by tenant, and how far they are from fair shares.
#include "service/tenant_shares.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace plimsoll {
namespace {

constexpr std::size_t most_rows = 10;

}  // namespace

std::vector<double> max_min_shares(const std::vector<double>& demands, double served) {
  std::vector<std::size_t> order(demands.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return demands[a] < demands[b]; });
  std::vector<double> shares(demands.size(), 0.0);
  double left = served;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double equal = left / static_cast<double>(order.size() - i);
    shares[order[i]] = std::min(demands[order[i]], equal);
    left -= shares[order[i]];
  }
  return shares;
}

double jain_index(const std::vector<double>& x) {
  double sum = 0;
  double squares = 0;
  for (const double one : x) {
    sum += one;
    squares += one * one;
  }
  return squares > 0 ? sum * sum / (static_cast<double>(x.size()) * squares) : 1.0;
}

void TenantShares::ask(std::uint32_t tenant, std::int64_t tokens, SimTime arrived) {
  if (measured(arrived)) {
    if (accounts_.size() <= tenant) {
      accounts_.resize(tenant + std::size_t{1});
    }
    ++accounts_[tenant].requests;
    accounts_[tenant].asked += tokens;
  }
}

void TenantShares::end(std::uint32_t tenant, std::int64_t served, SimTime arrived, SimTime now) {
  if (measured(arrived) && now <= until_ && served > 0) {
    ++accounts_[tenant].answered;
    accounts_[tenant].served += served;
  }
}

FairnessSummary TenantShares::summarize() const {
  FairnessSummary summary;
  std::vector<TenantSummary> rows;
  std::vector<double> demands;
  for (std::size_t t = 0; t < accounts_.size(); ++t) {
    const Account& account = accounts_[t];
    if (account.asked > 0) {
      rows.push_back({static_cast<std::int64_t>(t), account.requests, account.answered,
                      account.asked, account.served});
      demands.push_back(static_cast<double>(account.asked));
      summary.asked += account.asked;
      summary.served += account.served;
    }
  }
  summary.tenants = static_cast<std::int64_t>(rows.size());
  const std::vector<double> shares = max_min_shares(demands, static_cast<double>(summary.served));
  std::vector<double> treated;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].fair = shares[i];
    treated.push_back(shares[i] > 0 ? static_cast<double>(rows[i].served) / shares[i] : 0.0);
  }
  summary.jain = jain_index(treated);
  std::stable_sort(rows.begin(), rows.end(), [](const TenantSummary& a, const TenantSummary& b) {
    return a.asked > b.asked;
  });
  rows.resize(std::min(rows.size(), most_rows));
  summary.largest = std::move(rows);
  return summary;
}

}  // namespace plimsoll
