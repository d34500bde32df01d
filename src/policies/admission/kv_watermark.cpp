// Admission `kv_watermark`: no more requests once the KV memory of every replica is spoken for.
#include <vector>

#include "policies/builtin_entries.hpp"

namespace plimsoll {
namespace {

/// Counts the accepting replicas above the mark as their loads change, so that admit() is O(1).
class KvWatermark final : public AdmissionPolicy {
 public:
  explicit KvWatermark(double mark) : mark_{mark} {}

  AdmitResult admit(const RequestView&, const ServiceLoad&, SimTime) override {
    return accepting_ > 0 && above_ == accepting_ ? AdmitResult::shed : AdmitResult::admitted;
  }

  bool follows_replicas() const override { return true; }

  void reset(std::uint32_t replicas) override {
    states_.assign(replicas, State{});
    accepting_ = 0;
    above_ = 0;
  }

  void update(std::uint32_t replica, const ReplicaLoad& load) override {
    State& state = states_[replica];
    const State now{load.accepting,
                    load.accepting && static_cast<double>(load.committed_kv_tokens) >
                                          mark_ * static_cast<double>(load.kv_capacity_tokens)};
    accepting_ += (now.accepting ? 1 : 0) - (state.accepting ? 1 : 0);
    above_ += (now.above ? 1 : 0) - (state.above ? 1 : 0);
    state = now;
  }

 private:
  struct State {
    bool accepting = false;
    bool above = false;
  };

  double mark_;
  std::vector<State> states_;
  std::int64_t accepting_ = 0;
  std::int64_t above_ = 0;
};

}  // namespace

PolicyEntry<AdmissionPolicy> kv_watermark_entry() {
  return {{"kv_watermark",
           "Sheds while every accepting replica has more than a share of its KV capacity committed "
           "to the prompts of its outstanding requests; with none accepting it admits.",
           {{"mark", ParamKind::ratio, "90%", "Share of the KV capacity.", 0, 100}}},
          [](const PolicyParams& params) {
            return std::make_unique<KvWatermark>(params.ratio("mark"));
          }};
}

}  // namespace plimsoll
