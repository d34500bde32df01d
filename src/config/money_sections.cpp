// Config: what costs beside GPUs, and who pays.
#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

constexpr std::int64_t many = 1'000'000'000'000;

template <CostDriver driver>
bool follows(const CostItemConfig& item) {
  return item.driver == driver;
}

template <class Spec>
void add_source(Section<Spec>& section) {
  section.field("source", &Spec::source, text_kind(), "", "where the figures come from")
      .field("provenance", &Spec::provenance, provenance_kind(), "assumed",
             "how they came to be known");
}

void add_cpu_and_storage_keys(Section<CostItemConfig>& section) {
  section.field("vcpu_price", &CostItemConfig::vcpu_price, usd_per_hour_kind(), "", "of one vCPU")
      .only_when("driver: cpu_time", follows<CostDriver::cpu_time>)
      .field("vcpus", &CostItemConfig::vcpus, big_count_kind(0, many), "0", "held throughout")
      .only_when("driver: cpu_time", follows<CostDriver::cpu_time>)
      .field("vcpus_per_gpu", &CostItemConfig::vcpus_per_gpu, big_count_kind(0, 10'000), "0",
             "held beside every rented GPU")
      .only_when("driver: cpu_time", follows<CostDriver::cpu_time>)
      .field("vcpus_per_api_instance", &CostItemConfig::vcpus_per_api_instance,
             big_count_kind(0, 10'000), "0", "held in every instance of path.api_tier")
      .only_when("driver: cpu_time", follows<CostDriver::cpu_time>)
      .field("vcpu_time_per_request", &CostItemConfig::vcpu_time_per_request,
             duration_kind(false, std::chrono::hours{1}), "0", "spent on every arrival")
      .only_when("driver: cpu_time", follows<CostDriver::cpu_time>)
      .field("held_price", &CostItemConfig::held_price, usd_per_gb_month_kind(), "",
             "of what is held for a month of 730 hours")
      .only_when("driver: bytes_held", follows<CostDriver::bytes_held>)
      .field("held", &CostItemConfig::held, byte_count_kind(), "0", "held throughout")
      .only_when("driver: bytes_held", follows<CostDriver::bytes_held>)
      .field("weight_copies", &CostItemConfig::weight_copies, big_count_kind(0, 1'000'000), "0",
             "held copies of the weights of every model and precision of the pools")
      .only_when("driver: bytes_held", follows<CostDriver::bytes_held>)
      .field("cache_copies", &CostItemConfig::cache_copies, big_count_kind(0, 1'000'000), "0",
             "held copies of the capacity of every cache of the path")
      .only_when("driver: bytes_held", follows<CostDriver::bytes_held>);
}

void add_network_and_fee_keys(Section<CostItemConfig>& section) {
  const auto bytes = [&](const char* key, Bytes CostItemConfig::*member, const char* help) {
    section.field(key, member, byte_count_kind(), "0", help)
        .only_when("driver: bytes_moved", follows<CostDriver::bytes_moved>);
  };
  section
      .field("moved_price", &CostItemConfig::moved_price, usd_per_gb_kind(), "",
             "of what is sent, or taken in")
      .only_when("driver: bytes_moved", follows<CostDriver::bytes_moved>);
  bytes("per_request", &CostItemConfig::per_request, "of every arrival");
  bytes("per_prompt_token", &CostItemConfig::per_prompt_token, "of completed requests");
  bytes("per_output_token", &CostItemConfig::per_output_token, "of completed requests");
  bytes("per_gpu_hour", &CostItemConfig::per_gpu_hour, "of every rented GPU, e.g. its metrics");
  section.field("fee", &CostItemConfig::fee, usd_per_month_kind(), "", "for a month of 730 hours")
      .only_when("driver: subscription", follows<CostDriver::subscription>);
}

SectionDecl cost_item_section() {
  Section<CostItemConfig> section;
  section
      .field("component", &CostItemConfig::component,
             word_kind<CostComponent>({{"cpu", CostComponent::cpu},
                                       {"storage", CostComponent::storage},
                                       {"network", CostComponent::network},
                                       {"monitoring", CostComponent::monitoring},
                                       {"other", CostComponent::other}}),
             "", "the line of the breakdown that it belongs to")
      .field("driver", &CostItemConfig::driver,
             word_kind<CostDriver>({{"cpu_time", CostDriver::cpu_time},
                                    {"bytes_held", CostDriver::bytes_held},
                                    {"bytes_moved", CostDriver::bytes_moved},
                                    {"subscription", CostDriver::subscription}}),
             "", "what the amount follows")
      .field("provider", &CostItemConfig::provider, text_kind(), "", "who sends the bill")
      .derived("not said")
      .written_when([](const CostItemConfig& item) { return !item.provider.empty(); })
      .field("region", &CostItemConfig::region, text_kind(), "", "where")
      .derived("not said")
      .written_when([](const CostItemConfig& item) { return !item.region.empty(); });
  add_cpu_and_storage_keys(section);
  add_network_and_fee_keys(section);
  add_source(section);
  return section.build();
}

bool by_tokens(const RevenueConfig& revenue) {
  return revenue.kind == RevenueKind::tokens;
}

SectionDecl revenue_section() {
  Section<RevenueConfig> section;
  section
      .field("kind", &RevenueConfig::kind,
             word_kind<RevenueKind>({{"subscription", RevenueKind::subscription},
                                     {"tokens", RevenueKind::tokens},
                                     {"contract", RevenueKind::contract}}),
             "",
             "subscription: by user and month; tokens: of completed requests; contract: by month")
      .field("tier", &RevenueConfig::tier, reference_kind<TierIndex>(NameList::tiers), "",
             "who pays")
      .optional("model", &RevenueConfig::model, reference_kind<ModelIndex>(NameList::models),
                "whose tokens; without it, of every model")
      .only_when("kind: tokens", by_tokens)
      .field("price", &RevenueConfig::price, usd_per_month_kind(), "",
             "subscription: of one user; contract: of all of it; a month has 730 hours")
      .only_when("kind: subscription or contract",
                 [](const RevenueConfig& revenue) { return !by_tokens(revenue); })
      .field("prompt_price", &RevenueConfig::prompt_price, usd_per_million_kind(), "0",
             "of prompts")
      .only_when("kind: tokens", by_tokens)
      .field("output_price", &RevenueConfig::output_price, usd_per_million_kind(), "0",
             "of outputs")
      .only_when("kind: tokens", by_tokens);
  add_source(section);
  return section.build();
}

SectionDecl user_count_section() {
  return Section<UserCountConfig>{}
      .field("mean", &UserCountConfig::mean, big_count_kind(0, many), "",
             "users of the tier, on average over the run")
      .build();
}

bool has_users(const MoneyConfig& money, const std::string& tier) {
  return std::any_of(money.users.begin(), money.users.end(),
                     [&](const UserCountConfig& users) { return users.name == tier; });
}

void finish_money(Reader& reader, const RawNode& map, const std::string& path, MoneyConfig& money,
                  bool) {
  const std::vector<std::string>& tiers = reader.names(NameList::tiers);
  for (const UserCountConfig& users : money.users) {
    if (std::find(tiers.begin(), tiers.end(), users.name) == tiers.end()) {
      reader.report(place_of_key(*map.find("users"), users.name),
                    join_path(path, "users." + users.name), "there is no such tier",
                    name_hint(users.name, tiers, "tiers"));
    }
  }
}

}  // namespace

void check_subscribers(Reader& reader, const RawNode& root, const Config& config) {
  const RawNode* const money = root.find("money");
  const RawNode* const listed = money == nullptr ? nullptr : money->find("revenue");
  for (const RevenueConfig& revenue : config.money.revenue) {
    if (listed == nullptr || revenue.tier >= config.tiers.size()) {
      continue;  // there are findings of it already
    }
    const std::string& tier = config.tiers[revenue.tier].name;
    if (revenue.kind == RevenueKind::subscription && !config.workload.users &&
        !has_users(config.money, tier)) {
      reader.report(place_of_key(*listed, revenue.name), "money.revenue." + revenue.name,
                    "nobody subscribes: the number of users is not known",
                    "e.g. money.users: {" + tier + ": {mean: 1000000}}");
    }
  }
}

SectionDecl money_section() {
  Section<MoneyConfig> section;
  section
      .named("costs", &MoneyConfig::costs, cost_item_section(), NameList::none,
             "what is paid for beside GPUs: a unit price and what drives its quantity")
      .named("revenue", &MoneyConfig::revenue, revenue_section(), NameList::none,
             "who pays for what, beside the token prices of tiers")
      .named("users", &MoneyConfig::users, user_count_section(), NameList::none,
             "users by tier, where the workload does not know them")
      .finish(finish_money);
  return section.build();
}

}  // namespace plimsoll
