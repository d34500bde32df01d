// Workload: classes by share, lengths by class.
#include "workload/request_maker.hpp"

#include <algorithm>

#include "plimsoll/errors.hpp"

namespace plimsoll {

RequestMaker::RequestMaker(const WorkloadConfig& workload, std::uint64_t seed)
    : class_stream_{seed, "class"},
      prompt_stream_{seed, "prompt_tokens"},
      output_stream_{seed, "output_tokens"},
      prefix_stream_{seed, "prefix_group"} {
  PLIMSOLL_CHECK(!workload.classes.empty(), "every request belongs to a class");
  double sum = 0.0;
  if (workload.prefix) {
    prefixes_.emplace_back(*workload.prefix);
  }
  for (const RequestClassConfig& request_class : workload.classes) {
    sum += request_class.share;
    cumulative_share_.push_back(sum);
    lengths_.push_back(Lengths{LengthSampler{request_class.prompt.value_or(workload.prompt)},
                               LengthSampler{request_class.output.value_or(workload.output)}});
    prefix_of_.push_back(request_class.prefix ? prefixes_.size() : workload.prefix ? 0 : no_law);
    if (request_class.prefix) {
      prefixes_.emplace_back(*request_class.prefix);
    }
  }
  PLIMSOLL_CHECK(sum > 0.0, "some class has a share");
}

ClassIndex RequestMaker::draw_class(RequestId id) const {
  if (cumulative_share_.size() == 1) {
    return 0;
  }
  Draws draws = class_stream_.of(id);
  const double mark = draws.uniform() * cumulative_share_.back();
  // The product may round up to the sum itself, which is still in the last class with a share.
  const auto last = std::lower_bound(cumulative_share_.begin(), cumulative_share_.end(),
                                     cumulative_share_.back());
  const auto found = std::upper_bound(cumulative_share_.begin(), last, mark);
  return static_cast<ClassIndex>(found - cumulative_share_.begin());
}

void RequestMaker::fill(RequestId id, Arrival& out) const {
  out.request_class = draw_class(id);
  fill_lengths(id, out);
}

void RequestMaker::fill_lengths(RequestId id, Arrival& out) const {
  const Lengths& lengths = lengths_[out.request_class];
  Draws prompt = prompt_stream_.of(id);
  out.prompt_tokens = lengths.prompt.draw(prompt);
  Draws output = output_stream_.of(id);
  out.output_tokens = lengths.output.draw(output);
  out.reusable_prefix_tokens = 0;
  fill_prefix(id, out);
}

void RequestMaker::draw_prefix(RequestId id, Arrival& out) const {
  const std::size_t law = prefix_of_[out.request_class];
  if (law == no_law) {
    return;
  }
  Draws draws = prefix_stream_.of(id);
  const std::uint32_t group = prefixes_[law].draw(draws);
  out.prefix.common = (static_cast<PrefixId>(law) + 1) << 32 | group;
  out.prefix.common_tokens = std::min(prefixes_[law].tokens(), out.prompt_tokens);
}

}  // namespace plimsoll
