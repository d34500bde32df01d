// Router `least_kv`: the smallest share of KV memory committed to prompts.
#include "policies/builtin_entries.hpp"
#include "policies/router/least_loaded_router.hpp"

namespace plimsoll {
namespace {

struct CommittedKvShare {
  double operator()(const ReplicaLoad& load) const {
    return static_cast<double>(load.committed_kv_tokens) /
           static_cast<double>(load.kv_capacity_tokens);
  }
};

}  // namespace

PolicyEntry<Router> least_kv_entry() {
  return {{"least_kv",
           "The replica with the smallest share of its KV capacity committed to the prompts of "
           "outstanding requests; ties by lot.",
           {}},
          [](const PolicyParams&) {
            return std::make_unique<LeastLoadedRouter<CommittedKvShare>>(
                "least KV committed to prompts");
          }};
}

}  // namespace plimsoll
