// Where the nodes of a pool are bought when there are several offers.
#include "operations/offer_market.hpp"

#include <algorithm>
#include <utility>

#include "config/price_book.hpp"
#include "operations/duration_law.hpp"

namespace plimsoll {

OfferMarket::OfferMarket(const Config& config, PoolIndex pool, std::size_t slots,
                         std::unique_ptr<PlacementPolicy> rule, Engine& engine)
    : config_{config},
      pool_{config.pools[pool]},
      offers_{config.pools[pool].procurement->offers},
      nodes_per_replica_{nodes_per_replica(config, config.pools[pool])},
      rule_{std::move(rule)},
      engine_{engine},
      slots_(slots),
      books_(offers_.size()) {
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    const PriceSpec& price = config.prices[offers_[i].price];
    books_[i].seen.offer = offers_[i].name;
    books_[i].seen.provider = price.provider;
    books_[i].seen.region = offers_[i].region;
    books_[i].seen.contract = offers_[i].contract;
    books_[i].seen.nodes_per_replica = nodes_per_replica_;
  }
}

// ---- what is to be had ----

std::int64_t OfferMarket::available(std::size_t index) const {
  const OfferConfig& offer = offers_[index];
  const SimTime now = engine_.now();
  if (closed(index) || wait_for_stock(offer.stock_outs, now) > Duration::zero()) {
    return 0;
  }
  if (!offer.stock) {
    return static_cast<std::int64_t>(slots_.size());
  }
  const Book& book = books_[index];
  const auto gone = std::count_if(book.gone.begin(), book.gone.end(),
                                  [now](SimTime until) { return until > now; });
  return std::max<std::int64_t>(0, *offer.stock / nodes_per_replica_ - book.held - gone);
}

double OfferMarket::price_now(std::size_t offer) const {
  const std::size_t price = price_in_force(config_, offers_[offer].price, engine_.now());
  return price_of(config_.prices[price], offers_[offer].contract).count();
}

std::vector<OfferView> OfferMarket::views() const {
  std::vector<OfferView> views;
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    OfferView view;
    view.provider = config_.prices[offers_[i].price].provider;
    view.spot = offers_[i].contract == Contract::spot;
    view.dollars_per_hour = is_committed(offers_[i]) ? 0 : price_now(i);
    view.lead_time = offers_[i].lead_time.mean;
    view.held = books_[i].held;
    view.available = available(i);
    views.push_back(view);
  }
  return views;
}

std::size_t OfferMarket::release_from(const std::vector<std::int64_t>& releasable) const {
  std::vector<OfferView> offers = views();
  for (std::size_t i = 0; i < offers.size(); ++i) {
    offers[i].releasable = releasable[i];
  }
  const std::size_t offer = rule_->release(offers);
  PLIMSOLL_CHECK(releasable.at(offer) > 0, "a placement rule gives back what there is");
  return offer;
}

double OfferMarket::dollars_per_hour() const {
  if (const auto next = rule_->order(views())) {
    return price_now(*next);
  }
  double dearest = 0;
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    dearest = books_[i].held > 0 ? std::max(dearest, price_now(i)) : dearest;
  }
  return dearest;
}

bool OfferMarket::is_of(std::size_t offer, const std::string& provider,
                        const std::string& region) const {
  return plimsoll::is_of(offers_[offer], config_.prices[offers_[offer].price], provider, region);
}

void OfferMarket::close(const std::string& provider, const std::string& region) {
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    books_[i].closed += is_of(i, provider, region) ? 1 : 0;
  }
}

void OfferMarket::open(const std::string& provider, const std::string& region) {
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    books_[i].closed -= is_of(i, provider, region) ? 1 : 0;
  }
  if (!waiting_.empty()) {
    serve_later(engine_.now());
  }
}

// ---- orders ----

void OfferMarket::order(std::size_t slot) {
  PLIMSOLL_CHECK(!slots_[slot].offer && !slots_[slot].waits, "a slot orders when it has nothing");
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    books_[i].seen.sold_out += available(i) == 0 ? 1 : 0;
  }
  slots_[slot].waits = true;
  waiting_.push_back(slot);
  serve();
}

/// Orders that wait get their offers, as far as there is something that the rule takes.
void OfferMarket::serve() {
  while (!waiting_.empty()) {
    const std::vector<OfferView> offers = views();
    const std::optional<std::size_t> offer = rule_->order(offers);
    if (!offer) {
      await_supply();
      return;
    }
    PLIMSOLL_CHECK(offers.at(*offer).available > 0, "a placement rule takes what there is");
    const std::size_t slot = waiting_.front();
    waiting_.pop_front();
    slots_[slot].waits = false;
    slots_[slot].offer = offer;
    ++books_[*offer].held;
    ++books_[*offer].seen.orders;
    placed_(slot);
  }
}

/// The next moment at which an offer has more by itself.
void OfferMarket::await_supply() {
  SimTime next = never;
  for (std::size_t i = 0; i < offers_.size(); ++i) {
    const Duration wait = wait_for_stock(offers_[i].stock_outs, engine_.now());
    if (wait > Duration::zero()) {
      next = std::min(next, engine_.now() + wait);
    }
    for (const SimTime until : books_[i].gone) {
      next = until > engine_.now() ? std::min(next, until) : next;
    }
  }
  if (next < never) {
    serve_later(next);
  }
}

void OfferMarket::serve_later(SimTime at) {
  if (next_serve_ && next_serve_at_ <= at) {
    return;
  }
  if (next_serve_) {
    engine_.cancel(*next_serve_);
  }
  next_serve_at_ = at;
  next_serve_ = engine_.at(at, EventPriority::fleet, [this] {
    next_serve_.reset();
    serve();
  });
}

void OfferMarket::delivered(std::size_t slot) {
  slots_[slot].rented = engine_.now();
  Book& book = books_[slots_[slot].offer.value()];
  ++book.rented;
  ++book.seen.deliveries;
  book.seen.most_nodes = std::max(book.seen.most_nodes, book.rented * nodes_per_replica_);
}

void OfferMarket::reclaimed(std::size_t index) {
  Slot& slot = slots_[index];
  if (!slot.reclaimed) {
    slot.reclaimed = true;
    ++books_[slot.offer.value()].seen.reclaims;
  }
}

void OfferMarket::leave(std::size_t index) {
  const Slot slot = std::exchange(slots_[index], Slot{});
  if (slot.waits) {
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), index));
  }
  if (!slot.offer) {
    return;
  }
  Book& book = books_[*slot.offer];
  --book.held;
  if (slot.rented) {
    --book.rented;
    book.seen.rented_ns += (engine_.now() - *slot.rented).count();
  }
  if (slot.reclaimed) {
    while (!book.gone.empty() && book.gone.front() <= engine_.now()) {
      book.gone.pop_front();
    }
    book.gone.push_back(engine_.now() + offers_[*slot.offer].gone_for);
  }
  if (!waiting_.empty()) {
    serve_later(engine_.now());
  }
}

// ---- the account ----

std::vector<OfferUse> OfferMarket::uses() const {
  std::vector<OfferUse> uses;
  for (const Book& book : books_) {
    uses.push_back(book.seen);
  }
  for (const Slot& slot : slots_) {
    if (slot.rented) {
      uses[*slot.offer].rented_ns += (engine_.now() - *slot.rented).count();
    }
  }
  return uses;
}

}  // namespace plimsoll
