// Cost room: what a run earns, row by row.
#include "cost/revenue.hpp"

#include <cmath>

#include "cost/amounts.hpp"
#include "plimsoll/counted_classes.hpp"

namespace plimsoll {
namespace {

constexpr std::int64_t million = 1'000'000;

struct Tokens {
  std::int64_t prompt = 0;
  std::int64_t output = 0;
};

Tokens tokens_of(const std::vector<TokenCell>& cells, const Config& config, TierIndex tier,
                 ModelIndex model) {
  Tokens tokens;
  for (const TokenCell& cell : cells) {
    if (counts(config, cell.request_class) &&
        config.workload.classes[cell.request_class].tier == tier &&
        config.pools[cell.pool].model == model) {
      tokens.prompt += cell.prompt_tokens;
      tokens.output += cell.output_tokens;
    }
  }
  return tokens;
}

/// `stolen`, of `all`, is what nobody pays for. amount + stolen = all at the price, exactly.
RevenueRow token_row(const Tokens& all, const Tokens& stolen, UsdPerMillion prompt_price,
                     UsdPerMillion output_price) {
  const auto price_of = [&](const Tokens& tokens) {
    return amount_of(tokens.prompt, million, UnitPrice::of(prompt_price.count())) +
           amount_of(tokens.output, million, UnitPrice::of(output_price.count()));
  };
  const Tokens sold{all.prompt - stolen.prompt, all.output - stolen.output};
  RevenueRow row;
  row.kind = "tokens";
  row.quantity = static_cast<double>(sold.prompt + sold.output) / 1e6;
  row.unit = "1M tokens";
  row.follows_load = true;
  row.amount = price_of(sold);
  row.stolen = price_of(all) - row.amount;
  return row;
}

/// Subscriptions and contracts, pro rata of the time played.
RevenueRow monthly_row(const RunResult& result, const RevenueConfig& revenue, std::int64_t payers) {
  const Int128 quantity = static_cast<Int128>(result.end.time_since_epoch().count()) * payers;
  const bool by_user = revenue.kind == RevenueKind::subscription;
  RevenueRow row;
  row.kind = by_user ? "subscription" : "contract";
  row.quantity = static_cast<double>(quantity) / static_cast<double>(price_month.count());
  row.unit = by_user ? "user-months" : "months";
  row.amount = amount_of(quantity, price_month.count(), UnitPrice::of(revenue.price.count()));
  return row;
}

}  // namespace

std::int64_t mean_users(const RunResult& result, const Config& config, const std::string& tier) {
  for (const UserCountConfig& users : config.money.users) {
    if (users.name == tier) {
      return users.mean;
    }
  }
  for (const TierUsers& users : result.tier_users) {
    if (config.tiers[users.tier].name == tier) {
      return std::llround(users.mean);
    }
  }
  return 0;
}

std::vector<RevenueRow> revenue_rows(const RunResult& result, const BilledLoad& load,
                                     const Config& config) {
  std::vector<RevenueRow> rows;
  const auto add = [&](RevenueRow row, const std::string& name, TierIndex tier) {
    if (row.amount.count() != 0 || row.stolen.count() != 0) {
      row.name = name;
      row.tier = config.tiers[tier].name;
      rows.push_back(std::move(row));
    }
  };
  const auto add_tokens = [&](const std::string& name, TierIndex tier, UsdPerMillion prompt_price,
                              UsdPerMillion output_price, const std::optional<ModelIndex>& only) {
    for (std::size_t m = 0; m < config.models.size(); ++m) {
      const auto model = static_cast<ModelIndex>(m);
      if (!only || *only == model) {
        RevenueRow row =
            token_row(tokens_of(load.cells, config, tier, model),
                      tokens_of(load.stolen, config, tier, model), prompt_price, output_price);
        row.model = config.models[m].name;
        add(std::move(row), name, tier);
      }
    }
  };
  for (std::size_t t = 0; t < config.tiers.size(); ++t) {
    const TierConfig& tier = config.tiers[t];
    add_tokens(tier.name, static_cast<TierIndex>(t), tier.price_per_million_prompt_tokens,
               tier.price_per_million_output_tokens, {});
  }
  for (const RevenueConfig& revenue : config.money.revenue) {
    if (revenue.kind == RevenueKind::tokens) {
      add_tokens(revenue.name, revenue.tier, revenue.prompt_price, revenue.output_price,
                 revenue.model);
      continue;
    }
    const bool by_user = revenue.kind == RevenueKind::subscription;
    const std::int64_t payers =
        by_user ? mean_users(result, config, config.tiers[revenue.tier].name) : 1;
    add(monthly_row(result, revenue, payers), revenue.name, revenue.tier);
  }
  return rows;
}

}  // namespace plimsoll
