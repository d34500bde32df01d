// Config: pools that prefill and pools that decode.
#include <fmt/format.h>

#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

bool prefills(const PoolConfig& pool) {
  return pool.role == PoolRole::prefill;
}

/// How many pools of a model have which role, and the KV precision that they all have.
struct RolesOfModel {
  std::array<int, 3> count{};  // by PoolRole
  Precision kv_precision = Precision::fp16;
  bool one_precision = true;

  int of(PoolRole role) const { return count[static_cast<std::size_t>(role)]; }
  void add(const PoolConfig& pool) {
    const bool first = of(PoolRole::both) + of(PoolRole::prefill) + of(PoolRole::decode) == 0;
    one_precision = one_precision && (first || pool.kv_precision == kv_precision);
    kv_precision = pool.kv_precision;
    ++count[static_cast<std::size_t>(pool.role)];
  }
};

}  // namespace

void add_role_keys(Section<PoolConfig>& section) {
  section
      .field(
          "role", &PoolConfig::role,
          word_kind<PoolRole>({{"both", PoolRole::both},
                               {"prefill", PoolRole::prefill},
                               {"decode", PoolRole::decode}}),
          "both",
          "prefill: computes prompts up to the first token, then sends their KV to a decode pool "
          "of the same model, which generates the rest")
      .written_when([](const PoolConfig& pool) { return pool.role != PoolRole::both; })
      .optional("kv_transfer_latency", &PoolConfig::kv_transfer_latency, duration_kind(),
                "of sending KV, beside its bytes over the NICs' bandwidth; without it, the GPU's "
                "node_hop_latency")
      .only_when("role: prefill", prefills)
      .field("datacenter", &PoolConfig::datacenter, text_kind(), "",
             "of path.edge, in which it stands: its users are those whose requests come there")
      .derived("in all of them")
      .written_when([](const PoolConfig& pool) { return !pool.datacenter.empty(); });
}

void check_role(Reader& reader, const RawNode& map, const std::string& path,
                const PoolConfig& pool) {
  if (pool.role == PoolRole::both) {
    return;
  }
  const auto require = [&](bool holds, const char* key, const char* message, const char* hint) {
    if (!holds) {
      reader.report(place_of_key(map, key), join_path(path, key), message, hint);
    }
  };
  require(pool.batching == Batching::continuous, "batching",
          "static batches cannot hand sequences over", "use batching: continuous, or role: both");
  require(pool.batching != Batching::continuous || pool.kv_layout == KvLayout::paged, "kv_layout",
          "contiguous KV cannot be handed over block by block",
          "use kv_layout: paged, or role: both");
  require(!pool.speculation, "speculation", "the KV of a draft model is not handed over",
          "leave speculation out, or use role: both");
  require(pool.role != PoolRole::decode || !pool.prefix_cache, "prefix_cache",
          "a decode pool computes no prompts that could be found",
          "give the prefill pools a prefix_cache");
}

void check_roles_of_models(Reader& reader, const RawNode& pools, const Config& config) {
  for (std::size_t m = 0; m < config.models.size(); ++m) {
    RolesOfModel roles;
    for (const PoolConfig& pool : config.pools) {
      if (pool.model == m) {
        roles.add(pool);
      }
    }
    const std::string& name = config.models[m].name;
    const auto require = [&](bool holds, const std::string& message, const char* hint) {
      if (!holds) {
        reader.report(pools.place, "pools", message, hint);
      }
    };
    const bool prefill = roles.of(PoolRole::prefill) > 0;
    const bool decode = roles.of(PoolRole::decode) > 0;
    if (!prefill && !decode) {
      continue;
    }
    require(decode, fmt::format("{} has prefill pools and no decode pool", name),
            "add a pool with role: decode");
    require(prefill, fmt::format("{} has decode pools and no prefill pool", name),
            "add a pool with role: prefill");
    require(roles.of(PoolRole::both) == 0,
            fmt::format("{} has pools with a role beside pools without one", name),
            "give all pools of the model a role, or none");
    require(
        roles.one_precision,
        fmt::format("the pools of {} keep KV in different precisions, and none converts it", name),
        "give them the same kv_precision");
  }
}

}  // namespace plimsoll
