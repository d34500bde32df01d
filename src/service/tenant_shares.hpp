// How what a model computes is shared among tenants.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "plimsoll/stages.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// What `served` divided max-min fairly gives each that asks for `demands`:
/// whoever asks for less than an equal part has it all, the others share what
/// is left. The parts add up to `served`, or to all demands where that is less.
std::vector<double> max_min_shares(const std::vector<double>& demands, double served);

/// Jain's index of `x` (Jain, Chiu, Hawe 1984): (sum x)^2 / (n sum x^2); 1
/// where there is nothing.
double jain_index(const std::vector<double>& x);

/// Tokens by tenant, of requests that came to a model after the warm-up and until the last arrival:
/// later everybody gets what is left over, whatever the shares. O(tenants) memory.
class TenantShares {
 public:
  explicit TenantShares(SimTime warm_up_end) : warm_up_end_{warm_up_end} {}

  /// A request of so many tokens, prompt and answer, arrives.
  void ask(std::uint32_t tenant, std::int64_t tokens, SimTime arrived);
  /// One that arrived at `arrived` ends; `served`: tokens of an answer of a
  /// model and its prompt, 0 without one.
  void end(std::uint32_t tenant, std::int64_t served, SimTime arrived, SimTime now);

  /// The last request arrived at `until`, now or earlier: what ends later does not count.
  void close(SimTime until) { until_ = std::min(until_, until); }

  FairnessSummary summarize() const;

 private:
  struct Account {
    std::int64_t requests = 0;
    std::int64_t answered = 0;
    std::int64_t asked = 0;
    std::int64_t served = 0;
  };
  bool measured(SimTime arrived) const { return arrived >= warm_up_end_ && arrived <= until_; }

  SimTime warm_up_end_;
  SimTime until_ = SimTime::max();
  std::vector<Account> accounts_;  // by tenant, as far as one asked
};

}  // namespace plimsoll
