// How the replicas of a pool came to serve.
#include "operations/start_account.hpp"

#include <algorithm>
#include <utility>

#include "plimsoll/errors.hpp"

namespace plimsoll {

void note_serving(ElasticitySummary& seen, std::int64_t serving, const StartTimes& times,
                  SimTime now, const std::function<std::string(StartPhase)>& bound_of) {
  constexpr std::int64_t most_multiples = 10;  // that are told
  seen.most_serving = std::max(seen.most_serving, serving);
  const std::int64_t reached = seen.multiples.empty() ? 0 : seen.multiples.back().multiple;
  if (reached >= most_multiples || serving < (reached + 1) * seen.base_replicas) {
    return;
  }
  MultipleReached multiple;
  multiple.multiple = reached + 1;
  multiple.at = now;
  multiple.start = times;
  if (total(times) > 0) {
    const StartPhase phase = longest_phase(times);
    multiple.bound_by = phase == StartPhase::pull || phase == StartPhase::load
                            ? bound_of(phase)
                            : start_phase_names[static_cast<std::size_t>(phase)];
  }
  seen.multiples.push_back(std::move(multiple));
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
               [&](StartPhase phase) {
                 const std::string bound =
                     weights == nullptr ? std::string{} : weights->bound_of(slot, phase);
                 // A load of given length has no resource.
                 return bound.empty() ? start_phase_names[static_cast<std::size_t>(phase)] : bound;
               });
}

ElasticitySummary StartAccount::summary(const WeightSource* weights, std::int64_t down_ns,
                                        std::int64_t rented_ns) const {
  ElasticitySummary summary = seen_;
  for (const Slot& slot : slots_) {
    if (slot.clock.running()) {
      add_to(summary.times, slot.clock.times(engine_.now()));
    }
    summary.failed_ns += slot.failed ? (engine_.now() - *slot.failed).count() : 0;
    summary.rented_ns[contract_] += slot.rented ? (engine_.now() - *slot.rented).count() : 0;
  }
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
