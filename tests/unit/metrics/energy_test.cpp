// From attojoules to joules per token and request.
#include "metrics/energy.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "plimsoll/errors.hpp"
#include "plimsoll/metric_docs.hpp"

namespace plimsoll {
namespace {

constexpr Int128 joule = Int128{1'000'000'000} * 1'000'000'000;

TEST(EnergySummary, FormsEveryFigureOnce) {
  const EnergyGauges energy{joule * 5'000'000, joule * 2'000'000, joule * 200'000};
  const EnergySummary summary = summarize_energy(energy, std::chrono::hours{2}, 100, 20'000);
  EXPECT_EQ(summary.joules, 7.2e6);
  EXPECT_EQ(summary.kwh, 2);
  EXPECT_EQ(summary.steps_joules, 5e6);
  EXPECT_EQ(summary.idle_joules, 2e6);
  EXPECT_EQ(summary.loading_joules, 2e5);
  EXPECT_EQ(summary.mean_watts, 1000);
  EXPECT_EQ(summary.joules_per_request, 72'000);
  EXPECT_EQ(summary.joules_per_output_token, 360);
}

TEST(EnergySummary, ALargeFleetForAYearIsWithinRange) {
  // 1e6 GPUs of 1 kW for a year: 3.2e16 J = 3.2e34 aJ.
  const Int128 year = joule * 31'536'000 * 1'000'000'000;
  const EnergySummary summary = summarize_energy({year, 0, 0}, std::chrono::hours{24 * 365}, 0, 0);
  EXPECT_NEAR(summary.mean_watts, 1e9, 1e-3);
  EXPECT_EQ(summary.joules_per_request, 0);  // nothing completed
  EXPECT_EQ(summary.joules_per_output_token, 0);
}

TEST(EnergySummary, ThresholdsKnowItsMetrics) {
  const EnergySummary summary =
      summarize_energy({joule * 3'600'000, 0, 0}, std::chrono::seconds{10}, 4, 0);
  EXPECT_EQ(energy_value("energy_kwh", summary).value, 1);
  EXPECT_EQ(energy_value("mean_power_watts", summary).value, 360'000);
  EXPECT_EQ(energy_value("energy_per_request_joules", summary).value, 900'000);
  EXPECT_FALSE(energy_value("energy_per_output_token_joules", summary).measured);
  EXPECT_FALSE(is_energy_metric("gpu_hours"));
  EXPECT_THROW(energy_value("gpu_hours", summary), InternalError);
  int documented = 0;
  for (const MetricDoc& doc : metric_docs) {
    documented += is_energy_metric(doc.name) ? 1 : 0;
  }
  EXPECT_EQ(documented, 4);
}

}  // namespace
}  // namespace plimsoll
