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

PullId ModelStores::pull(PoolIndex pool, const std::string& node, Bytes bytes,
                         std::function<void(const PullEnd&)> done) {
  const PullId id = next_pull_++;
  Pull& pull = pulls_[id];
  pull.pool = pool;
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

std::size_t ModelStores::choose(const Store& nearest, StoreChoice choice) const {
  std::optional<std::size_t> best;
  for (const std::size_t store : nearest.replicas) {
    if (stores_[store].up &&
        (!best || (choice == StoreChoice::least_busy && load_of(store) < load_of(*best)))) {
      best = store;
    }
  }
  return best.value_or(nearest.replicas.front());
}

UseMeter* ModelStores::wan_of(const Pull& pull) {
  const std::string& region = config_.pools[pull.pool].region;
  return crosses_wan(config_.stores[pull.store], region) ? &stores_[pull.store].wans[region]
                                                         : nullptr;
}

void ModelStores::begin(PullId id) {
  Pull& pull = pulls_.at(id);
  const PoolConfig& pool = config_.pools[pull.pool];
  pull.store = choose(stores_[*pool.store], config_.stores[*pool.store].choice);
  std::vector<UseMeter>& servers = stores_[pull.store].servers;
  const auto least = std::min_element(
      servers.begin(), servers.end(),
      [](const UseMeter& a, const UseMeter& b) { return a.active() < b.active(); });
  pull.server = static_cast<std::size_t>(least - servers.begin());
  least->begin(engine_.now());
  if (UseMeter* const wan = wan_of(pull)) {
    wan->begin(engine_.now());
  }
  const std::string host =
      host_name_(config_.stores[pull.store], static_cast<int>(pull.server), pool.region);
  pull.flow = engine_.transfer(host, pull.node, pull.left, [this, id] { finish(id); });
}

void ModelStores::finish(PullId id) {
  const Pull pull = std::move(pulls_.at(id));
  pulls_.erase(id);
  UseMeter& meter = stores_[pull.store].servers[pull.server];
  const StoreConfig& store = config_.stores[pull.store];
  PullEnd end;
  end.began = pull.began;
  end.share = BytesPerSecond::of(store.uplink.count() / meter.peak());
  end.bound = "uplink of store " + store.name;
  meter.end(pull.left, engine_.now());
  if (UseMeter* const wan = wan_of(pull)) {
    const BytesPerSecond share = BytesPerSecond::of(store.wan->count() / wan->peak());
    if (share < end.share) {
      end.share = share;
      end.bound = "wan of store " + store.name;
    }
    wan->end(pull.left, engine_.now());
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
  meter.end(Bytes{}, engine_.now());
  if (wan != nullptr) {
    wan->end(Bytes{}, engine_.now());
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

void ModelStores::set_up(std::size_t store, bool up) {
  if (stores_[store].up != up) {
    stores_[store].up = up;
    move_pulls();
  }
}

void ModelStores::move_pulls() {
  for (auto& [id, pull] : pulls_) {
    const std::size_t nearest = *config_.pools[pull.pool].store;
    if (pull.moving || stores_[pull.store].up ||
        choose(stores_[nearest], config_.stores[nearest].choice) == pull.store) {
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

std::vector<ResourceUse> ModelStores::uses(PoolIndex pool) const {
  std::vector<ResourceUse> uses;
  for (const std::size_t index : stores_[*config_.pools[pool].store].replicas) {
    const StoreConfig& config = config_.stores[index];
    std::int64_t bytes = 0;
    std::int64_t busy = 0;
    for (const UseMeter& server : stores_[index].servers) {
      bytes += server.bytes();
      busy += server.busy_ns();
    }
    uses.push_back(resource_use("uplink of store " + config.name, bytes, busy, config.uplink));
    const auto wan = stores_[index].wans.find(config_.pools[pool].region);
    if (wan != stores_[index].wans.end()) {
      uses.push_back(resource_use("wan of store " + config.name, wan->second.bytes(),
                                  wan->second.busy_ns(), *config.wan));
    }
  }
  return uses;
}

std::vector<StoreBytes> ModelStores::pulled_from(PoolIndex pool) const {
  const std::vector<std::size_t>& replicas = stores_[*config_.pools[pool].store].replicas;
  std::vector<StoreBytes> from;
  for (const std::size_t store : replicas) {
    const auto found = bytes_.find({pool, store});
    from.push_back({config_.stores[store].name, found == bytes_.end() ? 0 : found->second});
  }
  return from.size() > 1 ? from : std::vector<StoreBytes>{};
}

}  // namespace plimsoll
