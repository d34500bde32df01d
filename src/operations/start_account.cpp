// How the replicas of a pool came to serve.
#include "operations/start_account.hpp"

#include <algorithm>
#include <utility>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

constexpr std::int64_t most_multiples = 10;  // that are told

std::int64_t reached_by(const ElasticitySummary& seen) {
  return seen.multiples.empty() ? 0 : seen.multiples.back().multiple;
}

/// The longest phase of a start, or what bound it. A load of given length has no resource.
std::string bound_by(const StartTimes& times,
                     const std::function<std::string(StartPhase)>& bound_of) {
  if (total(times) == 0) {
    return {};
  }
  const StartPhase phase = longest_phase(times);
  const std::string bound =
      phase == StartPhase::pull || phase == StartPhase::load ? bound_of(phase) : std::string{};
  return bound.empty() ? start_phase_names[static_cast<std::size_t>(phase)] : bound;
}

}  // namespace

void note_serving(ElasticitySummary& seen, std::int64_t serving, const StartTimes& times,
                  SimTime now, const std::function<std::string(StartPhase)>& bound_of) {
  seen.most_serving = std::max(seen.most_serving, serving);
  const std::int64_t reached = reached_by(seen);
  if (reached >= most_multiples || serving < (reached + 1) * seen.base_replicas) {
    return;
  }
  MultipleReached multiple;
  multiple.multiple = reached + 1;
  multiple.at = now;
  multiple.start = times;
  multiple.bound_by = bound_by(times, bound_of);
  seen.multiples.push_back(std::move(multiple));
}

void StartsUnderWay::add(SimTime began, std::size_t its_slot, const StartTimes& its_times) {
  ++count;
  if (began < oldest) {
    oldest = began;
    slot = its_slot;
    times = its_times;
  }
}

void note_next_multiple(ElasticitySummary& seen, std::int64_t serving, const StartsUnderWay& starts,
                        const std::function<std::string(StartPhase)>& bound_of) {
  const std::int64_t next = reached_by(seen) + 1;
  if (next > most_multiples || starts.count == 0 ||
      serving + starts.count < next * seen.base_replicas) {
    return;
  }
  MultipleReached& multiple = seen.next_multiple.emplace();
  multiple.multiple = next;
  multiple.at = never;
  multiple.start = starts.times;
  multiple.bound_by = bound_by(starts.times, bound_of);
}

StartAccount::StartAccount(std::size_t slots, std::int64_t base, Contract contract,
                           const Engine& engine)
    : engine_{engine}, contract_{static_cast<std::size_t>(contract)}, slots_(slots) {
  seen_.base_replicas = base;
}

void StartAccount::rented(std::size_t slot) {
  slots_[slot].rented = engine_.now();
}

void StartAccount::returned(std::size_t index) {
  Slot& slot = slots_[index];
  if (slot.rented) {
    seen_.rented_ns[contract_] += (engine_.now() - *slot.rented).count();
    slot.rented.reset();
  }
}

void StartAccount::begin(std::size_t index, StartPhase phase) {
  give_up(index);
  slots_[index].began = engine_.now();
  slots_[index].clock.begin(phase, engine_.now());
}

void StartAccount::enter(std::size_t slot, StartPhase phase) {
  slots_[slot].clock.enter(phase, engine_.now());
}

void StartAccount::end(Slot& slot) {
  slot.clock.end(engine_.now());
  add_to(seen_.times, slot.clock.times(engine_.now()));
}

void StartAccount::started(std::size_t index) {
  Slot& slot = slots_[index];
  end(slot);
  ++seen_.starts;
  seen_.longest_start_ns = std::max(seen_.longest_start_ns, (engine_.now() - slot.began).count());
}

void StartAccount::give_up(std::size_t index) {
  if (slots_[index].clock.running()) {
    end(slots_[index]);
    ++seen_.called_off;
  }
}

void StartAccount::failed(std::size_t index) {
  give_up(index);
  if (!slots_[index].failed) {
    slots_[index].failed = engine_.now();
    ++seen_.failures;
  }
}

void StartAccount::repaired(std::size_t index) {
  if (slots_[index].failed) {
    seen_.failed_ns += (engine_.now() - *slots_[index].failed).count();
    slots_[index].failed.reset();
  }
}

void StartAccount::serves(std::size_t slot, std::int64_t serving, const WeightSource* weights) {
  note_serving(seen_, serving, slots_[slot].clock.times(engine_.now()), engine_.now(),
               [&](StartPhase phase) { return bound_of(slot, phase, weights); });
}

std::string StartAccount::bound_of(std::size_t slot, StartPhase phase,
                                   const WeightSource* weights) {
  return weights == nullptr ? std::string{} : weights->bound_of(slot, phase);
}

ElasticitySummary StartAccount::summary(const WeightSource* weights, std::int64_t serving,
                                        std::int64_t down_ns, std::int64_t rented_ns) const {
  ElasticitySummary summary = seen_;
  StartsUnderWay under_way;
  for (std::size_t index = 0; index < slots_.size(); ++index) {
    const Slot& slot = slots_[index];
    if (slot.clock.running()) {
      const StartTimes times = slot.clock.times(engine_.now());
      add_to(summary.times, times);
      under_way.add(slot.began, index, times);
    }
    summary.failed_ns += slot.failed ? (engine_.now() - *slot.failed).count() : 0;
    summary.rented_ns[contract_] += slot.rented ? (engine_.now() - *slot.rented).count() : 0;
  }
  note_next_multiple(summary, serving, under_way,
                     [&](StartPhase phase) { return bound_of(under_way.slot, phase, weights); });
  PLIMSOLL_CHECK(total(summary.times) + summary.failed_ns == down_ns,
                 "the phases of starts and failures are the time of being down");
  PLIMSOLL_CHECK(summary.rented_ns[contract_] == rented_ns, "what is rented is paid for");
  if (weights != nullptr) {
    summary.resources = weights->uses();
    summary.pulled_from = weights->pulled_from();
  }
  return summary;
}

}  // namespace plimsoll
