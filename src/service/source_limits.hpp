// What a load balancer lets each sender's address have.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "plimsoll/path_config.hpp"
#include "plimsoll/rng.hpp"
#include "service/limits.hpp"
#include "service/popularity.hpp"

namespace plimsoll {

/// A token bucket for each address. Users' addresses are drawn by Zipf's law; each attack has some
/// of its own, all alike. Nothing says who attacks: a busy address of users is dropped as well.
class SourceLimits {
 public:
  SourceLimits(std::uint64_t seed, const SourceLimitConfig& config,
               const std::vector<AttackConfig>& attacks);

  /// Whether the request `id` gets past at `t`; in order of time. `attack`: 0 of a user, else the
  /// number of its attack, from 1 on.
  bool lets_pass(std::uint64_t id, std::uint16_t attack, SimTime t);

 private:
  std::size_t source_of(std::uint64_t id, std::uint16_t attack) const;

  RandomStream stream_;
  BucketLaw law_;
  Popularity users_;
  std::vector<std::size_t> first_;     // by attack; of users: 0
  std::vector<std::uint32_t> count_;   // by attack
  std::vector<std::int64_t> full_at_;  // by source
};

}  // namespace plimsoll
