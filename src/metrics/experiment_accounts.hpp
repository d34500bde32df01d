// Metrics room: what came of the arms of experiments, window by window of arrival.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "metrics/sketch.hpp"
#include "plimsoll/config.hpp"
#include "plimsoll/experiments_summary.hpp"
#include "serving/events.hpp"

namespace plimsoll {

/// How a request of an arm ended.
struct ArmEnd {
  bool measured = false;  // it arrived after the warm-up
  bool good = false;      // measured, completed or not: it met its SLOs
  std::optional<std::int64_t> tpot_ns;
};

/// A request belongs to the window in which it arrived, so that both arms of a window met the same
/// hour. Windows follow each other from the end of the warm-up to the end of the arrivals; the last
/// one takes what is left over. Where nobody knows how many there will be, pairs of them are joined
/// when they become too many.
class ExperimentAccounts {
 public:
  explicit ExperimentAccounts(const Config& config);

  /// A request that arrived `at` was given to its arm.
  void assigned(const RequestRecord& record, SimTime at, bool measured);
  /// Of a measured request.
  void first_token(const RequestRecord& record);
  void ended(const RequestRecord& record, const ArmEnd& end);

  /// `arrived`: all requests by class. InternalError when an arm's requests have not each one
  /// outcome or are in flight. Costs are left to the cost room.
  std::vector<ExperimentSummary> summarize(const std::vector<std::int64_t>& arrived) const;

 private:
  struct ArmWindow {
    std::int64_t arrived = 0;
    std::int64_t answered = 0;
    std::int64_t good = 0;
    LatencySketch ttft, tpot, e2el;
    void merge(const ArmWindow& other);
  };
  struct Arm {
    std::size_t experiment = 0;
    std::int64_t arrived = 0;
    std::array<std::int64_t, outcome_count> outcomes{};
    std::vector<ArmTokens> by_pool;
    std::vector<ArmWindow> windows;
    std::vector<ArmWindow> groups;  // of keys, where these are dealt to arms
  };
  struct Grid {
    Duration window{};
    std::size_t most = 0;          // windows
    bool last_takes_rest = false;  // else pairs are joined
  };

  /// Has `add` count a measured request in its window, and in the group of its key.
  template <class Add>
  void count(const RequestRecord& record, SimTime arrived, Add add);
  ArmWindow& window_of(ArmIndex arm, SimTime arrived);
  void join_pairs(std::size_t experiment);
  std::size_t windows_of(std::size_t experiment) const;
  ArmSummary summarize_arm(std::size_t arm, const ArmConfig& config) const;
  void compare(ExperimentSummary& summary, std::size_t experiment, std::size_t control,
               std::size_t treatment) const;

  const Config& config_;
  SimTime begin_;
  std::vector<Grid> grids_;  // by experiment
  std::vector<std::size_t> first_arm_;
  std::vector<Arm> arms_;
};

}  // namespace plimsoll
