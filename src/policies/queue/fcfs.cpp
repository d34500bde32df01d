// Queue `fcfs`: first come, first served.
#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

class Fcfs final : public QueuePolicy {
 public:
  QueueRank rank(const RequestView&) override { return 0; }
};

}  // namespace

PolicyEntry<QueuePolicy> fcfs_entry() {
  return {{"fcfs", "First come, first served, whatever the tier.", {}},
          [](const PolicyParams&) { return std::make_unique<Fcfs>(); }};
}

}  // namespace plimsoll
