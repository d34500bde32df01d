// What operations tell the service of replicas that break or give bad answers, and what it tells
// them of answers.
#pragma once

#include "plimsoll/ids.hpp"
#include "plimsoll/operations_summary.hpp"
#include "serving/events.hpp"

namespace plimsoll {

class ReplicaIncidents {
 public:
  virtual ~ReplicaIncidents() = default;
  /// Its machine stopped, and nobody has noticed: it still gets requests, which wait in vain.
  virtual void replica_died(ReplicaIndex replica) = 0;
  /// That it died is known: it gets no more, and whatever it had is begun anew or fails.
  virtual void replica_lost(ReplicaIndex replica) = 0;
  /// Attempts that died with replicas so far.
  virtual const LossSummary& losses() const = 0;
  /// From now on its answers are corrupt, or are not any more.
  virtual void set_corrupt(ReplicaIndex replica, bool corrupt) = 0;
};

/// Is told how requests that had a replica came to their end. Calls come from within events of
/// requests: they may note and schedule, and nothing else.
class AnswerListener {
 public:
  virtual ~AnswerListener() = default;
  virtual void on_answer(const RequestRecord& record) = 0;
};

}  // namespace plimsoll
