// Queue `fcfs`: first come, first served.
#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

class Fcfs final : public QueuePolicy {
 public:
  QueueRank rank(const RequestView& request) override {
    return request.arrived.time_since_epoch().count();
  }
};

}  // namespace

PolicyEntry<QueuePolicy> fcfs_entry() {
  return {{"fcfs", "First come to the service, first served, whatever the tier.", {}},
          [](const PolicyParams&) { return std::make_unique<Fcfs>(); }};
}

}  // namespace plimsoll
