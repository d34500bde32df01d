// Nodes of a pool that hand weights on to each other.
#include "operations/weight_peers.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll {

WeightPeers::WeightPeers(const Config& config, PoolIndex pool, const WeightRoutes& routes,
                         std::vector<WeightNode>& nodes, ModelStores& stores, Engine& engine)
    : config_{config},
      pool_{pool},
      rules_{*config.pools[pool].weights->peers},
      names_{routes.nodes},
      part_of_node_(routes.nodes.size(), 0),
      share_{routes.share},
      nodes_{nodes},
      stores_{stores},
      engine_{engine},
      sent_(routes.nodes.size()) {
  for (const std::vector<int>& of_slot : routes.nodes_of_slot) {
    for (std::size_t part = 0; part < of_slot.size(); ++part) {
      part_of_node_[static_cast<std::size_t>(of_slot[part])] = part;
    }
  }
}

PullId WeightPeers::pull(int to, const WeightSite& site, const WeightsId& id,
                         std::function<void(const PullEnd&)> done) {
  const PullId number = next_pull_++;
  Pull& pull = pulls_[number];
  pull.what = {id, part_of_node_[static_cast<std::size_t>(to)]};
  pull.node = to;
  pull.site = site;
  pull.left = share_;
  pull.done = std::move(done);
  lines_[pull.what].waiting.push_back(number);
  dispatch(pull.what);
  return number;
}

/// The first that has the part and sends to fewer than it may; forgets those that lost it.
std::optional<int> WeightPeers::free_peer(const PartId& what, Line& line) {
  std::erase_if(line.holders, [&](int holder) { return !node(holder).memory.holds(what.id); });
  const auto found = std::find_if(line.holders.begin(), line.holders.end(), [this](int holder) {
    return sent_[static_cast<std::size_t>(holder)].active() < rules_.uploads;
  });
  return found == line.holders.end() ? std::nullopt : std::optional{*found};
}

void WeightPeers::dispatch(const PartId& what) {
  Line& line = lines_[what];
  while (!line.waiting.empty()) {
    const std::optional<int> peer = free_peer(what, line);
    const bool store = line.holders.empty() && line.at_store < rules_.store_pulls;
    if (!peer && !store) {
      return;
    }
    const PullId id = line.waiting.front();
    line.waiting.pop_front();
    node(pulls_.at(id).node).nic.begin(engine_.now());
    if (peer) {
      send(id, *peer);
    } else {
      ask_store(id);
    }
  }
}

void WeightPeers::send(PullId id, int peer) {
  Pull& pull = pulls_.at(id);
  pull.from = From::peer;
  pull.peer = peer;
  UseMeter& sent = sent_[static_cast<std::size_t>(peer)];
  pull.flow =
      engine_.transfer(names_[static_cast<std::size_t>(peer)],
                       names_[static_cast<std::size_t>(pull.node)], pull.left, [this, id, &sent] {
                         const PullEnd end = so_far(id);
                         const Pull& over = pulls_.at(id);
                         sent.end(over.flow, over.left, engine_.now());
                         ended(id, end);
                       });
  sent.begin(pull.flow, engine_.now());
}

void WeightPeers::ask_store(PullId id) {
  Pull& pull = pulls_.at(id);
  pull.from = From::store;
  ++lines_[pull.what].at_store;
  pull.at_store = stores_.pull(pool_, pull.site, names_[static_cast<std::size_t>(pull.node)],
                               pull.left, [this, id](const PullEnd& end) {
                                 --lines_[pulls_.at(id).what].at_store;
                                 ended(id, end);
                               });
}

void WeightPeers::ended(PullId id, const PullEnd& end) {
  const Pull pull = std::move(pulls_.at(id));
  pulls_.erase(id);
  node(pull.node).nic.end(pull.left, engine_.now());
  pull.done(end);
  dispatch(pull.what);
}

void WeightPeers::leave_peer(const Pull& pull, std::function<void(Bytes)> carried) {
  UseMeter& sent = sent_[static_cast<std::size_t>(pull.peer)];
  UseMeter& received = node(pull.node).nic;
  sent.end(pull.flow, Bytes{}, engine_.now());
  received.end(Bytes{}, engine_.now());
  engine_.cancel_flow(pull.flow, [&sent, &received, carried = std::move(carried)](Bytes bytes) {
    sent.add(bytes);
    received.add(bytes);
    carried(bytes);
  });
}

void WeightPeers::cancel(PullId id) {
  const Pull pull = std::move(pulls_.at(id));
  pulls_.erase(id);
  Line& line = lines_[pull.what];
  switch (pull.from) {
    case From::unserved:
      if (!pull.stopping) {
        line.waiting.erase(std::find(line.waiting.begin(), line.waiting.end(), id));
      }
      break;
    case From::store: {
      --line.at_store;
      UseMeter& received = node(pull.node).nic;
      received.end(Bytes{}, engine_.now());
      stores_.cancel(pull.at_store, [&received](Bytes carried) { received.add(carried); });
      break;
    }
    case From::peer:
      leave_peer(pull, [](Bytes) {});
      break;
  }
  dispatch(pull.what);
}

PullEnd WeightPeers::so_far(PullId id) const {
  const Pull& pull = pulls_.at(id);
  if (pull.from == From::store) {
    return stores_.so_far(pull.at_store);
  }
  const PoolConfig& pool = config_.pools[pool_];
  PullEnd end;
  end.bound = "NICs of pool " + pool.name;
  if (pull.from == From::peer) {
    const int peak = sent_[static_cast<std::size_t>(pull.peer)].peak();
    end.share = BytesPerSecond::of(config_.gpus[pool.gpu].nic.count() / peak);
  }
  return end;
}

Bytes WeightPeers::carried(PullId id) const {
  const Pull& pull = pulls_.at(id);
  switch (pull.from) {
    case From::unserved:
      break;
    case From::store:
      return stores_.carried(pull.at_store);
    case From::peer:
      return engine_.carried(pull.flow);
  }
  return Bytes{};
}

void WeightPeers::has(int at, const WeightsId& id) {
  const PartId what{id, part_of_node_[static_cast<std::size_t>(at)]};
  lines_[what].holders.insert(at);
  dispatch(what);
}

void WeightPeers::gone(int at) {
  for (auto& [what, line] : lines_) {
    line.holders.erase(at);
  }
  for (auto& [id, pull] : pulls_) {
    if (pull.from != From::peer || pull.peer != at) {
      continue;
    }
    pull.from = From::unserved;
    pull.stopping = true;
    leave_peer(pull, [this, number = id](Bytes bytes) {
      const auto found = pulls_.find(number);
      if (found != pulls_.end()) {  // else it was cancelled since
        Pull& rest = found->second;
        rest.stopping = false;
        rest.left = rest.left - bytes;
        lines_[rest.what].waiting.push_front(number);
        dispatch(rest.what);
      }
    });
  }
}

ResourceUse WeightPeers::use(const std::string& owner) const {
  std::int64_t bytes = 0;
  std::int64_t busy = 0;
  for (const UseMeter& sent : sent_) {
    bytes += sent.bytes(engine_);
    busy += sent.busy_ns(engine_.now());
  }
  return resource_use("sending NICs of " + owner, bytes, busy,
                      config_.gpus[config_.pools[pool_].gpu].nic);
}

}  // namespace plimsoll
