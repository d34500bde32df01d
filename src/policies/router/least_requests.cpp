// Router `least_requests`: the fewest outstanding requests per unit of capacity.
#include "policies/builtin_entries.hpp"
#include "policies/router/least_loaded_router.hpp"

namespace plimsoll {
namespace {

struct OutstandingPerWeight {
  // +1: the request to place, so that an empty fast replica beats an empty slow one.
  double operator()(const ReplicaLoad& load) const {
    return static_cast<double>(load.outstanding + 1) / load.weight;
  }
};

}  // namespace

PolicyEntry<Router> least_requests_entry() {
  return {{"least_requests",
           "The replica with the fewest outstanding requests (running and waiting) per unit of "
           "capacity; ties by lot.",
           {}},
          [](const PolicyParams&) {
            return std::make_unique<LeastLoadedRouter<OutstandingPerWeight>>(
                "fewest outstanding requests per capacity");
          }};
}

}  // namespace plimsoll
