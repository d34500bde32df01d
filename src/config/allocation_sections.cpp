// Config: GPUs that several pools share, and what a pool asks of them.
#include <fmt/format.h>

#include <algorithm>

#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {
namespace {

/// Nodes that one replica takes a part of.
int nodes_of_replica(const GpuSpec& gpu, const PoolConfig& pool) {
  const int groups_per_node = gpu.gpus_per_node / pool.tp;
  return (pool.pp + groups_per_node - 1) / groups_per_node;
}

void check_machines(KeyCheck& check, const PoolConfig& pool, const SharedGpusConfig& shared,
                    const GpuSpec& gpu) {
  const auto require = [&](bool holds, const std::string& message, const char* hint = "") {
    check.require(holds, "allocation", message, hint);
  };
  require(!pool.procurement, "a pool on shared GPUs orders no machines of its own",
          "say procurement of the shared GPUs, or leave out allocation");
  require(pool.role == PoolRole::both,
          "pools with a role hand KV over between nodes of their own, not between shared ones",
          "leave out role or allocation");
  const int most = replica_slots(pool);
  require(pool.allocation->guaranteed <= most,
          fmt::format("{} replicas are guaranteed to a pool that never has more than {}",
                      pool.allocation->guaranteed, most),
          "lower guaranteed, or raise replicas or autoscale.max_replicas");
  if (pool.tp > gpu.gpus_per_node) {
    return;  // found elsewhere
  }
  const int nodes = nodes_of_replica(gpu, pool);
  require(nodes <= most_nodes(shared), fmt::format("a replica takes {} nodes, and {} has {}", nodes,
                                                   shared.name, most_nodes(shared)));
  require(nodes == 1 || gpu.gpus_per_node % pool.tp == 0,
          fmt::format("stages over several nodes take whole ones, which groups of {} do not fill",
                      pool.tp),
          "use a tp that divides the GPUs of a node");
}

/// Nodes and their memories are the same for all pools on them.
void take_over_memories(Reader& reader, const RawNode& map, const std::string& path,
                        PoolConfig& pool, const SharedGpusConfig& shared) {
  if (!pool.weights) {
    return;
  }
  const RawNode* const weights = map.find("weights");
  const auto take_over = [&](const char* key, auto WeightsConfig::*member, auto of_nodes) {
    if (weights != nullptr && weights->find(key) != nullptr &&
        (*pool.weights).*member != of_nodes) {
      reader.report(
          place_of_key(*weights, key), join_path(join_path(path, "weights"), key),
          fmt::format("the nodes are those of shared_gpus.{}, which says another", shared.name),
          "say it there");
    }
    (*pool.weights).*member = of_nodes;
  };
  take_over("ssd_cache", &WeightsConfig::ssd_cache, shared.ssd_cache);
  take_over("memory_cache", &WeightsConfig::memory_cache, shared.memory_cache);
  take_over("memory_bandwidth", &WeightsConfig::memory_bandwidth, shared.memory_bandwidth);
  KeyCheck check{reader, map, path};
  check.require(pool.weights->tier != WeightTier::gpu, "weights",
                "GPUs that others use meanwhile keep no weights", "use tier: memory");
}

void finish_shared(Reader& reader, const RawNode& map, const std::string& path,
                   SharedGpusConfig& shared, bool clean) {
  const Config& config = reader.config();
  if (!clean || shared.gpu >= config.gpus.size()) {
    return;
  }
  const GpuSpec& gpu = config.gpus[shared.gpu];
  if (map.find("memory_cache") == nullptr) {
    shared.memory_cache = gpu.host_memory;
  }
  if (!shared.price || *shared.price >= config.prices.size()) {
    return;
  }
  const PriceSpec& price = config.prices[*shared.price];
  KeyCheck check{reader, map, path};
  check.require(price.gpu == gpu.name, "price",
                fmt::format("{} is a price of {}, not of {}", price.name, price.gpu, gpu.name));
  check.require(price_of(price, shared.contract).count() > 0, "contract",
                fmt::format("{} does not offer this contract", price.name),
                "choose another contract or price");
}

}  // namespace

SectionDecl shared_gpus_section() {
  Section<SharedGpusConfig> section;
  section
      .field("gpu", &SharedGpusConfig::gpu, reference_kind<std::size_t>(NameList::gpus), "",
             "the GPU type")
      .field("nodes", &SharedGpusConfig::nodes, count_kind(1, 100'000), "",
             "whole nodes of it, at t = 0; replicas of several pools stand on one")
      .optional_section("procurement", &SharedGpusConfig::procurement, node_procurement_section(),
                        "orders of more nodes")
      .optional("price", &SharedGpusConfig::price, reference_kind<std::size_t>(NameList::prices),
                "what a GPU costs, throughout: also when no replica has it")
      .field("contract", &SharedGpusConfig::contract, contract_kind(), "on_demand",
             "which of the prices applies")
      .field("preemption", &SharedGpusConfig::preemption, flag_kind(), "true",
             "a claim takes GPUs of replicas of lower priority; false: it waits until they leave")
      .field("grace", &SharedGpusConfig::grace, duration_kind(), "2min",
             "a preempted replica that serves drains for at most so long; what it has not ended "
             "then begins anew elsewhere")
      .field("reserve_after", &SharedGpusConfig::reserve_after, duration_kind(), "10min",
             "smaller claims overtake one that no node can meet; once it has waited for so long, "
             "nodes are reserved for it, and only replicas that it could preempt get GPUs there")
      .field("ssd_cache", &SharedGpusConfig::ssd_cache, bytes_kind(), "4 TB",
             "of a node's SSDs, for weights of all pools; the least recently used go when it is "
             "full")
      .field("memory_cache", &SharedGpusConfig::memory_cache, bytes_kind(), "0",
             "likewise, of its main memory")
      .derived("the GPU's host_memory")
      .field("memory_bandwidth", &SharedGpusConfig::memory_bandwidth, bandwidth_kind(), "200 GB/s",
             "of a node's main memory, which its loads share")
      .finish(finish_shared);
  return section.build();
}

SectionDecl allocation_section() {
  return Section<AllocationConfig>{}
      .field("from", &AllocationConfig::from, reference_kind<std::size_t>(NameList::shared_gpus),
             "", "which GPUs")
      .field("priority", &AllocationConfig::priority, count_kind(-1000, 1000), "0",
             "larger goes first; among equals the older claim does")
      .field("guaranteed", &AllocationConfig::guaranteed, count_kind(0, 1'000'000), "0",
             "replicas that come before claims of any priority and are never preempted")
      .build();
}

void finish_allocation(Reader& reader, const RawNode& map, const std::string& path,
                       PoolConfig& pool) {
  const Config& config = reader.config();
  if (pool.allocation->from >= config.shared_gpus.size()) {
    return;
  }
  const SharedGpusConfig& shared = config.shared_gpus[pool.allocation->from];
  if (shared.gpu >= config.gpus.size()) {
    return;
  }
  KeyCheck check{reader, map, path};
  check.require(pool.gpu == shared.gpu, "gpu",
                fmt::format("the pool's machines are those of shared_gpus.{}, which are {}",
                            shared.name, config.gpus[shared.gpu].name));
  check.require(
      !pool.price || pool.price == shared.price, "price",
      fmt::format("the GPUs of shared_gpus.{} are paid for once, at their own price", shared.name),
      "leave out the pool's price");
  check.require(map.find("contract") == nullptr || pool.contract == shared.contract, "contract",
                fmt::format("the contract is that of shared_gpus.{}", shared.name),
                "leave out the pool's contract");
  pool.price = shared.price;
  pool.contract = shared.contract;
  check_machines(check, pool, shared, config.gpus[shared.gpu]);
  take_over_memories(reader, map, path, pool, shared);
}

void finish_shared_gpus(Reader& reader, const RawNode& root, Config& config) {
  const RawNode* const pools = root.find("pools");
  for (std::size_t s = 0; s < config.shared_gpus.size(); ++s) {
    SharedGpusConfig& shared = config.shared_gpus[s];
    const std::string path = "shared_gpus." + shared.name;
    const RawNode* const node = root.find("shared_gpus")->find(shared.name);
    const Place& place = node == nullptr ? root.place : node->place;
    std::int64_t guaranteed = 0;
    bool used = false;
    for (const PoolConfig& pool : config.pools) {
      if (pool.allocation && pool.allocation->from == s) {
        used = true;
        guaranteed += std::int64_t{pool.allocation->guaranteed} * pool.tp * pool.pp;
        shared.price = pool.price;  // the one in force
      }
    }
    if (pools->find(shared.name) != nullptr) {
      reader.report(place, path, "a pool has this name, too: the bill could not tell them apart");
    }
    if (!used) {
      reader.report(place, path, "no pool takes its GPUs from here",
                    fmt::format("pools.NAME.allocation: {{from: {}}}", shared.name));
    }
    const std::int64_t gpus = std::int64_t{shared.nodes} *  // before any order comes
                              config.gpus[shared.gpu].gpus_per_node;
    if (guaranteed > gpus) {
      reader.report(
          place, path,
          fmt::format("{} GPUs are guaranteed to pools, and there are {}", guaranteed, gpus),
          "lower pools' allocation.guaranteed, or raise nodes");
    }
  }
}

}  // namespace plimsoll
