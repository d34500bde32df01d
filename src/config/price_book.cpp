// Config: which price is in force when.
#include "config/price_book.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/unit_text.hpp"

namespace plimsoll {

std::vector<std::size_t> prices_to_come(const std::vector<PriceSpec>& prices, std::size_t named) {
  std::vector<std::size_t> chain{named};
  while (prices[chain.back()].then &&
         std::find(chain.begin(), chain.end(), *prices[chain.back()].then) == chain.end()) {
    chain.push_back(*prices[chain.back()].then);
  }
  return chain;
}

std::size_t price_in_force(const std::vector<PriceSpec>& prices, std::size_t named, UtcTime at) {
  std::size_t price = named;
  for (const std::size_t next : prices_to_come(prices, named)) {
    price = next;
    if (!prices[next].until || at < *prices[next].until) {
      break;
    }
  }
  return price;
}

SimTime time_of(const Config& config, UtcTime at) {
  return sim_start + std::chrono::duration_cast<Duration>(at - *config.start);
}

std::size_t price_in_force(const Config& config, std::size_t named, SimTime at) {
  return config.start ? price_in_force(config.prices, named,
                                       *config.start +
                                           std::chrono::floor<std::chrono::seconds>(at - sim_start))
                      : named;
}

namespace {

/// Reports, of who rents at the price `named`, what does not go with those that follow it.
void check_chain(Reader& reader, const Place& place, const std::string& path, std::size_t named,
                 Contract contract) {
  const Config& config = reader.config();
  const auto report = [&](const std::string& message) {
    reader.report(place, path, message, "see until and then of the prices in catalog.prices");
  };
  const std::vector<std::size_t> chain = prices_to_come(config.prices, named);
  const std::optional<std::size_t> last = config.prices[chain.back()].then;
  if (last) {
    report(fmt::format("{} is followed by {} again", config.prices[chain.back()].name,
                       config.prices[*last].name));
    return;
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    const PriceSpec& before = config.prices[chain[i - 1]];
    const PriceSpec& price = config.prices[chain[i]];
    if (price.until && *price.until <= *before.until) {
      report(fmt::format("{} ends on {}, before it begins", price.name, format_utc(*price.until)));
    }
    if (price.gpu != before.gpu) {
      report(
          fmt::format("{} is followed by a price of {}, {}", before.name, price.gpu, price.name));
    }
    if (config.start && price_of(price, contract).count() <= 0) {
      report(fmt::format("{}, which follows, does not offer this contract", price.name));
    }
  }
}

/// Checks the chain of `price` and sets it to the one in force at the scenario's start.
void settle_price(Reader& reader, const Place& place, const std::string& path, Contract contract,
                  std::size_t& price) {
  const Config& config = reader.config();
  check_chain(reader, place, path, price, contract);
  if (config.start) {
    price = price_in_force(config.prices, price, *config.start);
  }
}

const RawNode* find_offers(const RawNode* pool) {
  const RawNode* const procurement = pool == nullptr ? nullptr : pool->find("procurement");
  return procurement == nullptr ? nullptr : procurement->find("offers");
}

void settle_offers(Reader& reader, const RawNode& pools, PoolConfig& pool) {
  const RawNode* const offers = find_offers(pools.find(pool.name));
  for (OfferConfig& offer : pool.procurement->offers) {
    const RawNode* const node = offers == nullptr ? nullptr : offers->find(offer.name);
    settle_price(reader, node == nullptr ? pools.place : place_of_key(*node, "price"),
                 "pools." + pool.name + ".procurement.offers." + offer.name + ".price",
                 offer.contract, offer.price);
  }
}

}  // namespace

void settle_prices(Reader& reader, const RawNode& pools, Config& config) {
  for (PoolConfig& pool : config.pools) {
    if (pool.procurement) {
      settle_offers(reader, pools, pool);
    }
    if (!pool.price) {
      continue;
    }
    const RawNode* const node = pools.find(pool.name);
    settle_price(reader, node == nullptr ? pools.place : place_of_key(*node, "price"),
                 "pools." + pool.name + ".price", pool.contract, *pool.price);
  }
}

}  // namespace plimsoll
