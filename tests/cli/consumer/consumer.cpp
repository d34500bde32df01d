// A program of somebody else: plays the scenario it is given and checks that the books balance.
#include <cstdio>
#include <numeric>

#include "plimsoll/policies/builtin.hpp"
#include "plimsoll/run_scenario.hpp"
#include "plimsoll/scenario.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: consumer SCENARIO.yaml\n", stderr);
    return 2;
  }
  plimsoll::ScenarioRequest request;
  request.path = argv[1];
  const auto policies = plimsoll::policy_catalog(plimsoll::builtin_policies());
  const auto loaded = plimsoll::load_scenario(request, policies);
  const auto result = plimsoll::run_scenario(loaded.config, plimsoll::RunOptions{});
  const auto& all = result.slices.front();
  const auto ended = std::accumulate(all.outcomes.begin(), all.outcomes.end(), std::int64_t{0});
  std::printf("%lld arrived, %lld ended, %lld in flight\n", static_cast<long long>(all.arrived),
              static_cast<long long>(ended), static_cast<long long>(all.in_flight));
  return all.arrived > 0 && all.arrived == ended + all.in_flight ? 0 : 1;
}
