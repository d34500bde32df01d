// Requests in time: a stream that is drawn one by one, never held whole.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "plimsoll/horizon_summary.hpp"

namespace plimsoll {

/// What the prompt of a request has in common with those of others, token for token.
struct SharedPrefix {
  PrefixId common = no_prefix;      // a beginning that many requests share, e.g. a system prompt
  std::int32_t common_tokens = 0;   // its length; a shorter prompt is all part of it
  PrefixId session = no_prefix;     // a conversation, whose turns go on behind the common part
  std::int32_t history_tokens = 0;  // of the prompt, the common part included: it was the context
                                    // of earlier turns
};

/// Sessions that traces name have the ids from here on: the first request of the session, and in
/// the last byte which of its contexts.
inline constexpr PrefixId first_named_session = PrefixId{3} << 61;

/// Context number `context` of the session that the request `first` began.
constexpr PrefixId named_session(RequestId first, std::uint8_t context) {
  return first_named_session + (first << 8) + context;
}

/// Whose session it is: one that a trace names stays the same when it drops its context.
constexpr PrefixId owner_of(PrefixId session) {
  return session >> 61 == first_named_session >> 61 ? session & ~PrefixId{0xff} : session;
}

/// The key of a request that a trace does not say; it is drawn.
inline constexpr std::uint32_t no_key = ~std::uint32_t{0};

/// One request as its user sends it. `output_tokens` is what the model will produce: the truth,
/// known to the workload and the replica's arithmetic, never to a policy.
struct Arrival {
  SimTime at{};
  std::int32_t prompt_tokens = 0;
  std::int32_t output_tokens = 0;
  std::int32_t reusable_prefix_tokens = 0;  // 0 when the trace does not say
  ClassIndex request_class = 0;
  SharedPrefix prefix;
  std::uint32_t tenant = 0;              // as a request path knows it
  std::uint32_t key = no_key;            // among the API keys of its class
  RequestId session_began = no_request;  // the first request of the session that it is of, if known
};

/// Yields arrivals in non-decreasing time. Ids are given by order: the n-th has id n.
class RequestSource {
 public:
  virtual ~RequestSource() = default;
  /// Fills `out` with the next arrival; false when there is none (any more). In a closed loop
  /// `at` of the first `concurrency` requests is 0 and the next ones exist only after
  /// on_finished.
  virtual bool next(Arrival& out) = 0;
  /// A request ended at `now`, whatever its outcome. Only closed loops care: one more arrival
  /// becomes available, at `now` or after the user has thought.
  virtual void on_finished(SimTime now) = 0;
  /// Swaps `at`, the time of an arrival that next() gave and that has not come yet, for an earlier
  /// one that has become available since; false when there is none.
  virtual bool swap_for_earlier(SimTime& /*at*/) { return false; }
  /// One more request, which comes at `at` beside those that next() yields: of a backlog that was
  /// not played. Only open loops have one.
  virtual bool draw_extra(SimTime /*at*/, Arrival& /*out*/) { return false; }
  /// True when on_finished can make new arrivals available.
  virtual bool closed_loop() const = 0;
  /// Rows of a trace that were skipped as bad so far.
  virtual std::int64_t skipped_rows() const = 0;
  /// What a trace says and the scenario has no use for, one sentence each.
  virtual std::vector<std::string> notes() const { return {}; }
};

struct SourceOptions {
  bool skip_bad_rows = false;  // count bad trace rows instead of ending with ConfigError
};

/// The source that `config.workload` describes, drawing from config.seed. Arrivals lie in
/// [0, config.duration), or have no end when it is 0. Throws ConfigError for a bad trace, with file
/// and line: a missing file or a bad header here, a bad row from next(), since traces are streamed.
std::unique_ptr<RequestSource> make_request_source(const Config& config,
                                                   const SourceOptions& options);

/// The arrival rate at `t`, requests/s: arrivals.rate times all shapes.
double arrival_rate(const ArrivalConfig& arrivals, SimTime t);

/// Arrivals as the workload says them: its own, or what its users come to; of a sample, its part.
ArrivalConfig compiled_arrivals(const Config& config);

/// The integral of the arrival rate over [from, to), windows or not; open loops.
double expected_arrivals(const ArrivalConfig& arrivals, SimTime from, SimTime to);

/// The days of a workload of users, without what arrived; empty for other workloads.
std::vector<DemandDay> demand_by_day(const Config& config);
/// Users of each of its tiers, on average over the duration; none without users.
std::vector<TierUsers> mean_users_by_tier(const Config& config);

/// A fitted growth curve at the points that it was given; empty when it goes through them, or there
/// are no users.
std::vector<GrowthPoint> growth_fit(const Config& config);

}  // namespace plimsoll
