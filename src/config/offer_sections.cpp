// Config: the offers that a pool's machines are bought from, and the rule that chooses.
#include <fmt/format.h>

#include <algorithm>

#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {
namespace {

bool is_spot(const OfferConfig& offer) {
  return offer.contract == Contract::spot;
}

/// Findings about one offer, told at its keys.
class OfferCheck {
 public:
  OfferCheck(Reader& reader, const RawNode& procurement, const std::string& path,
             const OfferConfig& offer)
      : reader_{reader},
        node_{procurement.find("offers")->find(offer.name)},
        place_{procurement.place},
        path_{join_path(path, "procurement.offers." + offer.name)} {}

  void require(bool holds, const char* key, const std::string& message, std::string hint) {
    if (!holds) {
      // An offer that extends another may have its keys from there.
      reader_.report(node_ == nullptr ? place_ : place_of_key(*node_, key), join_path(path_, key),
                     message, std::move(hint));
    }
  }

 private:
  Reader& reader_;
  const RawNode* node_;
  const Place& place_;
  std::string path_;
};

void check_offer(OfferCheck& check, const Config& config, const PoolConfig& pool,
                 const OfferConfig& offer) {
  if (offer.price >= config.prices.size()) {
    return;  // there is a finding of it already
  }
  const PriceSpec& price = config.prices[offer.price];
  const GpuSpec& gpu = config.gpus[pool.gpu];
  check.require(price.gpu == gpu.name, "price",
                fmt::format("{} is a price of {}, not of {}", price.name, price.gpu, gpu.name),
                "an offer rents out the GPUs of the pool");
  check.require(price_of(price, offer.contract).count() > 0, "contract",
                fmt::format("{} does not offer this contract", price.name),
                "choose another contract or price");
  check.require(price.region.empty() || offer.region == price.region, "region",
                fmt::format("{} is a price in {}", price.name, price.region),
                "leave out region, or choose a price of that region");
  check.require(!is_committed(offer) || offer.stock, "stock",
                "how many nodes are reserved is not said",
                "give stock: they are paid for throughout");
  const int nodes = nodes_per_replica(config, pool);
  check.require(!offer.stock || *offer.stock >= nodes, "stock",
                fmt::format("fewer nodes than a replica takes, {}", nodes),
                "raise it, or leave the offer out");
}

/// What the whole pool has to agree with.
void check_pool(KeyCheck& check, const RawNode& procurement, const Config& config,
                const PoolConfig& pool) {
  const GpuSpec& gpu = config.gpus[pool.gpu];
  const int gpus = pool.tp * pool.pp;
  for (const char* key : {"lead_time", "stock_outs", "reserved", "spot"}) {
    check.require(procurement.find(key) == nullptr, "procurement",
                  fmt::format("{} belongs to a single market, and there are offers", key),
                  "say it of each offer");
  }
  check.require(!pool.price, "price", "each offer has a price of its own",
                "leave out the pool's price");
  check.require(pool.contract == Contract::on_demand, "contract",
                "each offer has a contract of its own", "leave out the pool's contract");
  check.require(gpus % gpu.gpus_per_node == 0, "procurement",
                fmt::format("offers rent out nodes of {} GPUs, and a replica takes {}",
                            gpu.gpus_per_node, gpus),
                "choose tp and pp that fill nodes, or a GPU with another gpus_per_node");
  check.require(!pool.weights || pool.weights->tier == WeightTier::remote, "weights",
                "nodes of offers are given back and come empty", "use tier: remote");
}

}  // namespace

SectionDecl lead_time_section() {
  return Section<DurationLaw>{}
      .field("mean", &DurationLaw::mean, duration_kind(), "0", "from the order to the delivery")
      .field("cv", &DurationLaw::cv, number_kind({0, 10, false}), "0",
             "coefficient of variation of a lognormal law; 0: always the mean")
      .build();
}

SectionDecl stock_out_section() {
  return Section<StockOutConfig>{}
      .field("at", &StockOutConfig::at, duration_kind(), "", "when nothing is to be had any more")
      .field("lasting", &StockOutConfig::lasting, duration_kind(true), "", "how long")
      .build();
}

void sort_stock_outs(std::vector<StockOutConfig>& outs) {
  std::stable_sort(outs.begin(), outs.end(),
                   [](const StockOutConfig& a, const StockOutConfig& b) { return a.at < b.at; });
}

SectionDecl offer_section() {
  return Section<OfferConfig>{}
      .field("price", &OfferConfig::price, reference_kind<std::size_t>(NameList::prices), "",
             "provider, region, and what a GPU costs, by effective dates")
      .field("contract", &OfferConfig::contract, contract_kind(), "on_demand",
             "which of the prices applies")
      .field("region", &OfferConfig::region, text_kind(), "",
             "where its nodes stand: stores of other regions reach them over their wan")
      .derived("the price's, else the pool's")
      .written_when([](const OfferConfig& offer) { return !offer.region.empty(); })
      .section("lead_time", &OfferConfig::lead_time, lead_time_section(),
               "of every order; nodes are rented from their delivery on")
      .optional(
          "stock", &OfferConfig::stock, count_kind(0, 1'000'000),
          "nodes that the pool can rent at once; without it, as many as it likes; reserved ones "
          "are paid for throughout, rented or not")
      .list("stock_outs", &OfferConfig::stock_outs, stock_out_section(),
            "times in which no more is to be had; what is rented stays")
      .optional("reclaim_mean", &OfferConfig::reclaim_mean, duration_kind(true),
                "mean of the exponential time after which a replica's nodes are taken back; "
                "without it, never")
      .only_when("contract: spot", is_spot)
      .field("notice", &OfferConfig::notice, duration_kind(), "2min",
             "how long before that a replica is told and drains")
      .only_when("contract: spot", is_spot)
      .field("gone_for", &OfferConfig::gone_for, duration_kind(), "0",
             "for so long what was taken back is not to be had again: somebody else has it")
      .only_when("contract: spot", is_spot)
      .optional("store", &OfferConfig::store, reference_kind<std::size_t>(NameList::stores),
                "the model store that its nodes pull weights from; without it, the pool's")
      .finish([](Reader& reader, const RawNode& map, const std::string& path, OfferConfig& offer,
                 bool clean) {
        sort_stock_outs(offer.stock_outs);
        if (clean && offer.reclaim_mean && offer.notice > *offer.reclaim_mean) {
          reader.report(place_of_key(map, "reclaim_mean"), join_path(path, "notice"),
                        "the notice is longer than nodes last: most replicas would be told on "
                        "their delivery",
                        "lower notice to reclaim_mean at most");
        }
      })
      .build();
}

FieldDecl placement_field() {
  PolicyBlock block;
  block.key = "placement";
  block.kind = "placement";
  block.help =
      "which of the offers a replica is ordered from (cheapest, when there are some), and "
      "which gives one back first";
  block.make_holder = [](void* object) -> void* {
    return &static_cast<ProcurementConfig*>(object)->placement.emplace();
  };
  block.holder = [](const void* object) -> const void* {
    const auto& placement = static_cast<const ProcurementConfig*>(object)->placement;
    return placement ? &*placement : nullptr;
  };
  block.policy = [](void* policy) -> PolicyConfig& { return *static_cast<PolicyConfig*>(policy); };
  return policy_field(std::move(block));
}

void finish_offers(Reader& reader, const RawNode& map, const std::string& path, PoolConfig& pool) {
  const Config& config = reader.config();
  ProcurementConfig& procurement = *pool.procurement;
  const RawNode& node = *map.find("procurement");
  KeyCheck check{reader, map, path};
  if (procurement.offers.empty()) {
    check.require(!procurement.placement, "procurement",
                  "there are no offers to choose from by placement",
                  "name some under offers, or leave out placement");
    return;
  }
  if (!procurement.placement) {
    procurement.placement = PolicyConfig{"cheapest", {}};
  }
  check_pool(check, node, config, pool);
  for (OfferConfig& offer : procurement.offers) {
    if (offer.region.empty() && offer.price < config.prices.size()) {
      const std::string& region = config.prices[offer.price].region;
      offer.region = region.empty() ? pool.region : region;
    }
    OfferCheck of_offer{reader, node, path, offer};
    check_offer(of_offer, config, pool, offer);
  }
}

}  // namespace plimsoll
