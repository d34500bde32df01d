// Law: many steps as one event are the same as one event per step, and both are what the rules of
// continuous batching say: random cases, compared byte for byte with an oracle of plain loops.
//
// PLIMSOLL_REPLICA_CASES=N plays N cases, PLIMSOLL_REPLICA_SEED=S the one of seed S alone.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "plimsoll/rng.hpp"
#include "support/replica_harness.hpp"

namespace plimsoll::testing {
namespace {

/// Uniform in low .. high.
std::int64_t between(Draws& draws, std::int64_t low, std::int64_t high) {
  const std::uint64_t a = draws();
  const std::uint64_t b = draws();
  return low +
         static_cast<std::int64_t>(((a << 32) | b) % static_cast<std::uint64_t>(high - low + 1));
}

bool chance(Draws& draws, std::uint32_t percent) {
  return draws.below(100) < percent;
}

/// How large the numbers of a case are.
struct Scale {
  std::int64_t grain;     // fs: costs and arrivals are multiples of it
  std::int64_t step;      // fs: of a step without tokens, at most
  std::int64_t token;     // fs: per token computed
  std::int64_t kv_token;  // fs
};

Scale draw_scale(Draws& draws) {
  switch (draws.below(3)) {
    case 0:  // a few nanoseconds a step: boundaries and arrivals share nanoseconds
      return {1, 4'000'000, 900'000, 70'000};
    case 1:  // whole microseconds: they share exact times
      return {1'000'000'000, 30'000'000'000, 3'000'000'000, 1'000'000'000};
    default:  // milliseconds, to the femtosecond
      return {1, 20'000'000'000'000, 300'000'000'000, 2'000'000'000};
  }
}

/// A random number of grains, `most` fs at most.
std::int64_t amount(Draws& draws, const Scale& scale, std::int64_t most) {
  return between(draws, 0, most / scale.grain) * scale.grain;
}

/// 0, then `first` or less, then more by up to `more` each.
std::vector<Femtoseconds> draw_rise(Draws& draws, const Scale& scale, std::int64_t size,
                                    std::int64_t first, std::int64_t more) {
  std::vector<Femtoseconds> costs{0, amount(draws, scale, first)};
  while (static_cast<std::int64_t>(costs.size()) <= size) {
    const Femtoseconds rise = amount(draws, scale, more);
    costs.push_back(costs.back() + rise);
  }
  return costs;
}

CostColumn draw_column(Draws& draws, const Scale& scale, std::int64_t budget, std::int64_t kv) {
  CostColumn column;
  column.device = draw_rise(draws, scale, budget, scale.step, scale.token);
  const bool head = chance(draws, 60);
  column.head = draw_rise(draws, scale, budget, head ? scale.step / 4 : 0, head ? scale.token : 0);
  column.kv_token = amount(draws, scale, scale.kv_token);
  column.pair = amount(draws, scale, scale.kv_token / 8);
  column.kv_read = chance(draws, 60) ? amount(draws, scale, scale.step / 4) : 0;
  column.chunk = chance(draws, 60) ? amount(draws, scale, scale.step / 4) : 0;
  if (chance(draws, 60)) {
    // About what the device needs for a decode: the step passes from host-bound to device-bound.
    column.host = column.device[1] + column.kv_read +
                  amount(draws, scale, column.kv_token * kv + scale.grain);
  }
  // Launching prompts may take longer, and they may have passes of their own.
  column.prompt_host = column.host + (column.pair % 2 == 0 ? column.chunk : 0);
  column.prompt_pass = column.pair % 3 == 0 ? 1 + column.chunk % budget : 0;
  return column;
}

/// `stages` stages of a few kinds.
StepCostTable draw_table(Draws& draws, const Scale& scale, int stages, std::int64_t budget,
                         std::int64_t kv) {
  StepCostTable table;
  for (int left = stages; left > 0; left -= table.kinds.back().count) {
    const CostColumn column = draw_column(draws, scale, budget, kv);
    table.kinds.push_back({column, static_cast<int>(between(draws, 1, left))});
  }
  table.serial = chance(draws, 50) ? amount(draws, scale, scale.step / 4) : 0;
  table.serial_sample = chance(draws, 50) ? amount(draws, scale, scale.token) : 0;
  if (stages > 1) {
    table.hops = draw_rise(draws, scale, budget, scale.step / 4, scale.token / 4);
  }
  return table;
}

CaseRequest draw_request(Draws& draws, std::int64_t longest_prompt, std::int64_t longest_output) {
  CaseRequest request;
  request.prompt = static_cast<std::int32_t>(between(draws, 1, longest_prompt));
  request.output = static_cast<std::int32_t>(between(draws, 1, longest_output));
  return request;
}

void sort_requests(ReplicaCase& c) {
  std::stable_sort(c.requests.begin(), c.requests.end(),
                   [](const CaseRequest& a, const CaseRequest& b) {
                     return a.arrival != b.arrival ? a.arrival < b.arrival : a.phase < b.phase;
                   });
}

void draw_shape(Draws& draws, ReplicaCase& c) {
  ReplicaShape& shape = c.shape;
  const int stages[4] = {1, 1, 2, 4};
  const int blocks[5] = {1, 2, 4, 8, 16};
  shape.micro_batches = stages[draws.below(4)];
  shape.block_size = blocks[draws.below(5)];
  shape.max_num_seqs = static_cast<int>(between(draws, 1, chance(draws, 50) ? 4 : 24));
  shape.chunked_prefill = chance(draws, 75);
  std::int64_t longest = 0;
  for (const CaseRequest& request : c.requests) {
    longest = std::max<std::int64_t>(longest, request.prompt + request.output - 1);
  }
  shape.max_context = static_cast<int>(longest + 1);
  shape.token_budget = shape.max_num_seqs + between(draws, 0, chance(draws, 60) ? 20 : 300);
  if (!shape.chunked_prefill) {
    shape.token_budget = std::max(shape.token_budget, longest);
  }
  const bool contiguous = chance(draws, 20);
  shape.kv_layout = contiguous ? KvLayout::contiguous : KvLayout::paged;
  const std::int64_t held = longest + (contiguous ? 1 : 0);
  const std::int64_t least = (held + shape.block_size - 1) / shape.block_size;
  shape.kv_blocks = between(draws, least, chance(draws, 70) ? 2 * least : 30 * least);
  shape.watermark_blocks =
      contiguous || chance(draws, 50) ? 0 : between(draws, 0, shape.kv_blocks / 8);
}

void draw_requests(Draws& draws, ReplicaCase& c) {
  const std::int64_t longest_prompt = chance(draws, 50) ? 20 : 250;
  const std::int64_t longest_output = chance(draws, 50) ? 12 : 200;
  const std::int64_t count = between(draws, 1, 40);
  const std::uint32_t order = draws.below(3);  // of arrival, by priority class, newest first
  for (std::int64_t i = 0; i < count; ++i) {
    CaseRequest request = draw_request(draws, longest_prompt, longest_output);
    request.rank = order == 0 ? 0 : order == 1 ? between(draws, 0, 3) : -i;
    request.phase = chance(draws, 70) ? Phase::before_steps : Phase::after_steps;
    c.requests.push_back(request);
  }
}

void draw_times(Draws& draws, const Scale& scale, ReplicaCase& c) {
  // The mean gap stands to a step as 0.3 to 100.
  const std::int64_t step = c.costs.latency({1, 1, 1, 0}) + scale.step / 8;
  const std::int64_t gap = step * between(draws, 3, chance(draws, 50) ? 20 : 1000) / 10;
  const std::int64_t grain = std::max<std::int64_t>(1, scale.grain / 1'000'000);  // ns
  const auto span = [&](std::int64_t fs) {
    return Duration{between(draws, 0, 2 * fs / 1'000'000 / grain) * grain};
  };
  const bool impatient = chance(draws, 40);
  SimTime now{span(gap)};
  for (CaseRequest& request : c.requests) {
    if (!chance(draws, 20)) {
      now += span(gap);
    }
    request.arrival = now;
    if (impatient && chance(draws, 50)) {
      request.deadline = now + span(10 * gap);
    }
  }
  if (chance(draws, 30)) {
    c.ready = SimTime{span(3 * gap)};
  }
  sort_requests(c);
}

/// Some cases hold answers until their clients have read them, from as fast as they are computed to
/// so slowly that memory is full of them.
void draw_readers(std::uint64_t seed, ReplicaCase& c) {
  Draws draws = RandomStream{seed, "readers"}.of(0);
  if (!chance(draws, 30)) {
    return;
  }
  c.shape.holds_unread = true;
  const std::int64_t step = c.costs.latency({1, 1, 1, 0}) / 1'000'000;  // ns
  const std::int64_t slowest = step * between(draws, 1, 40) + 1;
  const bool even = chance(draws, 30);  // reads end on boundaries of equal steps
  for (CaseRequest& request : c.requests) {
    request.read_gap = Duration{even ? 2 * step : between(draws, 0, slowest)};
  }
}

/// In some cases clients leave, wherever their requests are then; many of them on a boundary.
void draw_leavers(std::uint64_t seed, ReplicaCase& c) {
  Draws draws = RandomStream{seed, "leavers"}.of(0);
  if (!chance(draws, 30)) {
    return;
  }
  const std::vector<SimTime> boundaries = play_naive(c).boundaries;
  if (boundaries.empty()) {
    return;
  }
  const std::int64_t last = boundaries.back().time_since_epoch().count();
  for (CaseRequest& request : c.requests) {
    if (!chance(draws, 30)) {
      continue;
    }
    const SimTime on = boundaries[draws.below(static_cast<std::uint32_t>(boundaries.size()))];
    const SimTime between_them{Duration{between(draws, 0, last)}};
    request.leaves = std::max(request.arrival, chance(draws, 60) ? on : between_them);
  }
}

/// Puts a request, a deadline or a window exactly on (or a nanosecond beside) a boundary: what lies
/// before it stays as it was, so the boundary is still there.
void aim_at_boundary(Draws& draws, ReplicaCase& c) {
  const std::vector<SimTime> boundaries = play_naive(c).boundaries;
  if (boundaries.empty()) {
    return;
  }
  SimTime t = boundaries[draws.below(static_cast<std::uint32_t>(boundaries.size()))];
  t += Duration{chance(draws, 75) ? 0 : between(draws, -1, 1)};
  const std::uint32_t what = draws.below(4);
  if (what == 0) {
    c.windows.insert(std::upper_bound(c.windows.begin(), c.windows.end(), t), t);
  } else if (what == 1) {
    CaseRequest& request = c.requests[draws.below(static_cast<std::uint32_t>(c.requests.size()))];
    request.deadline = t >= request.arrival ? t : request.deadline;
  } else {
    CaseRequest request = draw_request(draws, 10, 10);
    request.prompt = std::min(request.prompt, c.requests.front().prompt);
    request.output = std::min(request.output, c.requests.front().output);
    request.rank = c.requests.front().rank;
    request.arrival = t;
    request.phase = what == 2 ? Phase::before_steps : Phase::after_steps;
    c.requests.push_back(request);
    sort_requests(c);
  }
}

void draw_windows(Draws& draws, ReplicaCase& c) {
  SimTime last = c.ready;
  for (const CaseRequest& request : c.requests) {
    last = std::max(last, request.arrival);
  }
  // An upper bound of the time that is left comes from playing it.
  const SimTime far = last + std::chrono::hours{1};
  c.windows = {far};
  const std::vector<SimTime> boundaries = play_naive(c).boundaries;
  const SimTime end = boundaries.empty() ? last : boundaries.back();
  const std::int64_t span = end.time_since_epoch().count();
  c.windows.clear();
  const std::int64_t count = between(draws, 0, 8);
  for (std::int64_t i = 0; i < count; ++i) {
    c.windows.push_back(SimTime{Duration{between(draws, 0, span)}});
  }
  const bool cut_short = chance(draws, 15);
  c.windows.push_back(SimTime{Duration{cut_short ? span * 2 / 3 : span + span / 8}});
  std::sort(c.windows.begin(), c.windows.end());
}

/// Some cases speculate: more tokens a step, and room for them.
void draw_speculation(Draws& draws, const Scale& scale, ReplicaCase& c) {
  if (!chance(draws, 20)) {
    return;
  }
  const int tokens = static_cast<int>(between(draws, 1, 5));
  const double acceptance = static_cast<double>(between(draws, 0, 10)) / 10;
  c.shape.token_budget += std::int64_t{c.shape.max_num_seqs} * tokens;
  ++c.shape.kv_blocks;  // the longest context, the last token included
  const StepCostTable draft =
      draw_table(draws, scale, 1, c.shape.token_budget, c.shape.max_context);
  c.speculation.emplace(draft, tokens, acceptance, draws());
}

/// Some cases cache prefixes: a few common ones of a few lengths, and conversations whose turns
/// repeat what was said before.
void draw_prefixes(Draws& draws, ReplicaCase& c) {
  if (c.shape.kv_layout == KvLayout::contiguous || !chance(draws, 40)) {
    return;
  }
  c.shape.prefix_cache = true;
  const std::int64_t groups = between(draws, 1, 4);
  const std::int64_t longest = between(draws, 1, 200);
  const bool some_sessions = chance(draws, 50);
  std::vector<SharedPrefix> sessions;
  for (CaseRequest& request : c.requests) {
    SharedPrefix& prefix = request.prefix;
    if (chance(draws, 80)) {
      prefix.common = static_cast<PrefixId>(between(draws, 1, groups));
      const std::int64_t tokens = chance(draws, 70) ? longest : between(draws, 1, longest);
      prefix.common_tokens =
          static_cast<std::int32_t>(std::min<std::int64_t>(tokens, request.prompt));
    }
    if (some_sessions && chance(draws, 40)) {
      const auto number = static_cast<std::size_t>(between(draws, 0, 3));
      if (number >= sessions.size()) {
        prefix.session = 100 + sessions.size();
        sessions.push_back(prefix);
      } else if (sessions[number].common_tokens <= request.prompt) {
        prefix = sessions[number];
        prefix.history_tokens = static_cast<std::int32_t>(between(draws, 0, request.prompt));
      }
    }
  }
}

/// Powers and energies such that some steps reach the limit of power and others do not.
EnergyTable draw_energy(Draws& draws, const ReplicaCase& c) {
  EnergyTable table;
  table.idle_mw = between(draws, 0, 100'000);
  table.active_mw = between(draws, 0, 200'000);
  const std::int64_t room = between(draws, 1, 1'000'000);
  table.limit_mw = table.active_mw + room;
  // Picojoules that a step of one token has room for.
  const std::int64_t most = c.costs.latency({1, 1, 1, 0}) / 1'000'000 * room + 1;
  table.tokens = {0, between(draws, 0, most)};
  while (static_cast<std::int64_t>(table.tokens.size()) <= c.shape.token_budget) {
    const std::int64_t more = between(draws, 0, most / 16);
    table.tokens.push_back(table.tokens.back() + more);
  }
  table.kv_token = between(draws, 0, most / 64);
  table.sample = between(draws, 0, most / 16);
  table.pair = between(draws, 0, most / 256);
  return table;
}

ReplicaCase draw_case(std::uint64_t seed) {
  Draws draws = RandomStream{seed, "replica case"}.of(0);
  ReplicaCase c;
  const Scale scale = draw_scale(draws);
  draw_requests(draws, c);
  draw_shape(draws, c);
  draw_speculation(draws, scale, c);
  draw_prefixes(draws, c);
  c.costs =
      draw_table(draws, scale, c.shape.micro_batches, c.shape.token_budget, c.shape.max_context);
  draw_times(draws, scale, c);
  draw_readers(seed, c);
  draw_windows(draws, c);
  for (std::uint32_t rounds = draws.below(8); rounds > 0; --rounds) {
    aim_at_boundary(draws, c);
  }
  draw_leavers(seed, c);
  c.energy = draw_energy(draws, c);
  c.draft_energy = draw_energy(draws, c);
  return c;
}

/// What must have happened in some case, or the law has not been tried.
struct Coverage {
  std::int64_t steps = 0;
  std::int64_t fast_reports = 0;
  std::int64_t preempted_decodes = 0;
  std::int64_t preempted_prefills = 0;
  std::int64_t resumed = 0;
  std::int64_t chunks = 0;
  std::int64_t cuts = 0;
  std::int64_t limited = 0;  // steps that drew all that the GPUs may
  std::int64_t given_up = 0;
  std::int64_t overtaken = 0;  // scheduled after somebody who came later
  std::int64_t pipelined = 0;
  std::int64_t unequal = 0;  // pipelines of stages that differ
  std::int64_t whole_prompts = 0;
  std::int64_t contiguous = 0;
  std::int64_t bursts = 0;
  std::int64_t reads = 0;          // answers that were held until they were read
  std::int64_t left_decoding = 0;  // clients amid their answers
  std::int64_t left_prefill = 0;   // and amid their prompts
  std::int64_t held_up = 0;        // times that unread answers left no room for whoever ran
  NaiveReplica::Counts prefixes;
  std::int64_t unfinished = 0;
  std::int64_t arrivals_before = 0;  // in the nanosecond of a boundary, and seen by it
  std::int64_t arrivals_after = 0;
  std::int64_t deadlines_at = 0;
  std::int64_t windows_at = 0;

  void add(const ReplicaCase& c, const NaiveResult& naive, const PlayResult& fast);
  std::string text() const;
};

void Coverage::add(const ReplicaCase& c, const NaiveResult& naive, const PlayResult& fast) {
  steps += naive.counts.steps;
  fast_reports += fast.step_reports;
  preempted_decodes += naive.counts.preempted_decodes;
  preempted_prefills += naive.counts.preempted_prefills;
  chunks += naive.counts.continued_chunks;
  cuts += naive.counts.cuts;
  limited += naive.counts.limited;
  reads += naive.counts.reads;
  held_up += naive.counts.held_up;
  left_decoding += naive.counts.left_decoding;
  left_prefill += naive.counts.left_prefill;
  pipelined += c.costs.stages() > 1 ? 1 : 0;
  unequal += c.costs.kinds.size() > 1 ? 1 : 0;
  prefixes.hits += naive.counts.hits;
  prefixes.hits_in_use += naive.counts.hits_in_use;
  prefixes.own_hits += naive.counts.own_hits;
  prefixes.session_hits += naive.counts.session_hits;
  prefixes.copies += naive.counts.copies;
  prefixes.lost += naive.counts.lost;
  whole_prompts += c.shape.chunked_prefill ? 0 : 1;
  contiguous += c.shape.kv_layout == KvLayout::contiguous ? 1 : 0;
  const auto at_boundary = [&](SimTime t) {
    return std::binary_search(naive.boundaries.begin(), naive.boundaries.end(), t);
  };
  std::int64_t latest = -1;
  for (std::size_t i = 0; i < c.requests.size(); ++i) {
    const CaseRequest& request = c.requests[i];
    const RequestResult& result = naive.requests[i];
    given_up += result.given_up >= 0 ? 1 : 0;
    unfinished += result.scheduled >= 0 && result.finished < 0 ? 1 : 0;
    overtaken += result.scheduled >= 0 && result.scheduled < latest ? 1 : 0;
    latest = std::max(latest, result.scheduled);
    if (at_boundary(request.arrival)) {
      (request.phase == Phase::before_steps ? arrivals_before : arrivals_after)++;
    }
    const bool left_then = result.given_up == request.deadline.time_since_epoch().count();
    deadlines_at += left_then && at_boundary(request.deadline) ? 1 : 0;
  }
  for (std::size_t i = 0; i < c.windows.size(); ++i) {
    windows_at += at_boundary(c.windows[i]) ? 1 : 0;
    resumed += naive.windows[i].resumed;
    bursts += naive.windows[i].burst_tokens;
  }
}

std::string Coverage::text() const {
  return fmt::format(
      "steps {} reported as {}, preempted {} + {} prompts, resumed {}, chunks {}, cuts {}, limited "
      "{}, given "
      "up {}, overtaken {}, pipelined {}, unequal {}, whole prompts {}, contiguous {}, speculated "
      "{}, unfinished {}, at boundaries: arrivals {} + {} after, deadlines {}, windows {}, "
      "prefixes found {}, blocks in use {}, own {}, of sessions {}, copies {}, lost {}, unread {}, "
      "held up {}, left {} decoding and {} in prompts",
      steps, fast_reports, preempted_decodes, preempted_prefills, resumed, chunks, cuts, limited,
      given_up, overtaken, pipelined, unequal, whole_prompts, contiguous, bursts, unfinished,
      arrivals_before, arrivals_after, deadlines_at, windows_at, prefixes.hits,
      prefixes.hits_in_use, prefixes.own_hits, prefixes.session_hits, prefixes.copies,
      prefixes.lost, reads, held_up, left_decoding, left_prefill);
}

std::string describe(const ReplicaCase& c) {
  const ReplicaShape& s = c.shape;
  return fmt::format(
      "pp {} seqs {} budget {} chunked {} contiguous {} proposals {} block {} blocks {} watermark "
      "{} requests {} prefix cache {}",
      s.micro_batches, s.max_num_seqs, s.token_budget, s.chunked_prefill,
      s.kv_layout == KvLayout::contiguous, c.speculation ? c.speculation->tokens() : 0,
      s.block_size, s.kv_blocks, s.watermark_blocks, c.requests.size(), s.prefix_cache);
}

/// True when all three ways agree.
bool try_case(std::uint64_t seed, Coverage& coverage) {
  const ReplicaCase c = draw_case(seed);
  const NaiveResult naive = play_naive(c);
  try {
    const ContinuousResults continuous = play_continuous(c);
    const std::string ways = difference(continuous.fast, continuous.slow);
    const std::string rules = difference(continuous.slow, naive);
    EXPECT_EQ(ways, "") << "fast-forward on and off differ, seed " << seed << ": " << describe(c);
    EXPECT_EQ(rules, "") << "replica and oracle differ, seed " << seed << ": " << describe(c);
    coverage.add(c, naive, continuous.fast);
    return ways.empty() && rules.empty();
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what() << ", seed " << seed << ": " << describe(c);
    return false;
  }
}

// Under a sanitizer a process, and each case is one, takes many times as long to start.
#ifdef PLIMSOLL_SANITIZED
constexpr std::uint64_t usual_cases = 300;
#else
constexpr std::uint64_t usual_cases = 3000;
#endif

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(FastForward, IsTheSameAsStepByStepAndAsTheOracle) {
  Coverage coverage;
  if (std::getenv("PLIMSOLL_REPLICA_SEED") != nullptr) {
    try_case(number_from("PLIMSOLL_REPLICA_SEED", 0), coverage);
    return;
  }
  const std::uint64_t cases = number_from("PLIMSOLL_REPLICA_CASES", usual_cases);
  int failures = 0;
  for (std::uint64_t seed = 1; seed <= cases && failures < 5; ++seed) {
    failures += try_case(seed, coverage) ? 0 : 1;
  }
  SCOPED_TRACE(coverage.text());
  RecordProperty("coverage", coverage.text());
  // The law must have been tried in all of its corners, whatever the number of cases (>= 50).
  EXPECT_LT(coverage.fast_reports * 2, coverage.steps);
  EXPECT_GT(coverage.preempted_decodes, 10);
  EXPECT_GT(coverage.preempted_prefills, 2);
  EXPECT_GT(coverage.resumed, 10);
  EXPECT_GT(coverage.chunks, 50);
  EXPECT_GT(coverage.cuts, 30);
  EXPECT_GT(coverage.limited * 10, coverage.steps);
  EXPECT_LT(coverage.limited * 10, coverage.steps * 9);
  EXPECT_GT(coverage.given_up, 10);
  EXPECT_GT(coverage.overtaken, 20);
  EXPECT_GT(coverage.pipelined, 10);
  EXPECT_GT(coverage.unequal, 5);
  EXPECT_GT(coverage.whole_prompts, 5);
  EXPECT_GT(coverage.contiguous, 5);
  EXPECT_GT(coverage.bursts, 100);
  EXPECT_GT(coverage.prefixes.hits, 20);
  EXPECT_GT(coverage.prefixes.hits_in_use, 20);
  EXPECT_GT(coverage.prefixes.own_hits, 5);
  EXPECT_GT(coverage.prefixes.session_hits, 5);
  EXPECT_GT(coverage.prefixes.copies, 10);
  EXPECT_GT(coverage.prefixes.lost, 2);
  EXPECT_GT(coverage.reads, 50);
  EXPECT_GT(coverage.held_up, 0);
  EXPECT_GT(coverage.left_decoding, 20);
  EXPECT_GT(coverage.left_prefill, 2);
  EXPECT_GT(coverage.unfinished, 2);
  EXPECT_GT(coverage.arrivals_before, 10);
  EXPECT_GT(coverage.arrivals_after, 10);
  EXPECT_GT(coverage.deadlines_at, 1);
  EXPECT_GT(coverage.windows_at, 10);
}

}  // namespace
}  // namespace plimsoll::testing
