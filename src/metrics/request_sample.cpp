// Metrics room: keeping the requests with the smallest marks.
#include "metrics/request_sample.hpp"

#include <algorithm>

#include "plimsoll/rng.hpp"

namespace plimsoll {
namespace {

SampledRequest sampled(const RequestRecord& record) {
  SampledRequest row;
  row.id = record.id;
  row.request_class = record.request_class;
  row.pool = record.pool;
  row.replica = record.replica;
  row.replica_assigned = record.replica_assigned;
  row.outcome = record.outcome;
  row.prompt_tokens = record.prompt_tokens;
  row.output_tokens = record.output_tokens;
  row.emitted_tokens = record.emitted_tokens;
  row.preemptions = record.preemptions;
  row.arrived = record.arrived;
  row.scheduled = record.scheduled;
  row.first_token = record.first_token;
  row.finished = record.finished;
  return row;
}

}  // namespace

RequestSample::RequestSample(std::uint64_t seed, std::int64_t size)
    : size_{static_cast<std::size_t>(size)} {
  Draws draws = RandomStream{seed, "requests_sample"}.of(0);
  const std::uint64_t high = draws();
  const std::uint64_t low = draws();
  key_ = (high << 32) | low;
}

void RequestSample::take(const RequestRecord& record, std::uint64_t mark) {
  const auto smaller = [](const Kept& a, const Kept& b) { return a.mark < b.mark; };
  if (kept_.size() == size_) {
    std::pop_heap(kept_.begin(), kept_.end(), smaller);
    kept_.back() = Kept{mark, sampled(record)};
  } else {
    kept_.push_back(Kept{mark, sampled(record)});
  }
  std::push_heap(kept_.begin(), kept_.end(), smaller);
}

std::vector<SampledRequest> RequestSample::sorted() const {
  std::vector<SampledRequest> rows;
  rows.reserve(kept_.size());
  for (const Kept& kept : kept_) {
    rows.push_back(kept.request);
  }
  std::sort(rows.begin(), rows.end(),
            [](const SampledRequest& a, const SampledRequest& b) { return a.id < b.id; });
  return rows;
}

}  // namespace plimsoll
