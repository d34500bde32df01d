// Config: the declared sections of a scenario.
#pragma once

#include "config/declarations.hpp"
#include "plimsoll/config.hpp"

namespace plimsoll {

/// The whole scenario, as a section of Config.
SectionDecl scenario_section();

SectionDecl kernel_section();
SectionDecl gpu_section();
SectionDecl model_section();
SectionDecl profile_section();
SectionDecl engine_section();
SectionDecl price_section();
SectionDecl loader_section();
SectionDecl weights_section();
SectionDecl procurement_section();
SectionDecl lead_time_section();
SectionDecl stock_out_section();
void sort_stock_outs(std::vector<StockOutConfig>& outs);
SectionDecl offer_section();
FieldDecl placement_field();
/// Regions and the rule of a pool with procurement that left them out, and findings about its
/// offers. `map` is the pool's.
void finish_offers(Reader& reader, const RawNode& map, const std::string& path, PoolConfig& pool);
SectionDecl node_procurement_section();
SectionDecl store_section();
SectionDecl shared_gpus_section();
SectionDecl allocation_section();
SectionDecl tier_section();
SectionDecl pool_section();
void add_role_keys(Section<PoolConfig>& section);
/// Findings about the role of one pool, and about the roles of all pools.
void check_role(Reader& reader, const RawNode& map, const std::string& path,
                const PoolConfig& pool);
void check_roles_of_models(Reader& reader, const RawNode& pools, const Config& config);
FieldDecl autoscale_field();
FieldDecl api_tier_autoscale_field();
FieldDecl cache_autoscale_field();
/// What a pool of shared GPUs takes over from them, and findings about the two.
void finish_allocation(Reader& reader, const RawNode& map, const std::string& path,
                       PoolConfig& pool);
/// Findings about shared GPUs and all of their pools; their prices follow those of the pools.
void finish_shared_gpus(Reader& reader, const RawNode& root, Config& config);
SectionDecl service_section();
SectionDecl model_service_section();
/// One service at most for each model that a pool serves.
void check_model_services(Reader& reader, const RawNode& root, const Config& config);
/// Waiting rooms that somebody comes to, and clients who are shown what they leave for.
void check_waiting_rooms(Reader& reader, const RawNode& root, const Config& config);
SectionDecl experiment_section();
/// Experiments together, and what they do not go with.
void check_experiments(Reader& reader, const RawNode& root, const Config& config);
SectionDecl faults_section();
SectionDecl rollout_section();
/// Gives pools the replicas that rollouts add, and refuses what cannot be rolled out.
void finish_rollouts(Reader& reader, const RawNode& root, Config& config);
SectionDecl workload_section();
SectionDecl path_section();
SectionDecl metrics_section();
SectionDecl money_section();
SectionDecl monitoring_section();
FieldDecl thresholds_field();
SectionDecl collective_section();
SectionDecl load_shape_section();
SectionDecl users_section();
/// Where users.tiers names tiers: fills in their positions.
void finish_users(Reader& reader, const RawNode& map, const std::string& path, UsersConfig& users);
/// `windows`, `lead_in` and `sample`, keys of the scenario itself.
void add_horizon_fields(std::vector<FieldDecl>& fields);
/// What windows and samples do not go with.
/// Subscriptions have somebody who pays them.
void check_subscribers(Reader& reader, const RawNode& root, const Config& config);
void check_horizon(Reader& reader, const RawNode& root, const Config& config);

Kind<Precision> precision_kind();
Kind<Contract> contract_kind();
Kind<Attention> attention_kind();
Kind<Provenance> provenance_kind();

/// Findings about one struct of the scenario, told at one of its keys.
class KeyCheck {
 public:
  KeyCheck(Reader& reader, const RawNode& map, const std::string& path)
      : reader_{reader}, map_{map}, path_{path} {}

  void require(bool holds, const char* key, const std::string& message, std::string hint = "") {
    if (!holds) {
      reader_.report(place_of_key(map_, key), join_path(path_, key), message, std::move(hint));
    }
  }

 private:
  Reader& reader_;
  const RawNode& map_;
  const std::string& path_;
};

/// What a pool's replicas that come and go must agree with.
void check_elasticity(KeyCheck& check, const Config& config, const PoolConfig& pool);

/// A policy block: its name under `policy`, its parameters, and beside them `own_keys`, which
/// belong to the struct that holds it.
struct PolicyBlock {
  std::string key;
  std::string kind;            // "router", ...
  std::string default_policy;  // empty: the block or at least its policy has to be given
  SectionDecl own_keys;
  std::string help;
  /// The struct that holds the policy within the section's, made when it has to be (reading), or
  /// null when there is none (writing).
  std::function<void*(void*)> make_holder;
  std::function<const void*(const void*)> holder;
  std::function<PolicyConfig&(void*)> policy;  // within its holder
};
FieldDecl policy_field(PolicyBlock block);

/// Keys beside policies' parameters, which outlive a change of the policy.
inline const std::vector<std::string>& policy_own_keys() {
  static const std::vector<std::string> keys{
      "capacity",  "deadline",     "max_outstanding",   "waiting_room",  "scrape_interval",
      "own_count", "min_replicas", "max_replicas",      "min_instances", "max_instances",
      "interval",  "signal_delay", "provisioning_delay"};
  return keys;
}

/// Drops catalog entries that nothing refers to.
void drop_unused_entries(Config& config);

}  // namespace plimsoll
