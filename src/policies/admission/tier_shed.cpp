// Admission `tier_shed`: under load the lower tiers go first.
#include <algorithm>
#include <string>

#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

class TierShed final : public AdmissionPolicy {
 public:
  explicit TierShed(const PolicyParams& params)
      : by_waiting_{params.text("measure") == "waiting"},
        from_{params.ratio("from")},
        to_{std::max(params.ratio("to"), params.ratio("from"))} {}

  AdmitResult admit(const RequestView& request, const ServiceLoad& load, SimTime) override {
    const std::int64_t held = by_waiting_ ? load.waiting : load.waiting + load.outstanding;
    const auto replicas = static_cast<double>(std::max<std::int64_t>(1, load.replicas));
    const double threshold = from_ + (to_ - from_) * request.tier_standing;
    return static_cast<double>(held) / replicas < threshold ? AdmitResult::admitted
                                                            : AdmitResult::shed;
  }

 private:
  bool by_waiting_;
  double from_;
  double to_;
};

}  // namespace

PolicyEntry<AdmissionPolicy> tier_shed_entry() {
  return {{"tier_shed",
           "Sheds the tiers of lowest priority first: the lowest from the load `from` on, the "
           "highest from `to` on, those between in equal steps.",
           {{"measure",
             ParamKind::text,
             "outstanding",
             "The load, per serving replica: requests that wait centrally, or those and the ones "
             "at replicas.",
             0,
             0,
             {"waiting", "outstanding"}},
            {"from", ParamKind::ratio, "64",
             "Requests per replica at which the lowest tier is "
             "shed.",
             0, 1e9},
            {"to", ParamKind::ratio, "128",
             "Requests per replica at which the highest tier is shed; at least `from` is taken.", 0,
             1e9}}},
          [](const PolicyParams& params) { return std::make_unique<TierShed>(params); }};
}

}  // namespace plimsoll
