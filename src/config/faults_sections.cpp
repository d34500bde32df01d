// Config: faults: what breaks, how it is noticed, what becomes of its requests.
#include <fmt/format.h>

#include "config/fault_trace.hpp"
#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

bool on_timeline(const FaultProcess& process) {
  return process.law == FaultLaw::timeline;
}
bool of_trace(const FaultProcess& process) {
  return process.law == FaultLaw::trace;
}
bool repeats(const FaultProcess& process) {
  return !on_timeline(process) && !of_trace(process);
}
bool is_weibull(const FaultProcess& process) {
  return process.law == FaultLaw::weibull;
}
bool of_store(const FaultProcess& process) {
  return process.scope == FaultScope::store;
}
bool of_offers(const FaultProcess& process) {
  return process.scope == FaultScope::offers;
}
bool may_name_pool(const FaultProcess& process) {
  return process.scope == FaultScope::gpu || process.scope == FaultScope::node ||
         process.scope == FaultScope::link;
}
bool slows(const FaultProcess& process) {
  return process.scope == FaultScope::link || of_store(process);
}
bool has_units(const FaultProcess& process) {
  return on_timeline(process) && !of_store(process) && !of_offers(process);
}

/// Bounds: Plimsoll's design; shares: assumed, most repairs being resets and reboots.
std::vector<RepairClass> default_repairs() {
  using std::chrono::hours;
  return {{"hard", 0.05, hours{24}, hours{72}},
          {"medium", 0.15, hours{4}, hours{24}},
          {"soft", 0.8, hours{1}, hours{4}}};
}

SectionDecl repair_section() {
  return Section<RepairClass>{}
      .field("share", &RepairClass::share, number_kind(positive), "",
             "of all repairs, relative to the other classes")
      .field("minimum", &RepairClass::minimum, duration_kind(true), "", "of the uniform law")
      .field("maximum", &RepairClass::maximum, duration_kind(true), "", "of the uniform law")
      .finish([](Reader& reader, const RawNode& map, const std::string& path, RepairClass& repair,
                 bool clean) {
        if (clean && repair.maximum < repair.minimum) {
          reader.report(place_of_key(map, "maximum"), join_path(path, "maximum"),
                        "the maximum lies below the minimum");
        }
      })
      .build();
}

/// Whether some pool buys from an offer that the process takes.
bool takes_some(const Config& config, const FaultProcess& process) {
  for (const PoolConfig& pool : config.pools) {
    for (const OfferConfig& offer :
         has_offers(pool) ? pool.procurement->offers : std::vector<OfferConfig>{}) {
      if (offer.price < config.prices.size() &&
          is_of(offer, config.prices[offer.price], process.provider, process.region)) {
        return true;
      }
    }
  }
  return false;
}

void finish_process(Reader& reader, const RawNode& map, const std::string& path,
                    FaultProcess& process, bool clean) {
  if (!clean) {
    return;
  }
  const auto require = [&](bool holds, const char* key, const std::string& message,
                           const std::string& hint) {
    if (!holds) {
      reader.report(place_of_key(map, key), join_path(path, key), message, hint);
    }
  };
  const Config& config = reader.config();
  if (process.pool && *process.pool < config.pools.size()) {
    const PoolConfig& pool = config.pools[*process.pool];
    require(!pool.allocation, "pool",
            fmt::format("{} has no machines of its own: its GPUs are shared", pool.name),
            "say shared_gpus, whose GPUs and nodes break whichever pool has them");
    require(!process.shared_gpus, "shared_gpus", "a pool is named, too",
            "name one: whose machines break");
  }
  require(!of_store(process) || process.store, "store", "which store breaks is not said",
          "name one of stores");
  const bool said = !process.provider.empty() || !process.region.empty();
  require(!of_offers(process) || said, "provider", "whose offers, or in which region, is not said",
          "give provider, region or both");
  require(!of_offers(process) || !said || takes_some(reader.config(), process), "scope",
          "no pool buys from such offers", "see procurement.offers of pools and their prices");
  require(!repeats(process) || process.mtbf > Duration::zero(), "mtbf",
          "how often it breaks is not said", "give mtbf, the mean time up of one unit");
  const bool listed = !process.events.empty();
  require(!on_timeline(process) || listed || process.lasting > Duration::zero(), "for",
          "how long the fault lasts is not said",
          "give for: and at:, both from t = 0 on, or events");
  const bool single = process.lasting > Duration::zero() || process.at > Duration::zero();
  require(!on_timeline(process) || !listed || !single, "events", "at and for say a fault, too",
          "list all of them under events, or give the one");
  for (FaultEvent& event : process.events) {
    event.unit = has_units(process) ? event.unit : 0;
  }
  require(!of_trace(process) || !process.file.empty(), "file", "which trace is not said",
          "give file, a CSV file with the columns at_s, for_s and, if it says which, unit");
  if (of_trace(process) && !process.file.empty()) {
    process.events = read_fault_trace(reader, process.file);
  }
  if (repeats(process) && process.repair.empty()) {
    process.repair = default_repairs();
  }
}

SectionDecl event_section() {
  return Section<FaultEvent>{}
      .field("at", &FaultEvent::at, duration_kind(), "", "when it breaks")
      .field("for", &FaultEvent::lasting, duration_kind(true), "", "until it is repaired")
      .field("unit", &FaultEvent::unit, count_kind(0, 100'000'000), "0", "which one breaks, from 0")
      .build();
}

/// When units break, and for how long.
void add_law_keys(Section<FaultProcess>& section) {
  section
      .field("law", &FaultProcess::law,
             word_kind<FaultLaw>({{"exponential", FaultLaw::exponential},
                                  {"weibull", FaultLaw::weibull},
                                  {"timeline", FaultLaw::timeline},
                                  {"trace", FaultLaw::trace}}),
             "exponential",
             "of the times up of a unit, from its repair to its next fault; timeline: faults at "
             "given times; trace: from a file")
      .field("mtbf", &FaultProcess::mtbf, duration_kind(true), "", "mean time up of one unit")
      .derived("required, unless law: timeline or trace")
      .only_when("law: exponential or weibull", repeats)
      .field("shape", &FaultProcess::shape, number_kind({0.1, 20, false}), "1",
             "of the Weibull law: below 1 faults come in the beginning, above 1 with age")
      .only_when("law: weibull", is_weibull)
      .named("repair", &FaultProcess::repair, repair_section(), NameList::none,
             "classes of repairs; each fault draws one, and its length uniformly")
      .only_when("law: exponential or weibull", repeats)
      .field("at", &FaultProcess::at, duration_kind(), "0", "when it breaks")
      .only_when("law: timeline", on_timeline)
      .field("for", &FaultProcess::lasting, duration_kind(true), "", "until it is repaired")
      .derived("required with law: timeline, unless there are events")
      .only_when("law: timeline", on_timeline)
      .written_when([](const FaultProcess& process) { return process.events.empty(); })
      .field("unit", &FaultProcess::unit, count_kind(0, 100'000'000), "0",
             "which one breaks, from 0: within its pool or shared GPUs when they are named, else "
             "over all pools in their order, then all shared GPUs in theirs")
      .only_when("law: timeline", has_units)
      .list("events", &FaultProcess::events, event_section(),
            "several faults, instead of at, for and unit")
      .only_when("law: timeline", on_timeline)
      .field(
          "file", &FaultProcess::file, file_kind(), "",
          "CSV with a header: at_s and for_s in seconds, and unit; a row that leaves unit empty, "
          "as a file without that column, breaks one that is drawn evenly")
      .derived("required with law: trace")
      .only_when("law: trace", of_trace);
}

SectionDecl process_section() {
  Section<FaultProcess> section;
  section
      .field(
          "scope", &FaultProcess::scope,
          word_kind<FaultScope>({{"gpu", FaultScope::gpu},
                                 {"node", FaultScope::node},
                                 {"rack", FaultScope::rack},
                                 {"zone", FaultScope::zone},
                                 {"link", FaultScope::link},
                                 {"store", FaultScope::store},
                                 {"offers", FaultScope::offers}}),
          "",
          "what breaks; a node, rack or zone takes all its replicas with it; offers take the nodes "
          "that were bought there, which are replaced from others")
      .optional("pool", &FaultProcess::pool, reference_kind<std::size_t>(NameList::pools),
                "only GPUs, nodes or links of this pool; without it, of all")
      .only_when("scope: gpu, node or link", may_name_pool)
      .optional("shared_gpus", &FaultProcess::shared_gpus,
                reference_kind<std::size_t>(NameList::shared_gpus),
                "likewise, of these shared ones, whichever pool has them")
      .only_when("scope: gpu, node or link", may_name_pool)
      .optional("store", &FaultProcess::store, reference_kind<std::size_t>(NameList::stores),
                "whose uplink gets slower")
      .only_when("scope: store", of_store)
      .field("provider", &FaultProcess::provider, text_kind(), "", "whose offers stop")
      .derived("anybody's")
      .only_when("scope: offers", of_offers)
      .written_when([](const FaultProcess& process) { return !process.provider.empty(); })
      .field("region", &FaultProcess::region, text_kind(), "", "where offers stop")
      .derived("everywhere")
      .only_when("scope: offers", of_offers)
      .written_when([](const FaultProcess& process) { return !process.region.empty(); });
  add_law_keys(section);
  section
      .field("factor", &FaultProcess::factor, ratio_kind({0, 1, false}), "0",
             "share of the bandwidth that is left; 0: as good as none")
      .only_when("scope: link or store", slows)
      .finish(finish_process);
  return section.build();
}

SectionDecl check_section() {
  return Section<FaultsConfig>{}
      .field("interval", &FaultsConfig::check_interval, millisecond_kind(), "10s",
             "checks of a replica happen at its multiples")
      .field("timeout", &FaultsConfig::check_timeout, duration_kind(), "1s",
             "a check has failed when it is not answered for so long")
      .field("failures", &FaultsConfig::check_failures, count_kind(1, 1000), "3",
             "in a row, until the router knows that a replica is dead")
      .build();
}

}  // namespace

SectionDecl faults_section() {
  SectionDecl section =
      Section<FaultsConfig>{}
          .named("processes", &FaultsConfig::processes, process_section(), NameList::none,
                 "kinds of faults")
          .group("health_check", check_section(),
                 "until a dead replica is noticed, it still gets requests")
          .field("lost_requests", &FaultsConfig::lost_requests,
                 word_kind<LostRequests>(
                     {{"retry", LostRequests::retry}, {"fail", LostRequests::fail}}),
                 "retry",
                 "requests of a replica that died begin anew at another one, without what they had "
                 "generated, or end as failed")
          .field("max_retries", &FaultsConfig::max_retries, count_kind(0, 200), "3",
                 "of one request; then it ends as failed")
          .field("request_timeout", &FaultsConfig::request_timeout, duration_kind(), "30s",
                 "until the sender of a request notices by itself that its replica is dead, from "
                 "the fault or from sending it on")
          .field("nodes_per_rack", &FaultsConfig::nodes_per_rack, count_kind(1, 1'000'000), "4",
                 "nodes fill racks in the order of pools, then of shared GPUs")
          .field("zones", &FaultsConfig::zones, count_kind(1, 1'000'000), "1",
                 "racks are dealt to so many zones in turn")
          .field("reload", &FaultsConfig::reload, duration_kind(), "2min",
                 "after a repair, until a replica serves again; pools of start: cold go through "
                 "their cold start instead")
          .build();
  return section;
}

}  // namespace plimsoll
