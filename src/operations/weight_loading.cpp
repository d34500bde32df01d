// How the weights of a pool's replicas get from where they lie into GPUs.
#include "operations/weight_loading.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

namespace plimsoll {

WeightLoading::WeightLoading(const Config& config, PoolIndex pool, WeightRoutes routes,
                             WeightNodes& nodes, ModelStores& stores, Engine& engine)
    : config_{config},
      index_{pool},
      pool_{config.pools[pool]},
      routes_{std::move(routes)},
      shared_{nodes},
      nodes_{nodes.nodes},
      stores_{stores},
      engine_{engine},
      overlaps_{!pool_.weights || !pool_.weights->loader ||
                config.loaders[*pool_.weights->loader].overlaps},
      mapped_{pool_.weights && pool_.weights->loader &&
              config.loaders[*pool_.weights->loader].mapped} {
  const Bytes ssd = pool_.weights ? pool_.weights->ssd_cache : Bytes{};
  const Bytes memory = pool_.weights ? pool_.weights->memory_cache : Bytes{};
  if (nodes_.empty()) {
    nodes_.assign(routes_.nodes.size(), WeightNode{ssd, memory});
  }
  slots_.resize(routes_.nodes_of_slot.size());
  for (Slot& slot : slots_) {
    slot.site = pool_.store ? site_of(pool_) : WeightSite{};
  }
  if (!pool_.weights) {
    return;
  }
  if (pool_.weights->peers && memory >= routes_.share) {  // else nobody has anything to hand on
    peers_.emplace(config, pool, routes_, nodes_, stores, engine);
  }
  for (std::size_t index = 0; index < nodes_.size(); ++index) {
    WeightNode& node = nodes_[index];
    if (!node.there) {
      continue;
    }
    if (pool_.weights->tier == WeightTier::ssd) {
      node.ssd.insert(id(0), routes_.share);
    } else if (pool_.weights->tier == WeightTier::memory) {
      node.ssd.insert(id(0), routes_.share);
      keep_in_memory(static_cast<int>(index), id(0), routes_.share);
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
    if (!nodes_[node].there || nodes_[node].has(id(0))) {
      continue;  // of a replica that serves: its node has them
    }
    pull_to_node(static_cast<int>(node), 0, {this, nobody, [] {}});
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

/// Others may have it from there, once all of it is there.
void WeightLoading::keep_in_memory(int node, const WeightsId& id, Bytes bytes) {
  nodes_[static_cast<std::size_t>(node)].memory.insert(id, bytes);
  if (peers_ && bytes == routes_.share) {
    peers_->has(node, id);
  }
}

void WeightLoading::settle_on(std::size_t slot, const std::vector<int>& nodes) {
  PLIMSOLL_CHECK(!slots_[slot].rented && nodes.size() == routes_.nodes_of_slot[slot].size(),
                 "a replica is moved as a whole, while it is off");
  routes_.nodes_of_slot[slot] = nodes;
}

int WeightLoading::warmth(int index) const {
  const WeightNode& node = nodes_[static_cast<std::size_t>(index)];
  return node.memory.holds(id(0)) ? 2 : node.has(id(0)) ? 1 : 0;
}

void WeightLoading::adopt(std::size_t index) {
  rent(index);
  slots_[index].version = 0;
  for (const int at : routes_.nodes_of_slot[index]) {
    WeightNode& node = nodes_[static_cast<std::size_t>(at)];
    if (pool_.weights) {
      node.ssd.insert(id(0), routes_.share);
      keep_in_memory(at, id(0), routes_.share);
    }
  }
}

// ---- pulling ----

void WeightLoading::bring(std::size_t index, WeightsVersion version, std::function<void()> pulled,
                          std::function<void()> loaded) {
  Slot& slot = slots_[index];
  const std::vector<int>& nodes = routes_.nodes_of_slot[index];
  rent(index);
  drop_work(index);
  const std::uint64_t start = ++slot.start;
  const bool hot = slot.version == version;
  slot.version = -1;
  slot.wanted = version;
  slot.pulled = std::move(pulled);
  slot.loaded = std::move(loaded);
  slot.began = engine_.now();
  slot.pull = {};
  slot.load_bound.clear();
  slot.load_rate = std::numeric_limits<double>::infinity();
  slot.pulls_left = slot.loads_left = hot ? 1 : nodes.size();
  slot.rests_left = !hot && mapped_ && first_piece() < routes_.share ? nodes.size() : 0;
  if (!hot || slot.reads.empty()) {
    slot.reads.assign(nodes.size(), {});
  }
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
    if (node.memory.held(id(version)) == routes_.share || node.ssd.holds(id(version))) {
      slot.reads[part] = node.came[id(version)];
      engine_.at(engine_.now(), EventPriority::fleet, [this, index, part, start] {
        if (slots_[index].start == start) {
          count_pulled(slots_[index]);
          read_share(index, part, start);
        }
      });
    } else {
      pull_to_node(nodes[part], version,
                   {this, index, [this, index, part, start] { share_pulled(index, part, start); }});
    }
  }
}

PullKey WeightLoading::key_of(WeightsVersion version, std::size_t slot) const {
  return {id(version), pool_.weights ? nobody : slot};
}

/// Pulls to a node, or waits for the pull that is under way.
void WeightLoading::pull_to_node(int index, WeightsVersion version, WeightWaiter waiter) {
  WeightNode& node = nodes_[static_cast<std::size_t>(index)];
  const PullKey key = key_of(version, waiter.slot);
  const WeightSite site = waiter.slot == nobody ? site_of(pool_) : slots_[waiter.slot].site;
  PullToNode& pull = node.pulls[key];
  pull.waiting.push_back(std::move(waiter));
  if (pull.waiting.size() > 1) {
    return;
  }
  const auto done = [this, index, key](const PullEnd& end) { pulled_to_node(index, key, end); };
  if (peers_) {
    pull.pull = peers_->pull(index, site, key.id, done);
    return;
  }
  node.nic.begin(engine_.now());
  pull.pull = stores_.pull(index_, site, routes_.nodes[static_cast<std::size_t>(index)],
                           routes_.share, [this, &node, done](const PullEnd& end) {
                             node.nic.end(routes_.share, engine_.now());
                             done(end);
                           });
}

void WeightLoading::pulled_to_node(int index, const PullKey& key, const PullEnd& end) {
  WeightNode& node = nodes_[static_cast<std::size_t>(index)];
  if (pool_.weights) {
    node.came[key.id] = {end.began, engine_.now()};
    const bool for_ssd_only = node.users == 0 && pool_.weights->prefetch == WeightTier::ssd;
    node.ssd.insert(key.id, routes_.share);
    if (!for_ssd_only) {
      keep_in_memory(index, key.id, routes_.share);
    }
  }
  const std::vector<WeightWaiter> waited = std::move(node.pulls.at(key).waiting);
  node.pulls.erase(key);
  for (const WeightWaiter& waiter : waited) {
    waiter.pool->latest_ = end;
    waiter.done();
  }
}

/// A pull that nobody waits for any more.
void WeightLoading::end_pull(int index, const PullKey& key) {
  WeightNode& node = nodes_[static_cast<std::size_t>(index)];
  const auto pull = node.pulls.find(key);
  if (peers_) {
    peers_->cancel(pull->second.pull);
  } else {
    node.nic.end(Bytes{}, engine_.now());
    stores_.cancel(pull->second.pull, [&node](Bytes carried) { node.nic.add(carried); });
  }
  node.pulls.erase(pull);
}

/// What flows for the slot alone ends.
void WeightLoading::drop_work(std::size_t index) {
  Slot& slot = slots_[index];
  slot.there = nullptr;
  const PullKey key = key_of(slot.wanted, index);
  for (const int at : routes_.nodes_of_slot[index]) {
    WeightNode& node = nodes_[static_cast<std::size_t>(at)];
    drop_reads(index, at);
    const auto pull = node.pulls.find(key);
    if (pull == node.pulls.end()) {
      continue;
    }
    std::erase_if(pull->second.waiting, [this, index](const WeightWaiter& waiter) {
      return waiter.pool == this && waiter.slot == index;
    });
    if (pull->second.waiting.empty()) {
      end_pull(at, key);
    }
  }
  for (const Carry& carry : slot.carries) {
    UseMeter& meter = *carry.meter;
    meter.end(carry.flow, Bytes{}, engine_.now());
    engine_.cancel_flow(carry.flow, [&meter](Bytes carried) { meter.add(carried); });
  }
  slot.carries.clear();
}

/// A pull to a node finds what its NIC and its store leave it.
void WeightLoading::bind_pull(PullBound& bound, const PullEnd& end, int index) const {
  const double nic =
      config_.gpus[pool_.gpu].nic.count() / nodes_[static_cast<std::size_t>(index)].nic.peak();
  const double share = end.share.count();
  const double rate = std::min(nic, share);
  if (rate < bound.rate) {
    bound.rate = rate;
    bound.name = nic < share ? "NICs of pool " + pool_.name : end.bound;
  }
}

void WeightLoading::share_pulled(std::size_t index, std::size_t part, std::uint64_t start) {
  Slot& slot = slots_[index];
  if (slot.start != start) {
    return;
  }
  bind_pull(slot.pull, latest_, routes_.nodes_of_slot[index][part]);
  slot.reads[part] = {latest_.began, engine_.now()};
  count_pulled(slot);
  if (!pool_.weights) {
    copied(index, start);
    return;
  }
  if (mapped_) {
    load_piece(index, part, start, Piece::first);
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
  if (mapped_) {
    load_piece(index, part, start, Piece::first);
    return;
  }
  if (node.memory.holds(id(version))) {
    node.memory.touch(id(version));
    copy_share(index, part, start);
    return;
  }
  carry(index, node.ssd_reads, routes_.ssds[at], routes_.readers[index][part], routes_.share,
        [this, index, part, at, version, start] {
          WeightNode& here = nodes_[at];
          keep_in_memory(static_cast<int>(at), id(version), routes_.share);
          bind_load(slots_[index], config_.gpus[pool_.gpu].ssd.count() / here.ssd_reads.peak(),
                    "SSDs");
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
  UseMeter& meter = nodes_[at].memory_reads;
  carry(index, meter, routes_.memories[at], routes_.gpus[index][part], routes_.share,
        [this, index, &meter, start] {
          bind_load(slots_[index], pool_.weights->memory_bandwidth.count() / meter.peak(),
                    "main memories");
          bind_load(slots_[index], routes_.to_gpu.count(), "loader");
          copied(index, start);
        });
}

/// A slot's weights move within its node; `done` runs unless its start is given up.
void WeightLoading::carry(std::size_t index, UseMeter& meter, const std::string& from,
                          const std::string& to, Bytes bytes, std::function<void()> done) {
  const std::uint64_t number = next_carry_++;
  const FlowId flow = engine_.transfer(
      from, to, bytes, [this, index, &meter, number, bytes, done = std::move(done)] {
        std::vector<Carry>& carries = slots_[index].carries;
        const auto over = std::find_if(carries.begin(), carries.end(),
                                       [number](const Carry& one) { return one.number == number; });
        meter.end(over->flow, bytes, engine_.now());
        carries.erase(over);
        done();
      });
  meter.begin(flow, engine_.now());
  slots_[index].carries.push_back({number, &meter, flow});
}

// ---- mapped files ----

Bytes WeightLoading::first_piece() const {
  const auto share = static_cast<double>(routes_.share.count());
  return Bytes::of(static_cast<std::int64_t>(std::ceil(share * pool_.weights->lazy)));
}

/// Pages are copied as they come: whoever copies faster than is read waits for the read's end.
void WeightLoading::load_piece(std::size_t index, std::size_t part, std::uint64_t start,
                               Piece piece) {
  const auto at = static_cast<std::size_t>(routes_.nodes_of_slot[index][part]);
  WeightNode& node = nodes_[at];
  const PieceKey key{id(slots_[index].wanted), piece};
  const Bytes first = first_piece();
  const Bytes end = piece == Piece::first ? first : routes_.share;
  const Bytes bytes = piece == Piece::first ? first : routes_.share - first;
  const bool resident = node.memory.held(key.id) >= end;
  const auto left = std::make_shared<int>(resident ? 1 : 2);
  const auto one_done = [this, index, part, start, piece, left] {
    if (--*left == 0) {
      piece_loaded(index, part, start, piece);
    }
  };
  if (resident) {
    node.memory.touch(key.id);
  } else {
    read_mapped(index, part, key, [this, index, &node, piece, one_done] {
      if (piece == Piece::first) {
        bind_load(slots_[index], config_.gpus[pool_.gpu].ssd.count() / node.ssd_reads.peak(),
                  "SSDs");
        bind_load(slots_[index], routes_.read.count(), "loader");
      }
      one_done();
    });
  }
  UseMeter& meter = node.memory_reads;
  carry(index, meter, routes_.memories[at], routes_.gpus[index][part], bytes,
        [this, index, &meter, piece, one_done] {
          if (piece == Piece::first) {
            bind_load(slots_[index], pool_.weights->memory_bandwidth.count() / meter.peak(),
                      "main memories");
            bind_load(slots_[index], routes_.to_gpu.count(), "loader");
          }
          one_done();
        });
}

/// Reads a piece into the page cache, or waits for the read that is under way.
void WeightLoading::read_mapped(std::size_t index, std::size_t part, const PieceKey& key,
                                std::function<void()> done) {
  const int at = routes_.nodes_of_slot[index][part];
  WeightNode& node = nodes_[static_cast<std::size_t>(at)];
  MappedRead& read = node.reads[key];
  read.waiting.push_back({this, index, std::move(done)});
  if (read.waiting.size() > 1) {
    return;
  }
  const Bytes first = first_piece();
  read.bytes = key.piece == Piece::first ? first : routes_.share - first;
  read.flow =
      engine_.transfer(routes_.ssds[static_cast<std::size_t>(at)], routes_.readers[index][part],
                       read.bytes, [this, at, key] { mapped_read_ended(at, key); });
  node.ssd_reads.begin(read.flow, engine_.now());
}

void WeightLoading::mapped_read_ended(int at, const PieceKey& key) {
  WeightNode& node = nodes_[static_cast<std::size_t>(at)];
  const MappedRead read = std::move(node.reads.at(key));
  node.reads.erase(key);
  node.ssd_reads.end(read.flow, read.bytes, engine_.now());
  keep_in_memory(at, key.id, key.piece == Piece::first ? first_piece() : routes_.share);
  for (const WeightWaiter& waiter : read.waiting) {
    waiter.done();
  }
}

void WeightLoading::piece_loaded(std::size_t index, std::size_t part, std::uint64_t start,
                                 Piece piece) {
  Slot& slot = slots_[index];
  if (piece == Piece::rest) {
    if (--slot.rests_left == 0) {
      slot.version = slot.wanted;
      if (const std::function<void()> there = std::exchange(slot.there, nullptr)) {
        there();
      }
    }
    return;
  }
  copied(index, start);
  if (slot.start == start && slot.rests_left > 0) {
    load_piece(index, part, start, Piece::rest);
  }
}

/// Reads of a node that this slot alone waits for end.
void WeightLoading::drop_reads(std::size_t index, int at) {
  WeightNode& node = nodes_[static_cast<std::size_t>(at)];
  for (auto read = node.reads.begin(); read != node.reads.end();) {
    std::erase_if(read->second.waiting, [this, index](const WeightWaiter& waiter) {
      return waiter.pool == this && waiter.slot == index;
    });
    if (!read->second.waiting.empty()) {
      ++read;
      continue;
    }
    node.ssd_reads.end(read->second.flow, Bytes{}, engine_.now());
    engine_.cancel_flow(read->second.flow, [&node](Bytes carried) { node.ssd_reads.add(carried); });
    read = node.reads.erase(read);
  }
}

// ---- the end of a start ----

void WeightLoading::copied(std::size_t index, std::uint64_t start) {
  Slot& slot = slots_[index];
  if (slot.start != start || --slot.loads_left > 0) {
    return;
  }
  if (slot.rests_left == 0) {
    slot.version = slot.wanted;
  }
  const std::function<void()> loaded = std::exchange(slot.loaded, nullptr);
  loaded();
}

bool WeightLoading::streams(std::size_t index, std::function<void()> there) {
  Slot& slot = slots_[index];
  if (slot.rests_left == 0) {
    return false;
  }
  slot.there = std::move(there);
  return true;
}

void WeightLoading::give_up(std::size_t index) {
  Slot& slot = slots_[index];
  slot.rests_left = 0;
  drop_work(index);
  ++slot.start;
  slot.version = -1;
}

void WeightLoading::node_lost(int index) {
  WeightNode& node = nodes_[static_cast<std::size_t>(index)];
  if (peers_) {
    peers_->gone(index);
  }
  while (!node.pulls.empty()) {
    end_pull(index, node.pulls.begin()->first);  // a prefetch
  }
  node.memory.clear();
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    const std::vector<int>& nodes = routes_.nodes_of_slot[slot];
    if (std::find(nodes.begin(), nodes.end(), index) != nodes.end()) {
      slots_[slot].version = -1;
    }
  }
}

void WeightLoading::node_back(int index) {
  const WeightNode& node = nodes_[static_cast<std::size_t>(index)];
  if (pool_.weights && pool_.weights->prefetch && node.there && !node.has(id(0))) {
    pull_to_node(index, 0, {this, nobody, [] {}});
  }
}

void WeightLoading::released(std::size_t index) {
  Slot& slot = slots_[index];
  drop_work(index);
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
      if (peers_) {
        peers_->gone(index_of_node);
      }
      node.ssd.clear();
      node.memory.clear();
    }
  }
}

// ---- the account ----

std::string WeightLoading::bound_of(std::size_t slot, StartPhase phase) const {
  return phase == StartPhase::pull ? pull_bound_of(slot) : slots_[slot].load_bound;
}

/// With what pulls under way have found so far.
std::string WeightLoading::pull_bound_of(std::size_t index) const {
  const Slot& slot = slots_[index];
  PullBound bound = slot.pull;
  if (slot.pulls_left > 0) {
    for (const int at : routes_.nodes_of_slot[index]) {
      const WeightNode& node = nodes_[static_cast<std::size_t>(at)];
      if (const auto pull = node.pulls.find(key_of(slot.wanted, index)); pull != node.pulls.end()) {
        const PullId id_of_pull = pull->second.pull;
        bind_pull(bound, peers_ ? peers_->so_far(id_of_pull) : stores_.so_far(id_of_pull), at);
      }
    }
  }
  return bound.name;
}

std::vector<StoreBytes> WeightLoading::pulled_from() const {
  std::vector<StoreBytes> from = stores_.pulled_from(index_, peers_.has_value());
  if (peers_) {
    from.push_back({"peers", peers_->use(shared_.owner).bytes});
  }
  return from;
}

/// What pulls under way at the end of the run have brought to a node.
std::int64_t WeightLoading::on_their_way(const WeightNode& node) const {
  std::int64_t bytes = 0;
  for (const auto& [key, pull] : node.pulls) {
    bytes += (peers_ ? peers_->carried(pull.pull) : stores_.carried(pull.pull)).count();
  }
  return bytes;
}

std::vector<ResourceUse> WeightLoading::uses() const {
  const GpuSpec& gpu = config_.gpus[pool_.gpu];
  const auto sum = [&](const char* what, UseMeter WeightNode::*meter, BytesPerSecond rate) {
    std::int64_t bytes = 0;
    std::int64_t busy = 0;
    for (const WeightNode& node : nodes_) {
      bytes += (node.*meter).bytes(engine_);
      busy += (node.*meter).busy_ns(engine_.now());
      if (meter == &WeightNode::nic) {
        bytes += on_their_way(node);
      }
    }
    return resource_use(std::string{what} + " of " + shared_.owner, bytes, busy, rate);
  };
  std::vector<ResourceUse> uses = stores_.uses(index_);
  uses.push_back(sum("NICs", &WeightNode::nic, gpu.nic));
  if (peers_) {
    uses.push_back(peers_->use(shared_.owner));
  }
  if (pool_.weights) {
    uses.push_back(sum("SSDs", &WeightNode::ssd_reads, gpu.ssd));
    uses.push_back(
        sum("main memories", &WeightNode::memory_reads, pool_.weights->memory_bandwidth));
  }
  return uses;
}

}  // namespace plimsoll
