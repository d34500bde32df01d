// Named random streams: Philox4x32-10 (Salmon et al., SC'11), counter-based, so a draw depends on
// (seed, stream name, entity, position) alone and never on what other streams or entities drew.
#pragma once

#include <Random123/philox.h>

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

namespace plimsoll {

/// FNV-1a, 64 bit: fixed for all time, unlike std::hash.
constexpr std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  return hash;
}

/// The draws of one entity in one stream, in order: a UniformRandomBitGenerator of 32 bits.
/// Give it to boost.random distributions (std:: ones differ between libraries); one draw per
/// statement (compilers order draws within one expression as they like).
class Draws {
 public:
  using result_type = std::uint32_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  Draws(std::uint64_t key, std::uint64_t entity)
      : key_{{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)}},
        entity_{entity} {}

  result_type operator()() {
    if (used_ == 4) {
      refill();
    }
    return block_[used_++];
  }

  /// Uniform in [0, 1) with 53 bits; uses two 32-bit draws.
  double uniform() {
    const std::uint64_t high = (*this)();
    const std::uint64_t low = (*this)();
    return static_cast<double>(((high << 32) | low) >> 11) * 0x1.0p-53;
  }

  /// Uniform in 0 .. bound-1 by multiply-shift (bias below bound / 2^32); bound >= 1.
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>((*this)()) * bound) >> 32);
  }

 private:
  void refill() {
    const r123::Philox4x32::ctr_type counter = {{static_cast<std::uint32_t>(entity_),
                                                 static_cast<std::uint32_t>(entity_ >> 32),
                                                 position_, 0}};
    const auto out = r123::Philox4x32{}(counter, key_);
    block_ = {out[0], out[1], out[2], out[3]};
    ++position_;
    used_ = 0;
  }

  r123::Philox4x32::key_type key_;
  std::uint64_t entity_;
  std::uint32_t position_ = 0;
  std::uint32_t used_ = 4;
  std::array<std::uint32_t, 4> block_{};
};

/// A named stream of a run. Adding a stream shifts no other stream's draws.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::string_view name)
      : key_{mix(seed ^ mix(stable_hash(name)))} {}

  /// The draws of one entity (a request id, a replica index), from their beginning.
  Draws of(std::uint64_t entity) const { return Draws{key_, entity}; }

 private:
  /// SplitMix64's finalizer: spreads small seeds over the key.
  static constexpr std::uint64_t mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }

  std::uint64_t key_;
};

}  // namespace plimsoll
