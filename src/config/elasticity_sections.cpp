// Config: how replicas of a pool come and go: procurement, and where weights lie.
#include <fmt/format.h>

#include <algorithm>

#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {
namespace {

SectionDecl order_section() {
  return Section<OrderConfig>{}
      .field("at", &OrderConfig::at, duration_kind(), "", "when it is placed")
      .field("replicas", &OrderConfig::replicas, count_kind(1, 1'000'000), "1",
             "that the pool grows by, once they are delivered and serve")
      .build();
}

SectionDecl node_order_section() {
  return Section<NodeOrderConfig>{}
      .field("at", &NodeOrderConfig::at, duration_kind(), "", "when it is placed")
      .field("nodes", &NodeOrderConfig::nodes, count_kind(1, 100'000), "1",
             "that there are more, once they are delivered, all together")
      .build();
}

template <class Procurement>
void sort_by_time(Procurement& procurement) {
  const auto earlier = [](const auto& a, const auto& b) { return a.at < b.at; };
  std::stable_sort(procurement.orders.begin(), procurement.orders.end(), earlier);
  std::stable_sort(procurement.stock_outs.begin(), procurement.stock_outs.end(), earlier);
}

SectionDecl spot_section() {
  return Section<SpotConfig>{}
      .field("replicas", &SpotConfig::replicas, count_kind(1, 1'000'000), "",
             "slots that are rented at the spot price, after the reserved ones")
      .field("reclaim_mean", &SpotConfig::reclaim_mean, duration_kind(true), "",
             "mean of the exponential time after which a replica's machines are taken back")
      .field("notice", &SpotConfig::notice, duration_kind(), "2min",
             "how long before that a replica is told and drains; what it has not ended then is "
             "lost with it")
      .field("replace", &SpotConfig::replace, flag_kind(), "true",
             "another machine is ordered at once when one is taken back")
      .build();
}

Kind<WeightTier> tier_kind(bool on_nodes_only) {
  std::vector<std::pair<std::string, WeightTier>> words{{"ssd", WeightTier::ssd},
                                                        {"memory", WeightTier::memory}};
  if (!on_nodes_only) {
    words.insert(words.begin(), {"remote", WeightTier::remote});
    words.emplace_back("gpu", WeightTier::gpu);
  }
  return word_kind<WeightTier>(words);
}

/// These keys belong to it, and would be refused beside offers.
bool is_single_market(const ProcurementConfig& procurement) {
  return procurement.offers.empty();
}

void check_contracts(KeyCheck& check, const Config& config, const PoolConfig& pool) {
  const ProcurementConfig& procurement = *pool.procurement;
  const int spot = procurement.spot ? procurement.spot->replicas : 0;
  check.require(std::int64_t{procurement.reserved} + spot <= replica_slots(pool), "procurement",
                fmt::format("{} reserved and {} spot replicas are more than the {} that the pool "
                            "can ever have",
                            procurement.reserved, spot, replica_slots(pool)),
                "lower them, or raise replicas, orders or autoscale.max_replicas");
  const bool rushed = procurement.spot && procurement.spot->notice > procurement.spot->reclaim_mean;
  check.require(!rushed, "procurement.spot",
                "the notice is longer than machines last: most would be told on their delivery",
                "lower notice to reclaim_mean at most");
  if (!pool.price || has_offers(pool) || *pool.price >= config.prices.size()) {
    return;
  }
  const PriceSpec& price = config.prices[*pool.price];
  check.require(procurement.reserved == 0 || price.reserved.count() > 0, "procurement",
                fmt::format("{} does not offer reserved machines", price.name),
                "choose another price, or reserved: 0");
  check.require(spot == 0 || price.spot.count() > 0, "procurement",
                fmt::format("{} does not offer spot machines", price.name),
                "choose another price, or leave out spot");
}

}  // namespace

SectionDecl procurement_section() {
  Section<ProcurementConfig> section;
  section
      .section("lead_time", &ProcurementConfig::lead_time, lead_time_section(),
               "of every order; machines are rented from their delivery on")
      .written_when(is_single_market)
      .list("stock_outs", &ProcurementConfig::stock_outs, stock_out_section(),
            "who orders meanwhile waits for the end, and then for the lead time")
      .list("orders", &ProcurementConfig::orders, order_section(),
            "tranches that the pool grows by, on top of `replicas`")
      .field("reserved", &ProcurementConfig::reserved, count_kind(0, 1'000'000), "0",
             "slots at the reserved price: the first ones")
      .written_when(is_single_market)
      .optional_section("spot", &ProcurementConfig::spot, spot_section(),
                        "slots at the spot price, which are taken back")
      .named("offers", &ProcurementConfig::offers, offer_section(), NameList::none,
             "several places to have nodes from, instead of one with lead_time, stock_outs, "
             "reserved and spot")
      .custom(placement_field())
      .finish([](Reader&, const RawNode&, const std::string&, ProcurementConfig& procurement,
                 bool) { sort_by_time(procurement); });
  return section.build();
}

SectionDecl node_procurement_section() {
  return Section<NodeProcurementConfig>{}
      .section("lead_time", &NodeProcurementConfig::lead_time, lead_time_section(),
               "of every order; nodes are rented from their delivery on")
      .list("stock_outs", &NodeProcurementConfig::stock_outs, stock_out_section(),
            "an order meanwhile waits for the end, and then for the lead time")
      .list("orders", &NodeProcurementConfig::orders, node_order_section(),
            "tranches of nodes, on top of `nodes`; they come without weights")
      .finish([](Reader&, const RawNode&, const std::string&, NodeProcurementConfig& procurement,
                 bool) { sort_by_time(procurement); })
      .build();
}

namespace {

SectionDecl peers_section() {
  return Section<PeersConfig>{}
      .field("uploads", &PeersConfig::uploads, count_kind(1, 1000), "1",
             "transfers of a node at a time; whoever finds no node free waits")
      .field("store_pulls", &PeersConfig::store_pulls, count_kind(1, 1'000'000), "1",
             "nodes that pull from the store at a time while no node has it")
      .build();
}

}  // namespace

SectionDecl weights_section() {
  return Section<WeightsConfig>{}
      .optional("loader", &WeightsConfig::loader, reference_kind<std::size_t>(NameList::loaders),
                "what brings them into the GPUs; without one they are there once pulled")
      .field("tier", &WeightsConfig::tier, tier_kind(false), "remote",
             "where the weights of a slot that does not serve lie, at t = 0 and later: remote: its "
             "machines are given back and come empty; ssd, memory: its nodes keep them; gpu: its "
             "GPUs do")
      .optional(
          "prefetch", &WeightsConfig::prefetch, tier_kind(true),
          "nodes of shared_gpus, which are rented from the beginning, pull from t = 0 on, over "
          "the same links, and keep what they have (remote only)")
      .field("ssd_cache", &WeightsConfig::ssd_cache, bytes_kind(), "4 TB",
             "of a node's SSDs, for weights; the least recently used go when it is full")
      .field("memory_cache", &WeightsConfig::memory_cache, bytes_kind(), "0",
             "likewise, of its main memory")
      .derived("the GPU's host_memory")
      .field("memory_bandwidth", &WeightsConfig::memory_bandwidth, bandwidth_kind(), "200 GB/s",
             "of a node's main memory, which its loads share (8 channels of DDR4-3200: 205)")
      .field("lazy", &WeightsConfig::lazy, ratio_kind({0, 1, true}), "1",
             "a replica takes requests once this share is in its GPUs; the other layers stream in "
             "under its first pass, which ends no earlier than the load (a mapped loader)")
      .written_when([](const WeightsConfig& weights) { return weights.lazy < 1; })
      .field("shards", &WeightsConfig::shards, count_kind(1, 1024), "1",
             "files in which a node's share is pulled at once, each from the server of the store "
             "that has the fewest pulls: several servers work for one replica")
      .written_when([](const WeightsConfig& weights) { return weights.shards > 1; })
      .optional_section("peers", &WeightsConfig::peers, peers_section(),
                        "nodes that have their share in main memory hand it on to others, NIC to "
                        "NIC; the store is asked while no node has it")
      .build();
}

void check_elasticity(KeyCheck& check, const Config& config, const PoolConfig& pool) {
  if (pool.procurement) {
    check.require(pool.procurement->orders.empty() || !pool.autoscale, "procurement",
                  "orders say how many replicas there are, and so does the autoscaler",
                  "use one of the two: procurement.orders, or autoscale (policy: scheduled)");
    check_contracts(check, config, pool);
  }
  if (pool.weights) {
    check.require(!pool.weights->prefetch || pool.weights->tier == WeightTier::remote, "weights",
                  "there is nothing to prefetch: the weights lie on the nodes already",
                  "leave out prefetch, or use tier: remote");
    check.require(!pool.weights->prefetch || pool.allocation, "weights",
                  "nobody rents the nodes of a slot that does not serve, so nothing is prefetched",
                  "leave out prefetch, or have the pool's GPUs from shared_gpus");
    check.require(
        !pool.weights->peers || !pool.allocation, "weights",
        "nodes of shared GPUs hand nothing on: which share of a replica they have changes",
        "leave out peers, or give the pool machines of its own");
    check.require(pool.weights->lazy == 1 ||
                      (pool.weights->loader && config.loaders[*pool.weights->loader].mapped),
                  "weights", "only mapped files are there in part: the loader reads them whole",
                  "name a loader with mapped: true, or leave out lazy");
  }
}

}  // namespace plimsoll
