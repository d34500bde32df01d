// Reports room: a run told to a planner: does it hold, what does it cost, what breaks next.
#include <fmt/format.h>

#include <algorithm>

#include "metrics/thresholds.hpp"
#include "metrics/verdict.hpp"
#include "plimsoll/report.hpp"
#include "reports/experiments_tables.hpp"
#include "reports/money_summary.hpp"
#include "reports/offers_report.hpp"
#include "reports/operations_tables.hpp"
#include "reports/result_digest.hpp"
#include "reports/text_table.hpp"

namespace plimsoll {
namespace {

std::string grouped(std::int64_t count) {
  return fmt::format("{}", fmt::group_digits(count));
}

/// One decimal below 1,000, none above.
std::string figure(double value) {
  if (value < 9.995) {
    return fmt::format("{:.2f}", value);
  }
  return value < 999.95 ? fmt::format("{:.1f}", value)
                        : grouped(static_cast<std::int64_t>(value + 0.5));
}

std::string percent(double share) {
  return fmt::format("{:.1f}", 100 * share);
}

/// Cents for what is worth cents, four significant digits for less.
std::string dollars(double amount) {
  if (amount != 0 && amount < 1) {
    return fmt::format("${:.4g}", amount);
  }
  const auto cents = static_cast<std::int64_t>(amount * 100 + 0.5);
  return fmt::format("${}.{:02}", grouped(cents / 100), cents % 100);
}

std::string coloured(const std::string& text, VerdictKind kind, const SummaryStyle& style) {
  if (!style.colour) {
    return text;
  }
  constexpr int codes[] = {32, 31, 35};
  return fmt::format("\x1b[1;{}m{}\x1b[0m", codes[static_cast<int>(kind)], text);
}

/// Breaks at blanks, so that no line is longer than `width`; later lines are indented.
std::string wrapped(const std::string& text, int width, int indent) {
  const auto room = static_cast<std::size_t>(std::max(width, indent + 20));
  std::string out(static_cast<std::size_t>(indent), ' ');
  std::size_t column = out.size();
  std::size_t begin = 0;
  bool first = true;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find_first_of(" \n", begin), text.size());
    const std::size_t length = end - begin;
    if (!first && column + 1 + length > room) {
      out += '\n' + std::string(static_cast<std::size_t>(indent) + 2, ' ');
      column = static_cast<std::size_t>(indent) + 2;
    } else if (!first) {
      out += ' ';
      ++column;
    }
    out.append(text, begin, length);
    column += length;
    first = false;
    begin = end + 1;
  }
  return out + '\n';
}

std::string verdict_part(const RunResult& result, const SummaryStyle& style) {
  constexpr const char* words[] = {"HOLDS", "FAILS", "OVERLOADED"};
  const VerdictKind kind = result.verdict.kind;
  std::string out = fmt::format("{}: {}\n", result.scenario,
                                coloured(words[static_cast<int>(kind)], kind, style));
  if (kind == VerdictKind::holds) {
    const std::string& unknown = result.verdict.overload_unknown;
    out += wrapped((result.thresholds.empty()
                        ? "no thresholds are set"
                        : fmt::format("all {} thresholds hold", result.thresholds.size())) +
                       (unknown.empty() ? ", and no overload was found" : "; " + unknown),
                   style.width, 2);
  }
  for (const std::string& reason : result.verdict.reasons) {
    out += wrapped(reason, style.width, 2);
  }
  return out;
}

std::string cost_part(const RunResult& result, const Config& config, const SummaryStyle& style) {
  const CostSummary& cost = result.cost;
  std::string text =
      fmt::format("costs {} for {} GPU-hours", dollars(cost.total), figure(cost.gpu_hours));
  if (cost.per_request > 0) {
    text += fmt::format(": {} per request, all of it over the output tokens {} per million",
                        dollars(cost.per_request), dollars(cost.per_million_tokens));
  }
  if (cost.revenue > 0) {
    text += fmt::format("; earns {}, margin {} %", dollars(cost.revenue), percent(cost.margin));
  }
  // Rates are over the time of arrivals, bills are not.
  const Duration run = result.end.time_since_epoch();
  if (config.duration > Duration::zero() && run > config.duration) {
    text += fmt::format("; the bill is for {} s, {} s of them after the last arrival",
                        figure(to_seconds(run)), figure(to_seconds(run - config.duration)));
  }
  return wrapped(text, style.width, 2);
}

std::string energy_part(const RunResult& result, const SummaryStyle& style) {
  const EnergySummary& energy = result.energy;
  std::string text =
      fmt::format("draws {} kWh{}, {} kW on average", figure(energy.kwh),
                  result.horizon ? " in the windows" : "", figure(energy.mean_watts / 1e3));
  if (energy.joules_per_request > 0) {
    text += fmt::format(": {} J per request, {} J per output token",
                        figure(energy.joules_per_request), figure(energy.joules_per_output_token));
  }
  return wrapped(text, style.width, 2);
}

std::string requests_part(const RunResult& result, const SummaryStyle& style) {
  const SliceSummary& whole = result.slices.front();
  std::string text = fmt::format("Requests{}: {} arrived", result.horizon ? " played" : "",
                                 grouped(whole.arrived));
  const auto share = [&](std::int64_t count) {
    return whole.arrived == 0
               ? 0.0
               : 100.0 * static_cast<double>(count) / static_cast<double>(whole.arrived);
  };
  for (int i = 0; i < outcome_count; ++i) {
    const std::int64_t count = whole.outcomes[static_cast<std::size_t>(i)];
    if (count > 0 || i == 0) {
      text += fmt::format(", {} {} ({:.2f} %)", grouped(count),
                          outcome_name(static_cast<Outcome>(i)), share(count));
    }
  }
  text += fmt::format(", {} in flight", grouped(whole.in_flight));
  return wrapped(text, style.width, 0);
}

std::vector<std::string> latency_row(const char* name, const LatencySummary& latency) {
  if (latency.count == 0) {
    return {name, "-", "-", "-", "-", "-", "0"};
  }
  const auto& p = latency.percentiles;
  return {name,         figure(latency.mean), figure(p[2]),          figure(p[5]),
          figure(p[6]), figure(p[7]),         grouped(latency.count)};
}

/// What rates are over.
std::string rated_span(const RunResult& result, const Config& config) {
  const std::string seconds = figure(result.rated_seconds) + " s";
  if (result.horizon) {
    return "over the " + seconds + " of the windows";
  }
  const bool drains =
      config.duration > Duration::zero() && result.end > sim_start + config.duration;
  return "over " + seconds + ", " + (config.warm_up > Duration::zero() ? "warm-up" : "begin") +
         (drains ? " to last arrival" : " to end");
}

/// Of windows: what became of the whole horizon, with those who left between them.
std::string horizon_part(const RunResult& result, const SummaryStyle& style) {
  if (!result.horizon) {
    return {};
  }
  const HorizonSummary& horizon = *result.horizon;
  const auto share = [&](double count) {
    return horizon.requests > 0 ? 100 * count / horizon.requests : 0.0;
  };
  std::string text =
      fmt::format("Of the horizon's {} requests an estimated {} completed ({:.2f} %)",
                  figure(horizon.requests), figure(horizon.completed), share(horizon.completed));
  if (horizon.cached > 0) {
    text += fmt::format(", {} cached ({:.2f} %)", figure(horizon.cached), share(horizon.cached));
  }
  if (horizon.left > 0) {
    text += fmt::format(", {} left unserved between windows ({:.2f} %)", grouped(horizon.left),
                        share(static_cast<double>(horizon.left)));
  }
  return wrapped(
      text + fmt::format("; availability {:.2f} %", 100 * result.slices.front().availability),
      style.width, 0);
}

std::string latencies_part(const RunResult& result, const Config& config,
                           const SummaryStyle& style) {
  const SliceSummary& whole = result.slices.front();
  std::vector<std::vector<std::string>> rows = {
      latency_row("TTFT", whole.ttft), latency_row("TPOT", whole.tpot),
      latency_row("ITL", whole.itl), latency_row("E2E", whole.e2el),
      latency_row("queue", whole.queue)};
  if (!everybody_streams(config)) {
    rows.push_back(latency_row("perceived", whole.perceived));
  }
  const std::string table = text_table(
      {{"ms", false}, {"mean"}, {"p50"}, {"p90"}, {"p99"}, {"p99.9"}, {"measured"}}, rows);
  const std::int64_t degraded = whole.outcomes[static_cast<std::size_t>(Outcome::degraded)];
  const std::string rates = fmt::format(
      "{:.2f} % never finished and have no TPOT or E2E; {}{} requests/s completed, {} within their "
      "SLOs; {} output tokens/s ({})",
      100 * whole.unfinished_share,
      degraded > 0
          ? fmt::format("TPOT and E2E are also those of {} degraded answers; ", grouped(degraded))
          : "",
      figure(whole.request_throughput), figure(whole.request_goodput),
      figure(whole.output_throughput), rated_span(result, config));
  return table + wrapped(rates, style.width, 0);
}

/// Replicas, each of `of_each`: of a pool that an autoscaler steers the most that there were, of
/// one whose machines are bought or whose versions change as many as are wanted, of those that
/// there may be at once.
std::string replicas_text(const RunResult& result, const Config& config, std::size_t p,
                          std::int64_t of_each) {
  const PoolSummary& pool = result.pools[p];
  for (const ScalingSummary& scaling : result.scaling) {
    if (scaling.pool == pool.name) {
      return fmt::format("{} of {}", grouped(scaling.replicas_max * of_each),
                         grouped(pool.replicas * of_each));
    }
  }
  std::int64_t wanted = config.pools[p].replicas;
  if (config.pools[p].procurement) {
    for (const OrderConfig& order : config.pools[p].procurement->orders) {
      wanted += order.replicas;
    }
  }
  return wanted < pool.replicas
             ? fmt::format("{} of {}", grouped(wanted * of_each), grouped(pool.replicas * of_each))
             : grouped(pool.replicas * of_each);
}

/// Replicas that were rented, on average over the run.
double replicas_rented(const PoolSummary& pool) {
  const std::int64_t rented = pool.busy_ns + pool.idle_ns + pool.down_ns + pool.draining_ns;
  const std::int64_t all = rented + pool.off_ns;
  return all == 0 ? 0
                  : static_cast<double>(pool.replicas) * static_cast<double>(rented) /
                        static_cast<double>(all);
}

std::string pools_part(const RunResult& result, const Config& config) {
  const bool bought = std::any_of(config.pools.begin(), config.pools.end(),
                                  [](const PoolConfig& pool) { return pool.procurement; });
  std::vector<TextColumn> columns{{"pool", false}, {"GPU", false}, {"GPUs"},     {"replicas"},
                                  {"busy %"},      {"KV %"},       {"KV max %"}, {"batch"},
                                  {"waiting max"}, {"preempted"}};
  constexpr std::ptrdiff_t behind_replicas = 4;
  if (bought) {
    columns.insert(columns.begin() + behind_replicas, {"rented"});
  }
  std::vector<std::vector<std::string>> rows;
  for (std::size_t p = 0; p < result.pools.size(); ++p) {
    const PoolSummary& pool = result.pools[p];
    std::vector<std::string> row{pool.name,
                                 pool.gpu,
                                 replicas_text(result, config, p, pool.gpus_per_replica),
                                 replicas_text(result, config, p, 1),
                                 percent(pool.gpu_utilization),
                                 percent(pool.kv_cache_usage_mean),
                                 percent(pool.kv_cache_usage_max),
                                 figure(pool.mean_batch),
                                 grouped(pool.waiting_max),
                                 grouped(pool.preemptions)};
    if (bought) {
      row.insert(row.begin() + behind_replicas, figure(replicas_rented(pool)));
    }
    rows.push_back(std::move(row));
  }
  return text_table(columns, rows);
}

/// What users of each tier and model got, where there are several.
std::string slices_part(const RunResult& result, const char* kind, const char* title) {
  std::vector<std::vector<std::string>> rows;
  for (const SliceSummary& slice : result.slices) {
    if (slice.kind != kind || slice.arrived == 0) {
      continue;
    }
    const auto of = [](std::int64_t part, std::int64_t whole) {
      return whole == 0 ? "-" : percent(static_cast<double>(part) / static_cast<double>(whole));
    };
    const auto ms = [](const LatencySummary& latency, std::size_t which) {
      return latency.count == 0 ? "-" : figure(latency.percentiles[which]);
    };
    rows.push_back({slice.name, grouped(slice.arrived),
                    of(slice.measured_arrivals - slice.unfinished, slice.measured_arrivals),
                    ms(slice.ttft, 2), ms(slice.ttft, 6), ms(slice.tpot, 2),
                    of(slice.good, slice.measured)});
  }
  return rows.size() < 2 ? std::string{}
                         : "\n" + text_table({{title, false},
                                              {"arrived"},
                                              {"answered %"},
                                              {"TTFT p50"},
                                              {"p99 ms"},
                                              {"TPOT p50"},
                                              {"good %"}},
                                             rows);
}

std::string prefixes_part(const RunResult& result, const SummaryStyle& style) {
  std::string out;
  for (const PoolSummary& pool : result.pools) {
    if (pool.prefix) {
      out +=
          wrapped(fmt::format("Prefix cache of {}: {} of {} prompt tokens found ({} %)", pool.name,
                              grouped(pool.prefix->hit_tokens), grouped(pool.prefix->prompt_tokens),
                              percent(pool.prefix->hit_rate)),
                  style.width, 0);
    }
  }
  return out;
}

std::string kv_transfers_part(const RunResult& result, const SummaryStyle& style) {
  std::string out;
  for (const PoolSummary& pool : result.pools) {
    if (pool.kv_transfer) {
      const KvTransferSummary& kv = *pool.kv_transfer;
      out += wrapped(
          fmt::format("KV over the NICs of {}: {} transfers, {} GB, p50 {} ms, p99 {} ms "
                      "after the first token, NICs busy {} %",
                      pool.name, grouped(kv.transfers),
                      figure(static_cast<double>(kv.bytes) * 1e-9), figure(kv.time.percentiles[2]),
                      figure(kv.time.percentiles[6]), percent(kv.nic_utilization)),
          style.width, 0);
    }
  }
  return out;
}

std::string waiting_rooms_part(const RunResult& result, const SummaryStyle& style) {
  std::string out;
  for (const WaitingRoomSummary& room : result.waiting_rooms) {
    out += wrapped(
        fmt::format("Waiting room of {}: {} served, {} gave up, {} left for what they were shown, "
                    "{} found no room; position p50 {}, p99 {}; waited p50 {} ms, p99 {} ms{}",
                    room.model, grouped(room.served), grouped(room.gave_up),
                    grouped(room.left_when_shown), grouped(room.no_room),
                    figure(room.position.percentiles[2]), figure(room.position.percentiles[6]),
                    figure(room.waited.percentiles[2]), figure(room.waited.percentiles[6]),
                    room.told_wait.count > 0
                        ? fmt::format(", off what they were told by {} ms in the mean",
                                      figure(room.mean_error_ms))
                        : ""),
        style.width, 0);
  }
  return out;
}

std::string fairness_part(const RunResult& result, const SummaryStyle& style) {
  std::string out;
  for (const FairnessSummary& fairness : result.fairness) {
    if (fairness.largest.empty()) {
      continue;
    }
    const TenantSummary& first = fairness.largest.front();
    out += wrapped(
        fmt::format(
            "Tenants of {}{}{}: {}, who got {} of the tokens they asked for; Jain's index {} of "
            "what each got of its fair part. Tenant {} asked for most and got {}, {} of its "
            "part",
            fairness.model, fairness.datacenter.empty() ? "" : " in ", fairness.datacenter,
            grouped(fairness.tenants),
            percent(static_cast<double>(fairness.served) /
                    static_cast<double>(std::max<std::int64_t>(1, fairness.asked))),
            figure(fairness.jain), first.tenant,
            percent(static_cast<double>(first.served) / static_cast<double>(first.asked)),
            percent(first.fair > 0 ? static_cast<double>(first.served) / first.fair : 0)),
        style.width, 0);
  }
  return out;
}

std::string scaling_part(const RunResult& result) {
  if (result.scaling.empty()) {
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const ScalingSummary& scaling : result.scaling) {
    rows.push_back({scaling.pool, scaling.policy, grouped(scaling.replicas_min),
                    figure(scaling.replicas_mean), grouped(scaling.replicas_max),
                    grouped(scaling.scale_ups), grouped(scaling.scale_downs),
                    scaling.forecasts ? percent(scaling.forecast_mape) : "-",
                    scaling.forecasts ? percent(scaling.forecast_bias) : "-"});
  }
  return "\n" + text_table({{"scaled pool", false},
                            {"policy", false},
                            {"least"},
                            {"mean"},
                            {"most"},
                            {"ups"},
                            {"downs"},
                            {"forecast off %"},
                            {"bias %"}},
                           rows);
}

std::vector<std::string> multiple_row(const std::string& pool, const MultipleReached& reached) {
  const auto minutes = [](std::int64_t ns) {
    return fmt::format("{:.1f}", to_seconds(Duration{ns}) / 60);
  };
  std::vector<std::string> row = {
      pool, fmt::format("{}x", reached.multiple),
      reached.at == never ? "not yet" : minutes(reached.at.time_since_epoch().count())};
  for (const std::int64_t phase : reached.start) {
    row.push_back(minutes(phase));
  }
  row.push_back(reached.bound_by.empty() ? "-" : reached.bound_by);
  return row;
}

/// When pools with cold starts reached multiples of their first size, and what took so long.
std::string elasticity_part(const RunResult& result) {
  std::vector<std::vector<std::string>> rows;
  for (const PoolSummary& pool : result.pools) {
    if (!pool.elasticity) {
      continue;
    }
    for (const MultipleReached& reached : pool.elasticity->multiples) {
      rows.push_back(multiple_row(pool.name, reached));
    }
    if (pool.elasticity->next_multiple) {
      rows.push_back(multiple_row(pool.name, *pool.elasticity->next_multiple));
    }
  }
  if (rows.empty()) {
    return {};
  }
  return "\n" + text_table({{"serving pool", false},
                            {""},
                            {"at min"},
                            {"stock-out"},
                            {"lead"},
                            {"provision"},
                            {"pull"},
                            {"load"},
                            {"warm-up"},
                            {"bound by", false}},
                           rows);
}

std::string demand_part(const RunResult& result) {
  if (result.demand.empty()) {
    return {};
  }
  constexpr std::size_t most_rows = 31;
  const std::size_t stride = (result.demand.size() + most_rows - 1) / most_rows;
  std::vector<std::vector<std::string>> rows;
  for (std::size_t d = 0; d < result.demand.size(); ++d) {
    const DemandDay& day = result.demand[d];
    if (d % stride == 0 || d + 1 == result.demand.size()) {
      rows.push_back({day.date, figure(day.users), figure(day.new_users), figure(day.active_users),
                      figure(day.sessions), figure(day.requests), figure(day.peak_requests_per_s),
                      figure(day.peak_concurrent), grouped(day.arrived)});
    }
  }
  return "\n" + text_table({{"day", false},
                            {"users"},
                            {"new"},
                            {"active"},
                            {"sessions"},
                            {"requests"},
                            {"peak/s"},
                            {"at once"},
                            {"played"}},
                           rows);
}

/// What did not pass, by outcome, and what did not come: "3 shed, 1 failed, 2 left on the way".
std::string not_served(const StageSummary& stage) {
  std::string text;
  for (int i = 0; i < outcome_count; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    const std::int64_t count = stage.outcomes[static_cast<std::size_t>(i)];
    if (count > 0 && outcome != Outcome::completed && outcome != Outcome::cached) {
      text +=
          fmt::format("{}{} {}", text.empty() ? "" : ", ", grouped(count), outcome_name(outcome));
    }
  }
  if (stage.left_on_the_way > 0) {
    text += fmt::format("{}{} left on the way", text.empty() ? "" : ", ",
                        grouped(stage.left_on_the_way));
  }
  return text.empty() ? "-" : text;
}

std::string stages_part(const RunResult& result) {
  if (result.stages.empty()) {
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const StageSummary& stage : result.stages) {
    rows.push_back({std::string{stage_name(stage.stage)}, grouped(stage.offered),
                    grouped(stage.served), grouped(stage.hits),
                    stage.wait.count > 0 ? figure(stage.wait.percentiles[6]) : "-",
                    stage.latency.count > 0 ? figure(stage.latency.percentiles[2]) : "-",
                    stage.latency.count > 0 ? figure(stage.latency.percentiles[6]) : "-",
                    stage.utilization < 0 ? "-" : percent(stage.utilization),
                    stage.busiest_window < 0 ? "-" : percent(stage.busiest_window),
                    stage.memory_usage < 0 ? "-" : percent(stage.memory_usage), not_served(stage)});
  }
  return "\n" + text_table({{"stage", false},
                            {"offered"},
                            {"served"},
                            {"hits"},
                            {"wait p99 ms"},
                            {"p50 ms"},
                            {"p99 ms"},
                            {"used %"},
                            {"busiest %"},
                            {"memory %"},
                            {"not served", false}},
                           rows);
}

/// Users by region, requests by datacenter.
std::string regions_part(const RunResult& result) {
  std::vector<std::vector<std::string>> rows;
  for (const EdgeRow& way : result.edge_rows) {
    const auto slice = std::find_if(
        result.slices.begin(), result.slices.end(),
        [&](const SliceSummary& one) { return one.kind == way.kind && one.name == way.name; });
    std::string crossings;
    for (const auto& [name, count] : way.crossings) {
      crossings += fmt::format("{}{} {}", crossings.empty() ? "" : ", ", name, grouped(count));
    }
    const std::string access = way.kind == "region" ? figure(way.access.mean) : "-";
    rows.push_back({way.kind, way.name, grouped(slice->arrived), access, figure(way.wan.mean),
                    figure(slice->ttft.percentiles[2]), figure(slice->ttft.percentiles[6]),
                    figure(slice->e2el.percentiles[6]), percent(slice->unfinished_share),
                    crossings});
  }
  return rows.empty() ? std::string{}
                      : "\n" + text_table({{"users of", false},
                                           {"name", false},
                                           {"arrived"},
                                           {"access ms"},
                                           {"wan ms"},
                                           {"ttft p50"},
                                           {"ttft p99"},
                                           {"e2el p99"},
                                           {"unfinished %"},
                                           {"went to (came from)", false}},
                                          rows);
}

/// What those cost who are no users.
std::string cost_of_attacks(const CostSummary& cost) {
  double sum = 0;
  bool some = false;
  for (const UnitCost& unit : cost.money.units) {
    if (unit.kind == "class") {
      sum += to_dollars(unit.prompt_cost + unit.output_cost);
      some = true;
    }
  }
  return some ? fmt::format(" at {}", dollars(sum)) : "";
}

std::string path_part(const RunResult& result, const SummaryStyle& style) {
  const PathSummary& path = result.path;
  std::string text;
  if (path.retries > 0 || path.follow_ups > 0) {
    text += fmt::format(
        "{} attempts, {} of them retries; {} requests were further turns of "
        "sessions.\n",
        grouped(path.attempts), grouped(path.retries), grouped(path.follow_ups));
  }
  if (path.attacked) {
    text += fmt::format(
        "Attacks: {} requests, {} of them answered{}, {} attempts dropped by their source; of {} "
        "requests of users meanwhile {} were answered; {} attempts of users dropped by their "
        "source.\n",
        grouped(path.attack_requests), grouped(path.attack_answered), cost_of_attacks(result.cost),
        grouped(path.attack_dropped), grouped(path.users_attacked), grouped(path.users_answered),
        grouped(path.users_dropped));
  }
  for (const FailoverSummary& way : path.failovers) {
    if (way.waiting + way.retried > 0) {
      text += fmt::format(
          "{} requests went on from {} to {}, where replicas served: {} of them had "
          "lost theirs.\n",
          grouped(way.waiting + way.retried), way.from, way.to, grouped(way.retried));
    }
  }
  if (path.bypassed > 0) {
    text += fmt::format("{} requests slipped through a limit, worth {} at list prices; {}.\n",
                        grouped(path.bypassed), dollars(path.bypassed_dollars),
                        path.detected == never
                            ? "no alarm"
                            : fmt::format("alarm at {:.6g} s, limits bind again at {:.6g} s",
                                          to_seconds(path.detected.time_since_epoch()),
                                          to_seconds(path.enforced.time_since_epoch())));
  }
  return text.empty() ? text : wrapped(text.substr(0, text.size() - 1), style.width, 0);
}

std::string thresholds_part(const RunResult& result) {
  if (result.thresholds.empty()) {
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const ThresholdVerdict& verdict : result.thresholds) {
    const double worst_begin = to_seconds(verdict.worst_window.time_since_epoch());
    rows.push_back({threshold_text(verdict.threshold), verdict.holds ? "holds" : "FAILS",
                    verdict.measured ? fmt::format("{:.6g}", verdict.value) : "-",
                    verdict.measured ? fmt::format("{:.6g}", verdict.worst_window_value) : "-",
                    verdict.measured ? fmt::format("{:.6g} s", worst_begin) : "-"});
  }
  return "\n" +
         text_table({{"threshold", false}, {"", false}, {"value"}, {"worst window"}, {"at"}}, rows);
}

std::string alerts_part(const RunResult& result) {
  if (!result.monitoring || result.monitoring->alerts.empty()) {
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const AlertSummary& alert : result.monitoring->alerts) {
    const bool fired = !alert.episodes.empty();
    const AlertEpisode first = fired ? alert.episodes.front() : AlertEpisode{};
    rows.push_back({alert.name, alert.pool, alert.state, grouped(alert.firings),
                    fired ? figure(to_seconds(first.since.time_since_epoch())) : "-",
                    fired ? figure(to_seconds(first.fired - first.since)) : "-",
                    figure(to_seconds(alert.firing))});
  }
  return "\n" + text_table({{"alert", false},
                            {"pool", false},
                            {"at the end", false},
                            {"fired"},
                            {"first held at s"},
                            {"fired after s"},
                            {"firing s"}},
                           rows);
}

std::string lines_part(const char* title, const std::vector<std::string>& lines,
                       const SummaryStyle& style) {
  if (lines.empty()) {
    return {};
  }
  std::string out = fmt::format("\n{}\n", title);
  for (const std::string& line : lines) {
    out += wrapped(line, style.width, 2);
  }
  return out;
}

/// Lines joined by semicolons.
std::string in_one_line(const std::string& lines) {
  std::string out;
  for (const char c : lines) {
    out += c == '\n' ? std::string{"; "} : std::string(1, c);
  }
  return out;
}

/// Tiers whose first tokens are compared, by variant: the first ones of the first variant that has
/// several; none where there is one tier.
std::vector<std::string> compared_tiers(
    const std::vector<std::pair<std::string, ResultDigest>>& digests) {
  constexpr std::size_t at_most = 4;
  for (const auto& variant : digests) {
    const std::vector<TierDigest>& tiers = variant.second.tiers;
    if (tiers.size() > 1) {
      std::vector<std::string> names;
      for (std::size_t t = 0; t < std::min(tiers.size(), at_most); ++t) {
        names.push_back(tiers[t].name);
      }
      return names;
    }
  }
  return {};
}

std::string tier_ttft(const ResultDigest& digest, const std::string& name) {
  for (const TierDigest& tier : digest.tiers) {
    if (tier.name == name && tier.first_tokens > 0) {
      return figure(tier.p99_ttft_ms);
    }
  }
  return "-";
}

}  // namespace

std::string terminal_summary(const RunResult& result, const Config& config,
                             const SummaryStyle& style) {
  std::vector<std::string> memory;
  for (const PoolSummary& pool : result.pools) {
    if (!pool.memory_arithmetic.empty()) {
      memory.push_back(fmt::format("{}: {}", pool.name, in_one_line(pool.memory_arithmetic)));
    }
  }
  std::vector<std::string> notes = result.notes;
  if (result.skipped_rows > 0) {
    notes.push_back(
        fmt::format("{} bad rows of the trace were skipped", grouped(result.skipped_rows)));
  }
  for (std::string& note : provenance_notes(config)) {
    notes.push_back(std::move(note));
  }
  std::string out = verdict_part(result, style);
  out += cost_part(result, config, style);
  out += energy_part(result, style);
  if (result.verdict.kind == VerdictKind::holds) {
    out += wrapped("nearest to its limit: " + bottleneck(result), style.width, 2);
  }
  out += "\n" + requests_part(result, style);
  out += horizon_part(result, style);
  out += "\n" + latencies_part(result, config, style);
  out += slices_part(result, "tier", "tier");
  out += slices_part(result, "model", "model asked for");
  out += stages_part(result);
  out += regions_part(result);
  out += path_part(result, style);
  out += waiting_rooms_part(result, style);
  out += fairness_part(result, style);
  out += experiments_tables(result);
  out += "\n" + pools_part(result, config);
  out += prefixes_part(result, style);
  out += kv_transfers_part(result, style);
  out += scaling_part(result);
  out += elasticity_part(result);
  out += offers_table(result);
  out += operations_tables(result);
  out += demand_part(result);
  out += money_tables(result.cost.money);
  if (!result.cost.money.revenue.empty()) {
    out += wrapped(earnings_text(result.cost.money), style.width, 0);
  }
  out += thresholds_part(result);
  out += alerts_part(result);
  out += lines_part("Memory", memory, style);
  out += lines_part("Notes", notes, style);
  return out;
}

std::string compare_summary(const std::vector<std::pair<std::string, std::string>>& variants,
                            const SummaryStyle& style) {
  static_cast<void>(style);
  std::vector<std::pair<std::string, ResultDigest>> digests;
  bool degraded = false;
  for (const auto& variant : variants) {
    digests.emplace_back(variant.first, read_result_digest(variant.second));
    degraded = degraded || digests.back().second.degraded > 0;
  }
  std::vector<TextColumn> columns{
      {"variant", false}, {"verdict", false}, {"arrived"}, {"completed"}, {"lost %"}, {"TTFT p50"},
      {"p99 ms"},         {"TPOT p50"},       {"E2E p99"}, {"good/s"},    {"GPU-h"},  {"cost"}};
  constexpr std::ptrdiff_t behind_lost = 5;
  if (degraded) {
    columns.insert(columns.begin() + behind_lost, {"degraded %"});
  }
  const std::vector<std::string> tiers = compared_tiers(digests);
  for (const std::string& tier : tiers) {
    columns.push_back({tier + " TTFT p99"});
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, digest] : digests) {
    std::vector<std::string> row{name,
                                 digest.verdict,
                                 grouped(digest.arrived),
                                 grouped(digest.completed),
                                 percent(digest.unfinished_share),
                                 figure(digest.median_ttft_ms),
                                 figure(digest.p99_ttft_ms),
                                 figure(digest.median_tpot_ms),
                                 figure(digest.p99_e2el_ms),
                                 figure(digest.request_goodput),
                                 figure(digest.gpu_hours),
                                 dollars(digest.dollars)};
    if (degraded) {
      const auto arrived = static_cast<double>(std::max<std::int64_t>(digest.arrived, 1));
      row.insert(row.begin() + behind_lost,
                 percent(static_cast<double>(digest.degraded) / arrived));
    }
    for (const std::string& tier : tiers) {
      row.push_back(tier_ttft(digest, tier));
    }
    rows.push_back(std::move(row));
  }
  return text_table(columns, rows) + rollouts_compared(digests);
}

}  // namespace plimsoll
