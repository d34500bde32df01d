// Workload: requests as a trace holds them.
#include "workload/trace_replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/nearest_name.hpp"
#include "plimsoll/errors.hpp"

namespace plimsoll {

TraceReplay::TraceReplay(const Config& config, const SourceOptions& options)
    : limits_{config},
      maker_{config.workload, config.seed},
      path_{config.workload.trace},
      speed_{config.workload.trace_speed},
      reader_{path_, open_byte_file(path_), options.skip_bad_rows} {
  const TraceColumns& has = reader_.columns();
  check_columns(config);
  for (const RequestClassConfig& one : config.workload.classes) {
    classes_.push_back(one.name);
  }
  if ((has.tenant || has.key) && config.path && config.path->limits) {
    keys_.emplace(*config.path->limits, classes_.size(), has);
  }
  if (has.session) {
    sessions_.emplace(maker_, longest_silence, has.reusable_prefix_tokens);
  } else if (config.workload.trace_prefix) {
    lineage_.emplace(*config.workload.trace_prefix);
  }
}

void TraceReplay::check_columns(const Config& config) const {
  const TraceColumns& has = reader_.columns();
  if (has.session && config.workload.trace_prefix) {
    reader_.refuse_header("workload.trace_prefix",
                          "the trace names its sessions, and need not be guessed at by lengths",
                          "leave out trace_prefix; lengths.prefix says what prompts begin with");
  }
  const bool contexts = config.path && config.path->conversation_cache &&
                        config.path->conversation_cache->by_session();
  if (contexts && !has.session) {
    reader_.refuse_header(
        "path.conversation_cache.bytes_per_token",
        "the trace has no column session, so that no row has a context to look for",
        "add the column, or use conversations");
  }
}

bool TraceReplay::next(Arrival& out) {
  TraceRow row;
  out = Arrival{};
  do {
    if (ended_ || limits_.reached(id_) || !reader_.next(row)) {
      require_rows();
      ended_ = true;
      return false;
    }
    out.at = sim_start + scaled(row.at);
    if (limits_.over(out.at)) {
      ended_ = true;
      return false;
    }
  } while (!identify(row, out));
  out.prompt_tokens = row.prompt_tokens;
  out.output_tokens = row.output_tokens;
  out.reusable_prefix_tokens = row.reusable_prefix_tokens;
  fill_prefix(row, out);
  ++id_;
  return true;
}

/// A trace of which nothing can be played is a mistake, as an empty file is: a fleet without
/// requests shows nothing.
void TraceReplay::require_rows() const {
  if (!ended_ && id_ == 0) {
    const std::int64_t skipped = reader_.skipped_rows();
    reader_.refuse_header("",
                          skipped == 0
                              ? "the trace has no rows"
                              : fmt::format("all {} rows of the trace were skipped", skipped),
                          "give it a row for each request: arrival_s, prompt_tokens, "
                          "output_tokens, as the header names them");
  }
}

bool TraceReplay::identify(const TraceRow& row, Arrival& out) {
  try {
    out.request_class = reader_.columns().request_class ? class_of(row) : maker_.draw_class(id_);
    if (keys_) {
      out.key = keys_->number(out.request_class, row);
    }
  } catch (const UnfitName& unfit) {
    reader_.refuse(unfit.column, unfit.message, unfit.hint);
    return false;
  }
  return true;
}

ClassIndex TraceReplay::class_of(const TraceRow& row) const {
  const auto found = std::find(classes_.begin(), classes_.end(), row.request_class);
  if (found == classes_.end()) {
    const std::string nearest = nearest_name(row.request_class, classes_);
    throw UnfitName{"class", fmt::format("the scenario has no class \"{}\"", row.request_class),
                    fmt::format("{}workload.classes has {}",
                                nearest.empty() ? "" : fmt::format("did you mean {}? ", nearest),
                                fmt::join(classes_, ", "))};
  }
  return static_cast<ClassIndex>(found - classes_.begin());
}

void TraceReplay::fill_prefix(const TraceRow& row, Arrival& out) {
  if (sessions_ && !row.session.empty()) {
    sessions_->fill(row.session, row.at, id_, out);
  } else if (lineage_) {
    lineage_->fill(id_, out);
  } else {
    maker_.fill_prefix(id_, out);
  }
}

std::vector<std::string> TraceReplay::notes() const {
  const TraceColumns& has = reader_.columns();
  if (keys_ || !(has.tenant || has.key)) {
    return {};
  }
  return {
      "The trace's tenants and keys are not used: without path.limits there is nobody who asks for "
      "them"};
}

Duration TraceReplay::scaled(Duration at) const {
  if (speed_ == 1.0) {
    return at;
  }
  constexpr double most = 9e18;  // ns; the clock ends at 9.22e18
  const double ns = std::round(static_cast<double>(at.count()) / speed_);
  if (!(ns <= most)) {
    throw ConfigError{{Diagnostic{path_, 0, 0, "workload.trace_speed",
                                  fmt::format("at speed {} the trace lasts over 285 years", speed_),
                                  "expected a factor near 1; larger plays the trace faster"}}};
  }
  return Duration{static_cast<std::int64_t>(ns)};
}

}  // namespace plimsoll
