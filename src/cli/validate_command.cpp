// Command line: `plimsoll validate`: what a scenario is, without playing it.
#include <fmt/format.h>

#include <sstream>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "fleet/memory_fit.hpp"
#include "fleet/placement.hpp"

namespace plimsoll::cli {
namespace {

/// "1 node", "2 nodes".
std::string counted(std::int64_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// "160 GPUs, at most 100 replicas (800 GPUs on 100 nodes)", or "32 GPUs on 4 nodes" of a pool that
/// never has more replicas than it begins with.
std::string size_text(const Config& config, const PoolConfig& pool, const Placement& placement) {
  const std::string where = pool.allocation
                                ? "shared_gpus." + config.shared_gpus[pool.allocation->from].name
                                : counted(placement.nodes, "node");
  const std::string all = counted(placement.gpus_used, "GPU") + " on " + where;
  if (replica_slots(pool) == pool.replicas) {
    return all;
  }
  return fmt::format("{}, at most {} ({})",
                     counted(std::int64_t{pool.replicas} * pool.tp * pool.pp, "GPU"),
                     counted(replica_slots(pool), "replica"), all);
}

void print_pool(const Config& config, const PoolConfig& pool) {
  const Placement placement = place(config, pool);
  fmt::print("pool {}: {} x TP{} x PP{} of {} = {}, {}\n", pool.name,
             counted(pool.replicas, "replica"), pool.tp, pool.pp, config.gpus[pool.gpu].name,
             size_text(config, pool, placement), config.models[pool.model].name);
  if (placement.gpus_stranded > 0 && !pool.allocation) {
    fmt::print("  in no replica: {} of these nodes\n", counted(placement.gpus_stranded, "GPU"));
  }
  std::istringstream lines{memory_fit(config, pool).arithmetic};
  for (std::string line; std::getline(lines, line);) {
    fmt::print("  {}\n", line);
  }
}

std::string load_text(const WorkloadConfig& workload) {
  if (!workload.trace.empty()) {
    return "the trace " + workload.trace;
  }
  if (workload.users) {
    const UserGrowth& growth = workload.users->growth;
    return fmt::format("users, {:g} at {} and {:g} at {:g} h", growth.points.front().users,
                       workload.users->start, growth.points.back().users,
                       to_seconds(growth.points.back().at) / 3600);
  }
  const ArrivalConfig& arrivals = workload.arrivals;
  switch (arrivals.process) {
    case ArrivalProcess::poisson:
      return fmt::format("Poisson arrivals, {:g} requests/s", arrivals.rate.count());
    case ArrivalProcess::gamma:
      return fmt::format("gamma arrivals of cv {:g}, {:g} requests/s", arrivals.cv,
                         arrivals.rate.count());
    case ArrivalProcess::closed_loop:
      return fmt::format("a closed loop of {} requests", arrivals.concurrency);
  }
  return "";
}

}  // namespace

int validate_command(const ScenarioArguments& arguments) {
  const LoadedScenario loaded =
      arguments.variant.empty() ? load_checked_with_variants(arguments) : load_checked(arguments);
  const Config& config = loaded.config;
  fmt::print("{} is valid: {}, seed {}\n", arguments.path, config.name, config.seed);
  for (const auto& pool : config.pools) {
    print_pool(config, pool);
  }
  fmt::print("load: {}\n", load_text(config.workload));
  if (!loaded.variants.empty()) {
    fmt::print("variants: base, {}\n", fmt::join(loaded.variants, ", "));
  }
  return ok;
}

}  // namespace plimsoll::cli
