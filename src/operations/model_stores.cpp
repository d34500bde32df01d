// The servers that weights are pulled from, for all pools of a run.
#include "operations/model_stores.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace plimsoll {

ResourceUse resource_use(std::string resource, std::int64_t bytes, std::int64_t busy_ns,
                         BytesPerSecond rate) {
  ResourceUse use;
  use.resource = std::move(resource);
  use.bytes = bytes;
  use.busy_ns = busy_ns;
  use.bytes_per_second = rate.count();
  if (busy_ns > 0) {
    use.utilization = static_cast<double>(bytes) / (to_seconds(Duration{busy_ns}) * rate.count());
  }
  return use;
}

bool crosses_wan(const StoreConfig& store, const std::string& region) {
  return store.wan && !region.empty() && store.region != region;
}

ModelStores::ModelStores(const Config& config, Engine& engine, HostName host_name)
    : config_{config}, engine_{engine}, host_name_{std::move(host_name)} {
  for (std::size_t index = 0; index < config.stores.size(); ++index) {
    Store& store = stores_.emplace_back();
    store.servers.resize(static_cast<std::size_t>(config.stores[index].servers));
    std::optional<std::size_t> next = index;
    while (next &&
           std::find(store.replicas.begin(), store.replicas.end(), *next) == store.replicas.end()) {
      store.replicas.push_back(*next);
      next = config.stores[*next].fallback;
    }
  }
}

PullId ModelStores::pull(PoolIndex pool, const WeightSite& site, const std::string& node,
                         Bytes bytes, std::function<void(const PullEnd&)> done) {
  const PoolConfig& config = config_.pools[pool];
  const std::int64_t count = config.weights ? config.weights->shards : 1;
  if (count == 1 || bytes.count() < count) {
    return pull_whole(pool, site, node, bytes, std::move(done));
  }
  const PullId id = next_pull_++;
  Shards& shards = shards_[id];
  shards.left = static_cast<std::size_t>(count);
  shards.done = std::move(done);
  const std::int64_t one = bytes.count() / count;
  for (std::int64_t i = 0; i < count; ++i) {
    const Bytes size = Bytes::of(i + 1 < count ? one : bytes.count() - one * (count - 1));
    shards.pulls.push_back(pull_whole(pool, site, node, size, [this, id, size](const PullEnd& end) {
      shard_ended(id, size, end);
    }));
  }
  return id;
}

void ModelStores::Shards::add(const PullEnd& shard) {
  const double rate = shard.share.count();
  if (end.bound.empty() || rate < slowest) {
    slowest = rate;
    end.bound = shard.bound;
  }
  end.share = end.share + shard.share;
}

void ModelStores::shard_ended(PullId id, Bytes bytes, const PullEnd& end) {
  Shards& shards = shards_.at(id);
  shards.arrived = shards.arrived + bytes;
  shards.add(end);
  if (--shards.left == 0) {
    const Shards whole = std::move(shards);
    shards_.erase(id);
    whole.done(whole.end);
  }
}

PullId ModelStores::pull_whole(PoolIndex pool, const WeightSite& site, const std::string& node,
                               Bytes bytes, std::function<void(const PullEnd&)> done) {
  const PullId id = next_pull_++;
  Pull& pull = pulls_[id];
  pull.pool = pool;
  pull.site = site;
  pull.node = node;
  pull.began = engine_.now();
  pull.left = bytes;
  pull.done = std::move(done);
  begin(id);
  return id;
}

/// Pulls under way for what its uplinks carry.
double ModelStores::load_of(std::size_t index) const {
  int active = 0;
  for (const UseMeter& server : stores_[index].servers) {
    active += server.active();
  }
  const StoreConfig& store = config_.stores[index];
  return active / (store.uplink.count() * store.servers);
}

std::size_t ModelStores::choose(std::size_t nearest) const {
  const StoreChoice choice = config_.stores[nearest].choice;
  const std::vector<std::size_t>& replicas = stores_[nearest].replicas;
  std::optional<std::size_t> best;
  for (const std::size_t store : replicas) {
    if (stores_[store].up &&
        (!best || (choice == StoreChoice::least_busy && load_of(store) < load_of(*best)))) {
      best = store;
    }
  }
  return best.value_or(replicas.front());
}

UseMeter* ModelStores::wan_of(const Pull& pull) {
  const std::string& region = pull.site.region;
  return crosses_wan(config_.stores[pull.store], region) ? &stores_[pull.store].wans[region]
                                                         : nullptr;
}

void ModelStores::begin(PullId id) {
  Pull& pull = pulls_.at(id);
  pull.store = choose(pull.site.store);
  std::vector<UseMeter>& servers = stores_[pull.store].servers;
  const auto least = std::min_element(
      servers.begin(), servers.end(),
      [](const UseMeter& a, const UseMeter& b) { return a.active() < b.active(); });
  pull.server = static_cast<std::size_t>(least - servers.begin());
  const std::string host =
      host_name_(config_.stores[pull.store], static_cast<int>(pull.server), pull.site.region);
  pull.flow = engine_.transfer(host, pull.node, pull.left, [this, id] { finish(id); });
  least->begin(pull.flow, engine_.now());
  if (UseMeter* const wan = wan_of(pull)) {
    wan->begin(pull.flow, engine_.now());
  }
}

PullEnd ModelStores::bound_of(const Pull& pull) const {
  const Store& from = stores_[pull.store];
  const StoreConfig& store = config_.stores[pull.store];
  PullEnd end;
  end.began = pull.began;
  end.share = BytesPerSecond::of(store.uplink.count() / from.servers[pull.server].peak());
  end.bound = "uplink of store " + store.name;
  if (crosses_wan(store, pull.site.region)) {
    const int peak = from.wans.at(pull.site.region).peak();
    const BytesPerSecond share = BytesPerSecond::of(store.wan->count() / peak);
    if (share < end.share) {
      end.share = share;
      end.bound = "wan of store " + store.name;
    }
  }
  return end;
}

PullEnd ModelStores::so_far(PullId id) const {
  const auto found = shards_.find(id);
  if (found == shards_.end()) {
    return bound_of(pulls_.at(id));
  }
  Shards shards = found->second;
  for (const PullId shard : shards.pulls) {
    if (const auto pull = pulls_.find(shard); pull != pulls_.end()) {
      shards.add(bound_of(pull->second));
    }
  }
  return shards.end;
}

void ModelStores::finish(PullId id) {
  const Pull pull = std::move(pulls_.at(id));
  pulls_.erase(id);
  const PullEnd end = bound_of(pull);
  stores_[pull.store].servers[pull.server].end(pull.flow, pull.left, engine_.now());
  if (UseMeter* const wan = wan_of(pull)) {
    wan->end(pull.flow, pull.left, engine_.now());
  }
  count(pull, pull.left);
  pull.done(end);
}

void ModelStores::count(const Pull& pull, Bytes bytes) {
  bytes_[{pull.pool, pull.store}] += bytes.count();
}

/// Takes a pull from its store; `carried` is told what it got there.
void ModelStores::leave(const Pull& pull, std::function<void(Bytes)> carried) {
  UseMeter& meter = stores_[pull.store].servers[pull.server];
  UseMeter* const wan = wan_of(pull);
  meter.end(pull.flow, Bytes{}, engine_.now());
  if (wan != nullptr) {
    wan->end(pull.flow, Bytes{}, engine_.now());
  }
  engine_.cancel_flow(pull.flow,
                      [this, pull, &meter, wan, carried = std::move(carried)](Bytes bytes) {
                        meter.add(bytes);
                        if (wan != nullptr) {
                          wan->add(bytes);
                        }
                        count(pull, bytes);
                        carried(bytes);
                      });
}

void ModelStores::cancel(PullId id, std::function<void(Bytes)> carried) {
  if (const auto found = shards_.find(id); found != shards_.end()) {
    const Shards shards = std::move(found->second);
    shards_.erase(found);
    carried(shards.arrived);
    for (const PullId shard : shards.pulls) {
      if (pulls_.contains(shard)) {
        cancel(shard, carried);
      }
    }
    return;
  }
  const Pull pull = std::move(pulls_.at(id));
  pulls_.erase(id);
  if (pull.moving) {
    carried(pull.carried);
    return;
  }
  leave(pull, [before = pull.carried, carried = std::move(carried)](Bytes bytes) {
    carried(before + bytes);
  });
}

Bytes ModelStores::carried(PullId id) const {
  if (const auto found = shards_.find(id); found != shards_.end()) {
    Bytes sum = found->second.arrived;
    for (const PullId shard : found->second.pulls) {
      sum = sum + (pulls_.contains(shard) ? carried(shard) : Bytes{});
    }
    return sum;
  }
  const Pull& pull = pulls_.at(id);
  return pull.carried + (pull.moving ? Bytes{} : engine_.carried(pull.flow));
}

void ModelStores::set_up(std::size_t store, bool up) {
  if (stores_[store].up != up) {
    stores_[store].up = up;
    move_pulls();
  }
}

/// Its store is down and another is not, or a nearer one is up again. Which store was the least
/// busy when a pull began is not asked again.
bool ModelStores::better_elsewhere(const Pull& pull) const {
  const bool nearest = config_.stores[pull.site.store].choice == StoreChoice::nearest;
  return (nearest || !stores_[pull.store].up) && choose(pull.site.store) != pull.store;
}

void ModelStores::move_pulls() {
  for (auto& [id, pull] : pulls_) {
    if (pull.moving || !better_elsewhere(pull)) {
      continue;
    }
    pull.moving = true;
    leave(pull, [this, moved = id](Bytes bytes) {
      const auto found = pulls_.find(moved);
      if (found != pulls_.end()) {  // else it was cancelled since
        Pull& rest = found->second;
        rest.carried = rest.carried + bytes;
        rest.left = rest.left - bytes;
        rest.moving = false;
        begin(moved);
      }
    });
  }
}

/// Those that nodes of a pool may pull from, each once, the nearest of each site first.
std::vector<std::size_t> ModelStores::stores_of(PoolIndex pool) const {
  std::vector<std::size_t> stores;
  for (const WeightSite& site : sites_of(config_.pools[pool])) {
    for (const std::size_t store : stores_[site.store].replicas) {
      if (std::find(stores.begin(), stores.end(), store) == stores.end()) {
        stores.push_back(store);
      }
    }
  }
  return stores;
}

std::vector<ResourceUse> ModelStores::uses(PoolIndex pool) const {
  const std::vector<WeightSite> sites = sites_of(config_.pools[pool]);
  std::vector<ResourceUse> uses;
  for (const std::size_t index : stores_of(pool)) {
    const StoreConfig& config = config_.stores[index];
    std::int64_t bytes = 0;
    std::int64_t busy = 0;
    for (const UseMeter& server : stores_[index].servers) {
      bytes += server.bytes(engine_);
      busy += server.busy_ns(engine_.now());
    }
    uses.push_back(resource_use("uplink of store " + config.name, bytes, busy, config.uplink));
    for (const auto& entry : stores_[index].wans) {
      const std::string& region = entry.first;
      const bool its_own = std::any_of(sites.begin(), sites.end(), [&](const WeightSite& site) {
        return site.region == region;
      });
      if (its_own) {
        const std::string where = sites.size() > 1 ? " to " + region : "";
        uses.push_back(resource_use("wan of store " + config.name + where,
                                    entry.second.bytes(engine_),
                                    entry.second.busy_ns(engine_.now()), *config.wan));
      }
    }
  }
  return uses;
}

std::vector<StoreBytes> ModelStores::pulled_from(PoolIndex pool, bool even_of_one) const {
  std::vector<StoreBytes> from;
  for (const std::size_t store : stores_of(pool)) {
    const auto found = bytes_.find({pool, store});
    std::int64_t bytes = found == bytes_.end() ? 0 : found->second;
    for (const auto& [id, pull] : pulls_) {
      if (pull.pool == pool && pull.store == store && !pull.moving) {
        bytes += engine_.carried(pull.flow).count();
      }
    }
    from.push_back({config_.stores[store].name, bytes});
  }
  return even_of_one || from.size() > 1 ? from : std::vector<StoreBytes>{};
}

}  // namespace plimsoll
