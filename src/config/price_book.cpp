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

void settle_prices(Reader& reader, const RawNode& pools, Config& config) {
  for (PoolConfig& pool : config.pools) {
    if (!pool.price) {
      continue;
    }
    const RawNode* const node = pools.find(pool.name);
    const Place& place = node == nullptr ? pools.place : place_of_key(*node, "price");
    const auto report = [&](const std::string& message) {
      reader.report(place, "pools." + pool.name + ".price", message,
                    "see until and then of the prices in catalog.prices");
    };
    const std::vector<std::size_t> chain = prices_to_come(config.prices, *pool.price);
    const std::optional<std::size_t> last = config.prices[chain.back()].then;
    if (last) {
      report(fmt::format("{} is followed by {} again", config.prices[chain.back()].name,
                         config.prices[*last].name));
      continue;
    }
    for (std::size_t i = 1; i < chain.size(); ++i) {
      const PriceSpec& before = config.prices[chain[i - 1]];
      const PriceSpec& price = config.prices[chain[i]];
      if (price.until && *price.until <= *before.until) {
        report(
            fmt::format("{} ends on {}, before it begins", price.name, format_utc(*price.until)));
      }
      if (price.gpu != before.gpu) {
        report(
            fmt::format("{} is followed by a price of {}, {}", before.name, price.gpu, price.name));
      }
      if (config.start && price_of(price, pool.contract).count() <= 0) {
        report(fmt::format("{}, which follows, does not offer this contract", price.name));
      }
    }
    if (config.start) {
      pool.price = price_in_force(config.prices, *pool.price, *config.start);
    }
  }
}

}  // namespace plimsoll
