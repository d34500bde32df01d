// How the weights of a pool's replicas get from where they lie into GPUs.
#include "operations/weight_loading.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace plimsoll {

WeightLoading::WeightLoading(const Config& config, PoolIndex pool, WeightRoutes routes,
                             WeightNodes& nodes, ModelStores& stores, Engine& engine)
    : config_{config},
      pool_{config.pools[pool]},
      routes_{std::move(routes)},
      shared_{nodes},
      nodes_{nodes.nodes},
      stores_{stores},
      engine_{engine},
      overlaps_{!pool_.weights || !pool_.weights->loader ||
                config.loaders[*pool_.weights->loader].overlaps} {
  const Bytes ssd = pool_.weights ? pool_.weights->ssd_cache : Bytes{};
  const Bytes memory = pool_.weights ? pool_.weights->memory_cache : Bytes{};
  if (nodes_.empty()) {
    nodes_.assign(routes_.nodes.size(), WeightNode{ssd, memory});
  }
  slots_.resize(routes_.nodes_of_slot.size());
  if (!pool_.weights) {
    return;
  }
  for (WeightNode& node : nodes_) {
    if (pool_.weights->tier == WeightTier::ssd) {
      node.ssd.insert(id(0), routes_.share);
    } else if (pool_.weights->tier == WeightTier::memory) {
      node.ssd.insert(id(0), routes_.share);
      node.memory.insert(id(0), routes_.share);
    }
  }
  for (Slot& slot : slots_) {
    slot.version = pool_.weights->tier == WeightTier::gpu ? 0 : -1;
  }
}

/// Whether nodes keep what they have when their replicas go.
bool WeightLoading::keeps() const {
  return shared_.stay || (pool_.weights && (pool_.weights->tier != WeightTier::remote ||
                                            pool_.weights->prefetch.has_value()));
}

void WeightLoading::prefetch() {
  if (!pool_.weights || !pool_.weights->prefetch) {
    return;
  }
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    pull_to_node(static_cast<int>(node), 0, [] {});
  }
}

void WeightLoading::rent(std::size_t index) {
  Slot& slot = slots_[index];
  if (!slot.rented) {
    slot.rented = true;
    for (const int node : routes_.nodes_of_slot[index]) {
      ++nodes_[static_cast<std::size_t>(node)].users;
    }
  }
}

void WeightLoading::settle_on(std::size_t slot, const std::vector<int>& nodes) {
  PLIMSOLL_CHECK(!slots_[slot].rented && nodes.size() == routes_.nodes_of_slot[slot].size(),
                 "a replica is moved as a whole, while it is off");
  routes_.nodes_of_slot[slot] = nodes;
}

int WeightLoading::warmth(int index) const {
  const WeightNode& node = nodes_[static_cast<std::size_t>(index)];
  return node.memory.holds(id(0)) ? 2 : node.ssd.holds(id(0)) ? 1 : 0;
}

void WeightLoading::adopt(std::size_t index) {
  rent(index);
  slots_[index].version = 0;
  for (const int at : routes_.nodes_of_slot[index]) {
    WeightNode& node = nodes_[static_cast<std::size_t>(at)];
    if (pool_.weights) {
      node.ssd.insert(id(0), routes_.share);
      node.memory.insert(id(0), routes_.share);
    }
  }
}

// ---- pulling ----

void WeightLoading::bring(std::size_t index, WeightsVersion version, std::function<void()> pulled,
                          std::function<void()> loaded) {
  Slot& slot = slots_[index];
  const std::vector<int>& nodes = routes_.nodes_of_slot[index];
  rent(index);
  const std::uint64_t start = ++slot.start;
  const bool hot = slot.version == version;
  slot.version = -1;
  slot.wanted = version;
  slot.pulled = std::move(pulled);
  slot.loaded = std::move(loaded);
  slot.began = engine_.now();
  slot.pull_rate = slot.load_rate = std::numeric_limits<double>::infinity();
  slot.pulls_left = slot.loads_left = hot ? 1 : nodes.size();
  if (hot) {
    engine_.at(engine_.now(), EventPriority::fleet, [this, index, start] {
      if (slots_[index].start == start) {
        count_pulled(slots_[index]);
        copied(index, start);
      }
    });
    return;
  }
  for (std::size_t part = 0; part < nodes.size(); ++part) {
    WeightNode& node = nodes_[static_cast<std::size_t>(nodes[part])];
    if (node.memory.holds(id(version)) || node.ssd.holds(id(version))) {
      engine_.at(engine_.now(), EventPriority::fleet, [this, index, part, start] {
        if (slots_[index].start == start) {
          count_pulled(slots_[index]);
          read_share(index, part, start);
        }
      });
    } else {
      pull_to_node(nodes[part], version,
                   [this, index, part, start] { share_pulled(index, part, start); });
    }
  }
}

/// Pulls to a node, or waits for the pull that is under way.
void WeightLoading::pull_to_node(int index, WeightsVersion version, std::function<void()> done) {
  WeightNode& node = nodes_[static_cast<std::size_t>(index)];
  if (pool_.weights) {
    std::vector<std::function<void()>>& waiting = node.pulls[id(version)];
    waiting.push_back(std::move(done));
    if (waiting.size() > 1) {
      return;
    }
    done = [this, index, version] {
      WeightNode& here = nodes_[static_cast<std::size_t>(index)];
      const bool for_ssd_only = here.users == 0 && pool_.weights->prefetch == WeightTier::ssd;
      here.ssd.insert(id(version), routes_.share);
      if (!for_ssd_only) {
        here.memory.insert(id(version), routes_.share);
      }
      const auto waited = std::move(here.pulls[id(version)]);
      here.pulls.erase(id(version));
      for (const std::function<void()>& each : waited) {
        each();
      }
    };
  }
  node.nic.begin(engine_.now());
  stores_.pull(*pool_.store, routes_.nodes[static_cast<std::size_t>(index)], routes_.share,
               [this, index, done = std::move(done)](BytesPerSecond uplink_share) {
                 uplink_share_ = uplink_share.count();
                 nodes_[static_cast<std::size_t>(index)].nic.end(routes_.share, engine_.now());
                 done();
               });
}

void WeightLoading::note_pull(Slot& slot, int index) {
  const double nic =
      config_.gpus[pool_.gpu].nic.count() / nodes_[static_cast<std::size_t>(index)].nic.peak();
  const double rate = std::min(nic, uplink_share_);
  if (rate < slot.pull_rate) {
    slot.pull_rate = rate;
    slot.pull_bound = nic < uplink_share_ ? "NICs of pool " + pool_.name
                                          : "uplink of store " + config_.stores[*pool_.store].name;
  }
}

void WeightLoading::share_pulled(std::size_t index, std::size_t part, std::uint64_t start) {
  Slot& slot = slots_[index];
  if (slot.start != start) {
    return;
  }
  note_pull(slot, routes_.nodes_of_slot[index][part]);
  count_pulled(slot);
  if (!pool_.weights) {
    copied(index, start);
    return;
  }
  if (!overlaps_) {
    copy_share(index, part, start);
    return;
  }
  // Pulled and copied at once: what is left is what the loader needs more than the pull took.
  const Duration copy =
      from_seconds(static_cast<double>(routes_.share.count()) /
                   std::min(routes_.to_gpu.count(), pool_.weights->memory_bandwidth.count()));
  const Duration left = std::max(Duration::zero(), copy - (engine_.now() - slot.began));
  bind_load(slot, routes_.to_gpu.count(), "loader");
  engine_.at(engine_.now() + left, EventPriority::fleet,
             [this, index, start] { copied(index, start); });
}

void WeightLoading::count_pulled(Slot& slot) {
  if (--slot.pulls_left == 0) {
    const std::function<void()> pulled = std::exchange(slot.pulled, nullptr);
    pulled();
  }
}

// ---- loading ----

void WeightLoading::bind_load(Slot& slot, double rate, const char* what) {
  if (rate < slot.load_rate) {
    slot.load_rate = rate;
    slot.load_bound = std::string{what} + " of pool " + pool_.name;
  }
}

/// From where it lies on the node: out of main memory, or from SSD.
void WeightLoading::read_share(std::size_t index, std::size_t part, std::uint64_t start) {
  const auto at = static_cast<std::size_t>(routes_.nodes_of_slot[index][part]);
  WeightNode& node = nodes_[at];
  const WeightsVersion version = slots_[index].wanted;
  node.ssd.touch(id(version));
  if (node.memory.holds(id(version))) {
    node.memory.touch(id(version));
    copy_share(index, part, start);
    return;
  }
  node.ssd_reads.begin(engine_.now());
  engine_.transfer(routes_.ssds[at], routes_.readers[index][part], routes_.share,
                   [this, index, part, at, version, start] {
                     WeightNode& here = nodes_[at];
                     const double ssd = config_.gpus[pool_.gpu].ssd.count() / here.ssd_reads.peak();
                     here.ssd_reads.end(routes_.share, engine_.now());
                     here.memory.insert(id(version), routes_.share);
                     if (slots_[index].start != start) {
                       return;
                     }
                     bind_load(slots_[index], ssd, "SSDs");
                     bind_load(slots_[index], routes_.read.count(), "loader");
                     if (overlaps_) {
                       copied(index, start);
                     } else {
                       copy_share(index, part, start);
                     }
                   });
}

void WeightLoading::copy_share(std::size_t index, std::size_t part, std::uint64_t start) {
  const auto at = static_cast<std::size_t>(routes_.nodes_of_slot[index][part]);
  nodes_[at].memory_reads.begin(engine_.now());
  engine_.transfer(routes_.memories[at], routes_.gpus[index][part], routes_.share,
                   [this, index, at, start] {
                     UseMeter& meter = nodes_[at].memory_reads;
                     const double memory = pool_.weights->memory_bandwidth.count() / meter.peak();
                     meter.end(routes_.share, engine_.now());
                     if (slots_[index].start == start) {
                       bind_load(slots_[index], memory, "main memories");
                       bind_load(slots_[index], routes_.to_gpu.count(), "loader");
                       copied(index, start);
                     }
                   });
}

void WeightLoading::copied(std::size_t index, std::uint64_t start) {
  Slot& slot = slots_[index];
  if (slot.start != start || --slot.loads_left > 0) {
    return;
  }
  slot.version = slot.wanted;
  const std::function<void()> loaded = std::exchange(slot.loaded, nullptr);
  loaded();
}

void WeightLoading::give_up(std::size_t index) {
  Slot& slot = slots_[index];
  ++slot.start;
  slot.version = -1;
}

void WeightLoading::released(std::size_t index) {
  Slot& slot = slots_[index];
  if (slot.version >= 0 && !(pool_.weights && pool_.weights->tier == WeightTier::gpu)) {
    slot.version = -1;
  }
  if (!slot.rented) {
    return;
  }
  slot.rented = false;
  for (const int index_of_node : routes_.nodes_of_slot[index]) {
    WeightNode& node = nodes_[static_cast<std::size_t>(index_of_node)];
    if (--node.users == 0 && !keeps()) {
      node.ssd.clear();
      node.memory.clear();
    }
  }
}

// ---- the account ----

std::string WeightLoading::bound_of(std::size_t slot, StartPhase phase) const {
  return phase == StartPhase::pull ? slots_[slot].pull_bound : slots_[slot].load_bound;
}

std::vector<ResourceUse> WeightLoading::uses() const {
  const GpuSpec& gpu = config_.gpus[pool_.gpu];
  const auto sum = [&](const char* what, UseMeter WeightNode::*meter, BytesPerSecond rate) {
    std::int64_t bytes = 0;
    std::int64_t busy = 0;
    for (const WeightNode& node : nodes_) {
      bytes += (node.*meter).bytes();
      busy += (node.*meter).busy_ns();
    }
    return resource_use(std::string{what} + " of " + shared_.owner, bytes, busy, rate);
  };
  std::vector<ResourceUse> uses{stores_.use(*pool_.store), sum("NICs", &WeightNode::nic, gpu.nic)};
  if (pool_.weights) {
    uses.push_back(sum("SSDs", &WeightNode::ssd_reads, gpu.ssd));
    uses.push_back(
        sum("main memories", &WeightNode::memory_reads, pool_.weights->memory_bandwidth));
  }
  return uses;
}

}  // namespace plimsoll
