// Reports room: the money of a run for a terminal.
#include "reports/money_summary.hpp"

#include <fmt/format.h>

#include "reports/text_table.hpp"

namespace plimsoll {
namespace {

std::string dollars(double amount) {
  if (amount != 0 && amount < 1 && amount > -1) {
    return fmt::format("${:.4g}", amount);
  }
  return fmt::format("${:.2f}", amount);
}

std::string dollars(MicroUsd amount) {
  return dollars(to_dollars(amount));
}

std::string percent(MicroUsd part, MicroUsd whole) {
  return whole.count() == 0 ? "-" : fmt::format("{:.1f}", 100 * (part / whole));
}

std::string per(MicroUsd amount, std::int64_t count, double scale) {
  return count == 0 ? "-" : dollars(to_dollars(amount) / static_cast<double>(count) * scale);
}

std::string bill_table(const MoneySummary& money) {
  std::vector<std::vector<std::string>> rows;
  for (int i = 0; i < cost_component_count; ++i) {
    const MicroUsd amount = money.by_component[static_cast<std::size_t>(i)];
    if (amount.count() > 0) {
      rows.push_back({cost_component_name(static_cast<CostComponent>(i)), dollars(amount),
                      percent(amount, money.total)});
    }
  }
  rows.push_back({"total", dollars(money.total), percent(money.total, money.total)});
  rows.push_back({"  of it idle GPUs", dollars(money.idle), percent(money.idle, money.total)});
  rows.push_back({"  of it GPUs down", dollars(money.down), percent(money.down, money.total)});
  if (money.unused.count() > 0) {
    rows.push_back(
        {"  of it reserved, unused", dollars(money.unused), percent(money.unused, money.total)});
  }
  rows.push_back(
      {"  of it missed SLOs", dollars(money.missed), percent(money.missed, money.total)});
  return text_table({{"cost", false}, {"amount"}, {"%"}}, rows);
}

std::string unit_table(const MoneySummary& money) {
  std::vector<std::vector<std::string>> rows;
  for (const UnitCost& unit : money.units) {
    const MicroUsd cost = unit.prompt_cost + unit.output_cost;
    rows.push_back({unit.kind + " " + unit.name, dollars(cost), dollars(unit.revenue),
                    per(cost, unit.completed, 1), per(unit.prompt_cost, unit.prompt_tokens, 1e6),
                    per(unit.output_cost, unit.output_tokens, 1e6)});
  }
  return text_table({{"who", false},
                     {"costs"},
                     {"earns"},
                     {"$/request"},
                     {"of prompts: $/1M"},
                     {"of outputs: $/1M"}},
                    rows);
}

}  // namespace

std::string money_tables(const MoneySummary& money) {
  int components = 0;
  for (const MicroUsd amount : money.by_component) {
    components += amount.count() > 0 ? 1 : 0;
  }
  if (money.revenue.empty() && components < 2) {
    return {};
  }
  return "\n" + bill_table(money) + "\n" + unit_table(money);
}

std::string earnings_text(const MoneySummary& money) {
  std::string text = fmt::format("Revenue {} per GPU-hour", dollars(money.revenue_per_gpu_hour));
  if (money.users > 0) {
    text += fmt::format("; per user and month it earns {} and costs {}",
                        dollars(money.revenue_per_user_month), dollars(money.cost_per_user_month));
  }
  if (money.stolen.count() > 0) {
    text += fmt::format("; {} of tokens went through a bypass of limits and earned nothing",
                        dollars(money.stolen));
  }
  if (!money.breaks_even) {
    text += "; no load of this mix pays for this fleet";
  } else if (money.break_even_share > 0) {
    text += fmt::format("; breaks even at {:.4g} requests/s, {:.4g} times the load",
                        money.break_even_rate, money.break_even_share);
    if (money.break_even_rate > money.served_rate) {
      text += fmt::format(", above the {:.4g} requests/s that this fleet was seen to serve",
                          money.served_rate);
    }
  } else {
    text += "; what users pay by the month covers all that does not follow load";
  }
  return text;
}

}  // namespace plimsoll
