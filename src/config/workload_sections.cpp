// Config: what users send: arrivals, their shapes over time, lengths, classes of requests, traces.
#include <fmt/format.h>

#include "base/unit_text.hpp"
#include "config/kinds.hpp"
#include "config/pairs_kind.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

using LengthKind = LengthLaw::Kind;
using ShapeKind = RateShape::Kind;

void check_quantiles(Reader& reader, const RawNode& map, const std::string& path,
                     const LengthLaw& law) {
  const Place& place = place_of_key(map, "quantiles");
  const std::string key = join_path(path, "quantiles");
  for (std::size_t i = 1; i < law.quantiles.size(); ++i) {
    if (law.quantiles[i].probability <= law.quantiles[i - 1].probability) {
      reader.report(place, key, "probabilities must increase from pair to pair",
                    fmt::format("{} follows {}", format_number(law.quantiles[i].probability),
                                format_number(law.quantiles[i - 1].probability)));
      return;
    }
    if (law.quantiles[i].tokens < law.quantiles[i - 1].tokens) {
      reader.report(place, key, "tokens must not decrease from pair to pair");
      return;
    }
  }
  if (law.quantiles.size() < 2) {
    reader.report(place, key, "expected two pairs at least", "e.g. [[0, 1], [1, 1000]]");
  }
}

void finish_length(Reader& reader, const RawNode& map, const std::string& path, LengthLaw& law,
                   bool clean) {
  if (!clean) {
    return;
  }
  if (law.minimum > law.maximum) {
    reader.report(place_of_key(map, "minimum"), join_path(path, "minimum"),
                  fmt::format("minimum {} is above maximum {}", law.minimum, law.maximum));
    return;
  }
  if (law.kind == LengthKind::quantiles) {
    check_quantiles(reader, map, path, law);
  } else if (law.mean > law.maximum || law.mean < law.minimum) {
    // Clamping would make another law of it than the one that is written down.
    reader.report(place_of_key(map, "mean"), join_path(path, "mean"),
                  fmt::format("mean {:g} is outside of minimum {} to maximum {}", law.mean,
                              law.minimum, law.maximum),
                  "change the bound (an included file may have set it), or the mean");
  }
}

SectionDecl length_section() {
  constexpr int most = 1 << 20;
  return Section<LengthLaw>{}
      .field("kind", &LengthLaw::kind,
             word_kind<LengthKind>({{"fixed", LengthKind::fixed},
                                    {"lognormal", LengthKind::lognormal},
                                    {"exponential", LengthKind::exponential},
                                    {"quantiles", LengthKind::quantiles}}),
             "", "the law")
      .field("mean", &LengthLaw::mean, number_kind({0, most, true}), "",
             "mean before clamping; the value itself when fixed")
      .only_when("kind: fixed, lognormal or exponential",
                 [](const LengthLaw& law) { return law.kind != LengthKind::quantiles; })
      .field("cv", &LengthLaw::cv, number_kind({0, 100, true}), "1", "standard deviation over mean")
      .only_when("kind: lognormal",
                 [](const LengthLaw& law) { return law.kind == LengthKind::lognormal; })
      .field("quantiles", &LengthLaw::quantiles,
             pairs_kind("list of [probability, tokens] pairs", &LengthLaw::Quantile::probability,
                        ratio_kind(), &LengthLaw::Quantile::tokens, number_kind({0, most})),
             "", "linear between the pairs")
      .only_when("kind: quantiles",
                 [](const LengthLaw& law) { return law.kind == LengthKind::quantiles; })
      .field("minimum", &LengthLaw::minimum, count_kind(1, most), "1", "draws are clamped to it")
      .field("maximum", &LengthLaw::maximum, count_kind(1, most), "1048576",
             "draws are clamped to it")
      .finish(finish_length)
      .build();
}

void finish_shape(Reader& reader, const RawNode& map, const std::string& path, RateShape& shape,
                  bool clean) {
  for (std::size_t i = 1; clean && i < shape.points.size(); ++i) {
    if (shape.points[i].at <= shape.points[i - 1].at) {
      reader.report(place_of_key(map, "points"), join_path(path, "points"),
                    "times must increase from point to point");
      return;
    }
  }
}

bool is_piecewise(const RateShape& shape) {
  return shape.kind == ShapeKind::piecewise;
}
bool is_diurnal(const RateShape& shape) {
  return shape.kind == ShapeKind::diurnal;
}
bool is_spike(const RateShape& shape) {
  return shape.kind == ShapeKind::spike;
}

SectionDecl shape_section() {
  const AtLeast factor{0, 1e6, false};
  return Section<RateShape>{}
      .field("kind", &RateShape::kind,
             word_kind<ShapeKind>({{"piecewise", ShapeKind::piecewise},
                                   {"diurnal", ShapeKind::diurnal},
                                   {"spike", ShapeKind::spike}}),
             "", "the form")
      .field("points", &RateShape::points,
             pairs_kind("list of [time, factor] pairs", &RateShape::Point::at, duration_kind(),
                        &RateShape::Point::factor, number_kind(factor)),
             "", "linear between the points, constant outside")
      .only_when("kind: piecewise", is_piecewise)
      .field("period", &RateShape::period, duration_kind(true), "1d", "length of a cycle")
      .only_when("kind: diurnal", is_diurnal)
      .field("peak_at", &RateShape::peak_at, duration_kind(), "0", "time of the first peak")
      .only_when("kind: diurnal", is_diurnal)
      .field("peak_to_mean", &RateShape::peak_to_mean, number_kind({1, 2, false}), "",
             "rate at the peak over the mean rate")
      .only_when("kind: diurnal", is_diurnal)
      .field("at", &RateShape::at, duration_kind(), "", "when the full factor is reached")
      .only_when("kind: spike", is_spike)
      .field("lasting", &RateShape::lasting, duration_kind(true), "", "how long it stays")
      .only_when("kind: spike", is_spike)
      .field("ramp", &RateShape::ramp, duration_kind(), "0", "linear rise before, fall after")
      .only_when("kind: spike", is_spike)
      .field("factor", &RateShape::factor, number_kind(factor), "", "the rate is multiplied by it")
      .only_when("kind: spike", is_spike)
      .finish(finish_shape)
      .build();
}

bool is_open(const ArrivalConfig& arrivals) {
  return arrivals.process != ArrivalProcess::closed_loop;
}

SectionDecl arrival_section() {
  return Section<ArrivalConfig>{}
      .field("process", &ArrivalConfig::process,
             word_kind<ArrivalProcess>({{"poisson", ArrivalProcess::poisson},
                                        {"gamma", ArrivalProcess::gamma},
                                        {"closed_loop", ArrivalProcess::closed_loop}}),
             "poisson", "the law of the gaps; a closed loop replaces each request that ends")
      .field("rate", &ArrivalConfig::rate, frequency_kind(), "", "requests per second at factor 1")
      .only_when("process: poisson or gamma", is_open)
      .field("cv", &ArrivalConfig::cv, number_kind({0, 100, true}), "1",
             "standard deviation of the gaps over their mean")
      .only_when(
          "process: gamma",
          [](const ArrivalConfig& arrivals) { return arrivals.process == ArrivalProcess::gamma; })
      .field("concurrency", &ArrivalConfig::concurrency, count_kind(1, 100'000'000), "",
             "requests in flight at any time")
      .only_when("process: closed_loop",
                 [](const ArrivalConfig& arrivals) { return !is_open(arrivals); })
      .field("think_time", &ArrivalConfig::think_time, duration_kind(), "0",
             "mean of the exponential gap between an answer and the user's next request")
      .only_when("process: closed_loop",
                 [](const ArrivalConfig& arrivals) { return !is_open(arrivals); })
      .list("shapes", &ArrivalConfig::shapes, shape_section(),
            "factors of the rate over time; several multiply")
      .only_when("process: poisson or gamma", is_open)
      .build();
}

bool is_set(const LengthLaw& law) {
  return law.mean > 0 || !law.quantiles.empty();
}

SectionDecl prefix_section() {
  return Section<PrefixLaw>{}
      .field("tokens", &PrefixLaw::tokens, count_kind(1, 1 << 20), "",
             "the first tokens of a prompt that are those of its group; a shorter prompt has no "
             "others")
      .field("groups", &PrefixLaw::groups, count_kind(1, 1'000'000), "1", "different beginnings")
      .field("zipf", &PrefixLaw::zipf, number_kind({0, 10, false}), "0",
             "popularity of group k in proportion to k^-zipf; 0: all alike")
      .build();
}

SectionDecl trace_prefix_section() {
  constexpr int most = 1 << 30;
  return Section<TracePrefixConfig>{}
      .field("common_tokens", &TracePrefixConfig::common_tokens, count_kind(0, most), "0",
             "that all prompts with so many reusable tokens begin with, e.g. a system prompt")
      .field("granularity", &TracePrefixConfig::granularity, count_kind(1, most), "1",
             "the trace counts reusable tokens in multiples of it, e.g. its block size")
      .build();
}

constexpr const char* prefix_help = "how prompts begin alike; matters to pools with prefix_cache";

SectionDecl lengths_section() {
  return Section<WorkloadConfig>{}
      .section("prompt", &WorkloadConfig::prompt, length_section(), "tokens of a prompt")
      .derived("none")
      .written_when([](const WorkloadConfig& workload) { return is_set(workload.prompt); })
      .section("output", &WorkloadConfig::output, length_section(), "tokens of an answer")
      .derived("none")
      .written_when([](const WorkloadConfig& workload) { return is_set(workload.output); })
      .optional_section("prefix", &WorkloadConfig::prefix, prefix_section(), prefix_help)
      .build();
}

SectionDecl class_section() {
  SectionDecl lengths =
      Section<RequestClassConfig>{}
          .optional_section("prompt", &RequestClassConfig::prompt, length_section(),
                            "tokens of a prompt")
          .optional_section("output", &RequestClassConfig::output, length_section(),
                            "tokens of an answer")
          .optional_section("prefix", &RequestClassConfig::prefix, prefix_section(), prefix_help)
          .build();
  return Section<RequestClassConfig>{}
      .field("share", &RequestClassConfig::share, number_kind(), "1",
             "weight among the classes; they need not add up to 1")
      .list("shapes", &RequestClassConfig::shapes, shape_section(),
            "multiply the share over time; how many requests arrive in all is for arrivals to say")
      .field("tier", &RequestClassConfig::tier, reference_kind<TierIndex>(NameList::tiers), "",
             "the tier")
      .derived("the only tier")
      .field("model", &RequestClassConfig::model, reference_kind<ModelIndex>(NameList::models), "",
             "the model asked for")
      .derived("the only model served")
      .optional("stream", &RequestClassConfig::stream, flag_kind(), "overrides the tier's")
      .group("lengths", std::move(lengths), "replace workload.lengths")
      .build();
}

/// The class that a scenario without classes has.
void add_default_class(WorkloadConfig& workload) {
  RequestClassConfig only;
  only.name = "default";
  workload.classes.push_back(std::move(only));
}

/// Models that some pool serves, by position.
std::vector<ModelIndex> served_models(const Config& config) {
  std::vector<ModelIndex> served;
  for (const PoolConfig& pool : config.pools) {
    if (std::find(served.begin(), served.end(), pool.model) == served.end()) {
      served.push_back(pool.model);
    }
  }
  return served;
}

/// Fills in the only tier and the only model, or says that there are several.
void derive_references(Reader& reader, const RawNode& place, const RawNode* entry,
                       const std::string& path, RequestClassConfig& request_class) {
  const Config& config = reader.config();
  const std::vector<ModelIndex> served = served_models(config);
  const auto is_given = [&](const char* key) {
    return entry != nullptr && entry->find(key) != nullptr;
  };
  if (!is_given("tier") && config.tiers.size() > 1) {
    reader.report(entry == nullptr ? place.place : entry->place, join_path(path, "tier"),
                  "missing key: there are several tiers",
                  name_hint("", reader.names(NameList::tiers), "tiers"));
  }
  if (!is_given("model") && served.size() > 1) {
    std::vector<std::string> names;
    for (const ModelIndex model : served) {
      names.push_back(config.models[model].name);
    }
    reader.report(entry == nullptr ? place.place : entry->place, join_path(path, "model"),
                  "missing key: the pools serve several models", name_hint("", names, "models"));
  }
  if (!is_given("model") && !served.empty()) {
    request_class.model = served.front();
  }
  if (is_given("model") && !served.empty() && request_class.model < config.models.size() &&
      std::find(served.begin(), served.end(), request_class.model) == served.end()) {
    reader.report(place_of_key(*entry, "model"), join_path(path, "model"),
                  fmt::format("no pool serves {}", config.models[request_class.model].name),
                  "add a pool or ask for another model");
  }
}

void check_classes(Reader& reader, const RawNode& map, const std::string& path,
                   WorkloadConfig& workload) {
  const RawNode* const classes = map.find("classes");
  double shares = 0;
  for (RequestClassConfig& request_class : workload.classes) {
    const RawNode* const entry = classes == nullptr ? nullptr : classes->find(request_class.name);
    const std::string class_path = join_path(path, "classes." + request_class.name);
    derive_references(reader, map, entry, class_path, request_class);
    shares += request_class.share;
    const bool open = workload.trace.empty() && !workload.users &&
                      workload.arrivals.process != ArrivalProcess::closed_loop;
    if (!open && !request_class.shapes.empty()) {
      reader.report(place_of_key(*entry, "shapes"), join_path(class_path, "shapes"),
                    "a trace, users or a closed loop say who comes when",
                    "leave out shapes, or use arrivals with a rate");
    }
    for (const bool prompt : {true, false}) {
      const bool own = prompt ? request_class.prompt.has_value() : request_class.output.has_value();
      const bool common = is_set(prompt ? workload.prompt : workload.output);
      if (workload.trace.empty() && !own && !common) {
        const char* const key = prompt ? "prompt" : "output";
        reader.report(
            place_of_key(map, "lengths"), join_path(path, fmt::format("lengths.{}", key)),
            fmt::format("missing key: class {} has no law of {} lengths", request_class.name, key),
            "e.g. {kind: lognormal, mean: 800, cv: 1}, or name a trace");
      }
    }
  }
  if (!(shares > 0)) {
    reader.report(place_of_key(map, "classes"), join_path(path, "classes"),
                  "the shares of all classes add up to 0", "give one of them a share above 0");
  }
}

void check_prefixes(Reader& reader, const RawNode& map, const std::string& path,
                    const WorkloadConfig& workload) {
  if (!workload.trace_prefix) {
    return;
  }
  const bool laws = workload.prefix || std::any_of(workload.classes.begin(), workload.classes.end(),
                                                   [](const RequestClassConfig& request_class) {
                                                     return request_class.prefix.has_value();
                                                   });
  const auto report = [&](const char* message, const char* hint) {
    reader.report(place_of_key(map, "trace_prefix"), join_path(path, "trace_prefix"), message,
                  hint);
  };
  if (workload.trace.empty()) {
    report("there is no trace whose column it could follow", "name a trace, or use lengths.prefix");
  } else if (laws) {
    report("lengths.prefix says already how prompts begin alike", "keep one of the two");
  }
}

void finish_workload(Reader& reader, const RawNode& map, const std::string& path,
                     WorkloadConfig& workload, bool clean) {
  if (workload.classes.empty()) {
    add_default_class(workload);
  }
  if (map.find("trace") == nullptr && map.find("arrivals") == nullptr && !workload.users) {
    reader.report(map.place, join_path(path, "arrivals"),
                  "missing key: expected arrivals, users or a trace",
                  "e.g. {process: poisson, rate: 5/s}");
  }
  if (clean && workload.users) {
    finish_users(reader, map, path, *workload.users);
    for (const char* const other : {"trace", "arrivals"}) {
      if (map.find(other) != nullptr) {
        reader.report(place_of_key(map, other), join_path(path, other),
                      "users say already when requests arrive", "keep one of the two");
      }
    }
  }
  if (clean) {
    check_classes(reader, map, path, workload);
    check_prefixes(reader, map, path, workload);
  }
}

}  // namespace

SectionDecl workload_section() {
  Section<WorkloadConfig> section;
  section
      .field("trace", &WorkloadConfig::trace, file_kind(), "",
             "a CSV file (.gz allowed) that replaces arrivals and lengths; relative to the file in "
             "which it stands")
      .derived("none")
      .written_when([](const WorkloadConfig& workload) { return !workload.trace.empty(); })
      .field("trace_speed", &WorkloadConfig::trace_speed, number_kind({0, 1e9, true}), "1",
             "arrival times of the trace are divided by it")
      .optional_section("trace_prefix", &WorkloadConfig::trace_prefix, trace_prefix_section(),
                        "follows the trace's column reusable_prefix_tokens: each row goes on from "
                        "the latest prompt that ended there")
      .field("max_requests", &WorkloadConfig::max_requests, big_count_kind(0, 1'000'000'000'000),
             "0", "arrivals stop after so many; 0: no limit")
      .section("arrivals", &WorkloadConfig::arrivals, arrival_section(), "when requests arrive")
      .derived("none; required without a trace")
      .written_when([](const WorkloadConfig& workload) {
        return workload.arrivals.rate.count() > 0 || workload.arrivals.concurrency > 0;
      })
      .optional_section("users", &WorkloadConfig::users, users_section(),
                        "who sends requests, instead of arrivals")
      .group("lengths", lengths_section(), "how long requests are")
      .named("classes", &WorkloadConfig::classes, class_section(), NameList::classes,
             "kinds of requests and their shares")
      .derived("one class named default")
      .finish(finish_workload);
  return section.build();
}

}  // namespace plimsoll
