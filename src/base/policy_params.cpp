// Base: a policy's validated parameters, read back by kind.
#include <cmath>

#include "plimsoll/errors.hpp"
#include "plimsoll/policies/params.hpp"

namespace plimsoll {

namespace {
double number_of(const std::map<std::string, double>& numbers, const std::string& key) {
  const auto found = numbers.find(key);
  PLIMSOLL_CHECK(found != numbers.end(), "a policy reads a parameter it did not document: " + key);
  return found->second;
}
}  // namespace

std::int64_t PolicyParams::count(const std::string& key) const {
  return std::llround(number_of(numbers_, key));
}

double PolicyParams::ratio(const std::string& key) const {
  return number_of(numbers_, key);
}

Duration PolicyParams::duration(const std::string& key) const {
  return Duration{std::llround(number_of(numbers_, key))};
}

bool PolicyParams::flag(const std::string& key) const {
  return number_of(numbers_, key) != 0.0;
}

double PolicyParams::ratio_of(const std::string& key, TierIndex tier) const {
  if (const auto tiers = tier_numbers_.find(key); tiers != tier_numbers_.end()) {
    if (const auto found = tiers->second.find(tier); found != tiers->second.end()) {
      return found->second;
    }
  }
  return number_of(numbers_, key);
}

std::int64_t PolicyParams::count_of(const std::string& key, TierIndex tier) const {
  return std::llround(ratio_of(key, tier));
}

const std::string& PolicyParams::text(const std::string& key) const {
  const auto found = texts_.find(key);
  PLIMSOLL_CHECK(found != texts_.end(), "a policy reads a parameter it did not document: " + key);
  return found->second;
}

}  // namespace plimsoll
