// Reports room: cost.csv: the bill under the column names of FOCUS 1.2, the FinOps Open Cost and
// Usage Specification (focus.finops.org): every mandatory column, and those conditional ones that a
// simulated run can fill. Columns of ours begin with x_, as it asks.
#include <fmt/format.h>

#include <algorithm>

#include "base/unit_text.hpp"
#include "plimsoll/report.hpp"
#include "reports/csv_field.hpp"
#include "reports/output_file.hpp"

namespace plimsoll {
namespace {

constexpr const char* header =
    "BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodEnd,"
    "BillingPeriodStart,ChargeCategory,ChargeClass,ChargeDescription,ChargeFrequency,"
    "ChargePeriodEnd,ChargePeriodStart,CommitmentDiscountCategory,CommitmentDiscountId,"
    "CommitmentDiscountStatus,ConsumedQuantity,ConsumedUnit,ContractedCost,"
    "ContractedUnitPrice,EffectiveCost,InvoiceIssuerName,ListCost,ListUnitPrice,PricingCategory,"
    "PricingQuantity,PricingUnit,ProviderName,PublisherName,RegionId,ResourceId,ResourceType,"
    "ServiceCategory,ServiceName,SkuId,SkuPriceId,x_Component\n";

/// FOCUS's own words.
const char* service_category(CostComponent component) {
  constexpr const char* names[] = {"AI and Machine Learning",   "Compute", "Storage", "Networking",
                                   "Management and Governance", "Other"};
  return names[static_cast<int>(component)];
}

/// Micro-dollars with all of their decimals, so that a reader's sums are exact.
std::string amount(MicroUsd amount) {
  return fmt::format("{}.{:06}", amount.count() / 1'000'000, amount.count() % 1'000'000);
}

/// ISO 8601 to the second; t = 0 is the Unix epoch where the scenario has no start.
std::string moment(const Config& config, SimTime at) {
  const UtcTime start = config.start.value_or(UtcTime{});
  const UtcTime time = start + std::chrono::ceil<std::chrono::seconds>(at.time_since_epoch());
  const std::string text = format_utc(time);
  return text.find('T') == std::string::npos ? text + "T00:00:00Z" : text;
}

const char* resource_type(const BillRow& row, const Config& config) {
  const bool shared =
      std::any_of(config.shared_gpus.begin(), config.shared_gpus.end(),
                  [&](const SharedGpusConfig& gpus) { return gpus.name == row.resource; });
  return row.component != CostComponent::gpu ? "item" : shared ? "shared_gpus" : "pool";
}

std::string cost_row(const BillRow& row, const RunResult& result, const Config& config) {
  const std::string provider = csv_field(row.provider.empty() ? "not said" : row.provider);
  const std::string run = csv_field(result.scenario);
  const std::string billed = amount(row.billed);
  const std::string quantity = fmt::format("{}", row.quantity);
  std::string text =
      fmt::format("{},{},{},USD,{},{},Usage,,{},Usage-Based,{},{},", billed, run, run,
                  moment(config, result.end), moment(config, sim_start), csv_field(row.description),
                  moment(config, row.end), moment(config, row.begin));
  text += row.pricing == "Committed"
              ? "Usage," + csv_field(row.sku) + (row.unused ? ",Unused," : ",Used,")
              : ",,,";
  text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},", quantity, row.unit, billed,
                      row.unit_price, billed, provider, amount(row.listed), row.list_unit_price,
                      row.pricing, quantity, row.unit);
  text += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", provider, provider, csv_field(row.region),
                      csv_field(row.resource), resource_type(row, config),
                      service_category(row.component), cost_component_name(row.component),
                      csv_field(row.sku), csv_field(row.sku + "/" + row.pricing),
                      cost_component_name(row.component));
  return text;
}

}  // namespace

void write_cost_csv(const std::string& path, const RunResult& result, const Config& config) {
  OutputFile file{path};
  file.write(header);
  for (const BillRow& row : result.cost.money.bill) {
    file.write(cost_row(row, result, config));
  }
  file.close();
}

}  // namespace plimsoll
