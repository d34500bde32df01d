// Cold starts over the modelled network.
#include "simulation/cold_start.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <memory>
#include <utility>

namespace plimsoll {
namespace {

/// What the pulls of one replica share.
struct Start {
  int pulls_left = 0;
  std::function<void()> ready;
};

}  // namespace

void start_cold(Engine& engine, const Config& config, const PoolPlan& plan,
                std::size_t replica_in_pool, std::function<void()> ready) {
  const PoolConfig& pool = config.pools[plan.shape.pool];
  PLIMSOLL_CHECK(pool.store.has_value(), "a cold start was given a store");
  const int gpus_per_node = config.gpus[pool.gpu].gpus_per_node;
  const int nodes = std::max(1, (pool.tp * pool.pp + gpus_per_node - 1) / gpus_per_node);
  const Bytes all = plan.fit.total_weights + plan.fit.total_draft_weights;
  const Bytes share = Bytes::of((all.count() + nodes - 1) / nodes);
  const std::int32_t first_node = plan.placement.first_node[replica_in_pool];
  auto start = std::make_shared<Start>(Start{nodes, std::move(ready)});
  for (int n = 0; n < nodes; ++n) {
    const std::string node = host_of_node(pool, first_node + n);
    engine.spawn(fmt::format("start:{}:{}:{}", pool.name, replica_in_pool, n),
                 [&engine, &pool, &store = config.stores[*pool.store], node, share,
                  start](ActorContext& actor) {
                   actor.sleep_until(engine.now() + pool.provision);
                   actor.transfer(host_of_store(store), node, share);
                   actor.sleep_until(engine.now() + pool.warm_up);
                   if (--start->pulls_left == 0) {
                     engine.at(engine.now(), EventPriority::fleet, start->ready);
                   }
                 });
  }
}

}  // namespace plimsoll
