// Admission `always`: nothing is refused.
#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

class Always final : public AdmissionPolicy {
 public:
  AdmitResult admit(const RequestView&, const ServiceLoad&, SimTime) override {
    return AdmitResult::admitted;
  }
};

}  // namespace

PolicyEntry<AdmissionPolicy> always_entry() {
  return {{"always", "Admits every request; only the queue's capacity and deadline refuse.", {}},
          [](const PolicyParams&) { return std::make_unique<Always>(); }};
}

}  // namespace plimsoll
