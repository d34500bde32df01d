// Queue `priority`: strict priority by tier, first come first served within one.
#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

class Priority final : public QueuePolicy {
 public:
  QueueRank rank(const RequestView& request) override { return -QueueRank{request.priority}; }
};

}  // namespace

PolicyEntry<QueuePolicy> priority_entry() {
  return {{"priority",
           "Strict priority: the tier with the larger priority goes first; within a tier first "
           "come, first served. A preempted request keeps its rank.",
           {}},
          [](const PolicyParams&) { return std::make_unique<Priority>(); }};
}

}  // namespace plimsoll
