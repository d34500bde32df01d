// Samples and windows: to what is played, and back to the whole.
#include "simulation/horizon.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "plimsoll/workload.hpp"

namespace plimsoll {
namespace {

void scale_slice(SliceSummary& slice, int n) {
  for (std::int64_t* const count :
       {&slice.arrived, &slice.in_flight, &slice.prompt_tokens, &slice.output_tokens,
        &slice.prefix_hit_tokens, &slice.billed_prompt_tokens, &slice.billed_output_tokens,
        &slice.measured, &slice.measured_arrivals, &slice.unfinished, &slice.good}) {
    *count *= n;
  }
  for (std::int64_t& count : slice.outcomes) {
    count *= n;
  }
  for (double* const rate : {&slice.request_throughput, &slice.output_throughput,
                             &slice.total_token_throughput, &slice.request_goodput}) {
    *rate *= n;
  }
}

/// Ratios and the energy of one token or request stay as they are.
void scale_energy(EnergySummary& energy, int n) {
  for (double* const sum : {&energy.steps_joules, &energy.idle_joules, &energy.loading_joules,
                            &energy.joules, &energy.kwh, &energy.mean_watts}) {
    *sum *= n;
  }
}

void scale_pool(PoolSummary& pool, int n) {
  for (std::int64_t* const count :
       {&pool.gpus, &pool.replicas, &pool.busy_ns, &pool.idle_ns, &pool.billed_idle_ns,
        &pool.down_ns, &pool.draining_ns, &pool.off_ns, &pool.preemptions, &pool.sequence_slots,
        &pool.usable_slots, &pool.waiting_max, &pool.kv_blocks}) {
    *count *= n;
  }
  if (pool.cut_drains) {
    pool.cut_drains->drains *= n;
    pool.cut_drains->attempts *= n;
  }
  pool.running_mean *= n;
  scale_energy(pool.energy, n);
}

void scale_cells(std::vector<TokenCell>& cells, int n) {
  for (TokenCell& cell : cells) {
    cell.completed *= n;
    cell.prompt_tokens *= n;
    cell.output_tokens *= n;
  }
}

void scale_horizon(HorizonSummary& horizon, int n) {
  for (WindowCoverage& window : horizon.windows) {
    window.arrived *= n;
    window.completed *= n;
    window.output_tokens *= n;
    window.carried *= n;
    window.left *= n;
    window.expected_arrivals *= n;
    window.represented_arrivals *= n;
  }
  horizon.requests *= n;
  horizon.cached *= n;
  horizon.left *= n;
  horizon.completed *= n;
  horizon.output_tokens *= n;
  for (std::int64_t* const count : {&horizon.load.arrived, &horizon.load.unanswered,
                                    &horizon.load.good, &horizon.load.cached_output_tokens}) {
    *count *= n;
  }
  scale_cells(horizon.load.cells, n);
}

/// BilledLoad before it is rounded to whole requests and tokens.
struct LoadEstimate {
  struct Cell {
    TokenCell of;
    double completed = 0;
    double prompt_tokens = 0;
    double output_tokens = 0;
  };
  double unanswered = 0;
  double good = 0;
  double cached_output_tokens = 0;
  std::vector<Cell> cells;
};

/// What the part of the horizon brought for which a window stands. Whoever left between windows is
/// unanswered.
void add_load(LoadEstimate& load, const CoveredCounts& window, const WindowFactors& factors) {
  const auto weighed = [&factors](std::int64_t count) {
    return factors.completed * static_cast<double>(count);
  };
  const auto in_line = static_cast<double>(window.arrived - window.cached);
  load.unanswered += factors.arrived * in_line - weighed(window.completed);
  load.good += weighed(window.good);
  load.cached_output_tokens += factors.arrived * static_cast<double>(window.cached_output_tokens);
  load.cells.resize(window.cells.size());
  for (std::size_t c = 0; c < window.cells.size(); ++c) {
    load.cells[c].of = window.cells[c];
    load.cells[c].completed += weighed(window.cells[c].completed);
    load.cells[c].prompt_tokens += weighed(window.cells[c].prompt_tokens);
    load.cells[c].output_tokens += weighed(window.cells[c].output_tokens);
  }
}

BilledLoad rounded(const LoadEstimate& estimate, double arrived) {
  BilledLoad load;
  load.arrived = std::llround(arrived);
  load.unanswered = std::llround(estimate.unanswered);
  load.good = std::llround(estimate.good);
  load.cached_output_tokens = std::llround(estimate.cached_output_tokens);
  for (const LoadEstimate::Cell& cell : estimate.cells) {
    if (cell.completed > 0) {
      load.cells.push_back({cell.of.request_class, cell.of.pool, std::llround(cell.completed),
                            std::llround(cell.prompt_tokens), std::llround(cell.output_tokens)});
    }
  }
  return load;
}

}  // namespace

Config sampled(const Config& config) {
  Config cell = config;
  const int n = config.horizon.sample;
  for (PoolConfig& pool : cell.pools) {
    pool.replicas /= n;
  }
  for (StoreConfig& store : cell.stores) {
    store.uplink = BytesPerSecond::of(store.uplink.count() / n);
    if (store.wan) {
      store.wan = BytesPerSecond::of(store.wan->count() / n);
    }
  }
  const auto scale_down = [n](ServiceConfig& service) {
    if (service.queue_capacity > 0) {
      service.queue_capacity = std::max<std::int64_t>(1, service.queue_capacity / n);
    }
  };
  scale_down(cell.service);
  for (ModelServiceConfig& own : cell.model_services) {
    scale_down(own.service);
  }
  return cell;
}

void scale_back(WindowSummary& window, int n) {
  for (std::int64_t* const count :
       {&window.arrived, &window.ended, &window.completed, &window.output_tokens,
        &window.prompt_tokens, &window.queued, &window.running}) {
    *count *= n;
  }
}

void scale_back(RunResult& result, int n) {
  for (SliceSummary& slice : result.slices) {
    scale_slice(slice, n);
  }
  for (PoolSummary& pool : result.pools) {
    scale_pool(pool, n);
  }
  for (WindowSummary& window : result.windows) {
    scale_back(window, n);
  }
  for (WorstWindow& worst : result.worst_windows) {
    scale_back(worst.window, n);
  }
  for (DemandDay& day : result.demand) {
    day.arrived *= n;
  }
  scale_cells(result.token_cells, n);
  result.cached_output_tokens *= n;
  for (RentMark& mark : result.rent_marks) {
    for (std::int64_t& rented : mark.rented_ns) {
      rented *= n;
    }
  }
  scale_energy(result.energy, n);
  result.queued_centrally *= n;
  result.most_completed_per_second *= n;
  if (result.horizon) {
    scale_horizon(*result.horizon, n);
  }
}

std::vector<WindowWeight> window_weights(const Config& config,
                                         const std::vector<GapBacklog>& gaps) {
  const ArrivalConfig arrivals = compiled_arrivals(config);
  const auto expected = [&arrivals](Duration from, Duration to) {
    return expected_arrivals(arrivals, SimTime{from}, SimTime{to});
  };
  const auto& windows = config.horizon.windows;
  std::vector<WindowWeight> weights(windows.size());
  Duration begin{};
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const bool last = i + 1 == windows.size();
    const Duration end =
        last ? config.duration : windows[i].to + (windows[i + 1].from - windows[i].to) / 2;
    weights[i].length = windows[i].to - windows[i].from;
    weights[i].represented = end - begin;
    weights[i].expected_arrivals = expected(begin, end);
    // Who left a gap is of both windows beside it, as its arrivals are.
    const double before = i > 0 ? expected(windows[i - 1].to, begin) : 0;
    const double after = expected(begin, windows[i].from);
    const auto left = static_cast<double>(gaps[i].left);
    const double left_before = before + after > 0 ? left * before / (before + after) : 0;
    weights[i].left += left - left_before;
    if (i > 0) {
      weights[i - 1].left += left_before;
    }
    begin = end;
  }
  return weights;
}

HorizonSummary weigh_windows(const Config& config, const std::vector<CoveredCounts>& covered,
                             const std::vector<GapBacklog>& gaps) {
  const ArrivalConfig arrivals = compiled_arrivals(config);
  const std::vector<WindowWeight> weights = window_weights(config, gaps);
  const auto& windows = config.horizon.windows;
  HorizonSummary horizon;
  horizon.horizon = config.duration;
  LoadEstimate load;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    WindowCoverage window;
    window.from = SimTime{windows[i].from};
    window.to = SimTime{windows[i].to};
    window.arrived = covered[i].arrived;
    window.completed = covered[i].completed;
    window.output_tokens = covered[i].output_tokens;
    window.carried = gaps[i].carried;
    window.left = gaps[i].left;
    window.expected_arrivals = expected_arrivals(arrivals, window.from, window.to);
    window.represented_arrivals = weights[i].expected_arrivals;
    horizon.requests += window.represented_arrivals;
    horizon.left += window.left;
    const WindowFactors factors = factors_of(covered[i], weights[i]);
    horizon.completed += factors.completed * static_cast<double>(window.completed);
    horizon.cached += factors.arrived * static_cast<double>(covered[i].cached);
    horizon.output_tokens += factors.completed * static_cast<double>(window.output_tokens);
    add_load(load, covered[i], factors);
    horizon.covered += windows[i].to - windows[i].from;
    horizon.windows.push_back(window);
  }
  horizon.load = rounded(load, horizon.requests);
  return horizon;
}

std::vector<std::string> horizon_notes(const Config& config, const RunResult& result) {
  std::vector<std::string> notes;
  if (config.horizon.sample > 1) {
    notes.push_back(fmt::format(
        "1/{} of the replicas and of the demand was played: counts, tokens, GPU time, costs and "
        "rates are multiplied by {}; latencies and shares are the cell's, and so are the counts "
        "in sentences of the verdict",
        config.horizon.sample, config.horizon.sample));
    for (const PoolConfig& pool : config.pools) {
      constexpr int small_cell = 200;  // docs/fidelity.md
      if (const int cell = pool.replicas / config.horizon.sample; cell < small_cell) {
        notes.push_back(fmt::format(
            "A cell of {} replicas of pool {}: routers that look for the least loaded find another "
            "one than in the whole fleet, and median times to the first token are some percent off",
            cell, pool.name));
      }
    }
  }
  if (result.horizon) {
    notes.push_back(fmt::format(
        "{:.4g} of {:.4g} h were played and measured, in {} windows: GPU time and costs are those "
        "of the whole, latencies and counts those of the windows; cost per request and token and "
        "revenue rest on {:.4g} completed requests, each window standing for the part of the "
        "horizon nearest to it in proportion to expected arrivals",
        to_seconds(result.horizon->covered) / 3600, to_seconds(result.horizon->horizon) / 3600,
        result.horizon->windows.size(), result.horizon->completed));
  }
  return notes;
}

}  // namespace plimsoll
