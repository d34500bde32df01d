// Buckets by address.
#include "service/source_limits.hpp"

namespace plimsoll {

SourceLimits::SourceLimits(std::uint64_t seed, const SourceLimitConfig& config,
                           const std::vector<AttackConfig>& attacks)
    : stream_{seed, "source"},
      law_{config.requests, config.request_burst},
      users_{config.sources, config.exponent} {
  auto sources = static_cast<std::size_t>(config.sources);
  for (const AttackConfig& attack : attacks) {
    first_.push_back(sources);
    count_.push_back(static_cast<std::uint32_t>(attack.sources));
    sources += static_cast<std::size_t>(attack.sources);
  }
  full_at_.resize(sources, 0);
}

std::size_t SourceLimits::source_of(std::uint64_t id, std::uint16_t attack) const {
  Draws draws = stream_.of(id);
  if (attack > 0) {
    return first_[attack - std::size_t{1}] + draws.below(count_[attack - std::size_t{1}]);
  }
  const std::uint32_t group = users_.group_of(draws());
  return static_cast<std::size_t>(users_.rank_of(group, draws()));
}

bool SourceLimits::lets_pass(std::uint64_t id, std::uint16_t attack, SimTime t) {
  std::int64_t& full_at = full_at_[source_of(id, attack)];
  if (!law_.conforms(full_at, t, 1)) {
    return false;
  }
  full_at = law_.take(full_at, t, 1);
  return true;
}

}  // namespace plimsoll
