// Workload: request streams that are drawn: open loop, closed loop.
#include <algorithm>
#include <boost/random/exponential_distribution.hpp>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include "plimsoll/workload.hpp"
#include "workload/arrival_limits.hpp"
#include "workload/class_mix.hpp"
#include "workload/played_spans.hpp"
#include "workload/renewal_process.hpp"
#include "workload/request_maker.hpp"
#include "workload/trace_replay.hpp"

namespace plimsoll {
namespace {

class OpenLoop : public RequestSource {
 public:
  explicit OpenLoop(const Config& config)
      : limits_{config},
        process_{compiled_arrivals(config), config.seed, played_spans(config.horizon)},
        maker_{config.workload, config.seed} {
    if (config.workload.users) {
      mix_.emplace(config);
    }
    const auto& classes = config.workload.classes;
    if (std::any_of(classes.begin(), classes.end(),
                    [](const RequestClassConfig& one) { return !one.shapes.empty(); })) {
      shaped_.emplace(classes);
    }
  }

  bool next(Arrival& out) override {
    SimTime at{};
    if (ended_ || limits_.reached(id_) || !process_.next(id_, at) || limits_.over(at)) {
      ended_ = true;
      return false;
    }
    draw_at(at, out);
    return true;
  }
  bool draw_extra(SimTime at, Arrival& out) override {
    draw_at(at, out);
    return true;
  }
  void on_finished(SimTime) override {}
  bool closed_loop() const override { return false; }
  std::int64_t skipped_rows() const override { return 0; }

 private:
  void draw_at(SimTime at, Arrival& out) {
    out.at = at;
    if (mix_) {
      maker_.fill(id_, mix_->at(at), out);
    } else if (shaped_) {
      maker_.fill(id_, shaped_->at(at), out);
    } else {
      maker_.fill(id_, out);
    }
    ++id_;
  }

  ArrivalLimits limits_;
  RenewalProcess process_;
  RequestMaker maker_;
  std::optional<ClassMix> mix_;         // of users, whose tiers grow apart
  std::optional<ShapedShares> shaped_;  // of classes with rhythms of their own
  RequestId id_ = 0;
  bool ended_ = false;
};

/// A fixed number of users: each sends its next request when the last one ended, at once or after
/// an exponential think time.
class ClosedLoop : public RequestSource {
 public:
  explicit ClosedLoop(const Config& config)
      : limits_{config},
        maker_{config.workload, config.seed},
        think_stream_{config.seed, "think"},
        think_time_{config.workload.arrivals.think_time} {
    for (int user = 0; user < config.workload.arrivals.concurrency; ++user) {
      send_after(sim_start);
    }
  }

  bool next(Arrival& out) override {
    if (limits_.reached(id_) || ready_.empty()) {
      return false;
    }
    out.at = ready_.top();
    ready_.pop();
    maker_.fill(id_++, out);
    return true;
  }
  void on_finished(SimTime now) override { send_after(now); }
  bool swap_for_earlier(SimTime& at) override {
    if (ready_.empty() || ready_.top() >= at) {
      return false;
    }
    const SimTime earlier = ready_.top();
    ready_.pop();
    ready_.push(at);
    at = earlier;
    return true;
  }
  bool closed_loop() const override { return true; }
  std::int64_t skipped_rows() const override { return 0; }

 private:
  void send_after(SimTime now) {
    Duration thought{};
    if (think_time_ > Duration::zero()) {
      Draws draws = think_stream_.of(thoughts_++);
      const boost::random::exponential_distribution<double> law{1.0 / to_seconds(think_time_)};
      thought = from_seconds(law(draws));
    }
    if (!limits_.over(now + thought)) {
      ready_.push(now + thought);
    }
  }

  ArrivalLimits limits_;
  RequestMaker maker_;
  RandomStream think_stream_;
  Duration think_time_;
  std::uint64_t thoughts_ = 0;
  // At most one entry per user.
  std::priority_queue<SimTime, std::vector<SimTime>, std::greater<>> ready_;
  RequestId id_ = 0;
};

}  // namespace

std::unique_ptr<RequestSource> make_request_source(const Config& config,
                                                   const SourceOptions& options) {
  if (!config.workload.trace.empty()) {
    return std::make_unique<TraceReplay>(config, options);
  }
  if (config.workload.arrivals.process == ArrivalProcess::closed_loop) {
    return std::make_unique<ClosedLoop>(config);
  }
  return std::make_unique<OpenLoop>(config);
}

}  // namespace plimsoll
