// Config: pools of replicas, and the tiers that they serve.
#include <fmt/format.h>

#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {

Kind<Precision> precision_kind() {
  return word_kind<Precision>({{"fp16", Precision::fp16},
                               {"bf16", Precision::bf16},
                               {"fp8", Precision::fp8},
                               {"int8", Precision::int8}});
}

Kind<Contract> contract_kind() {
  return word_kind<Contract>({{"on_demand", Contract::on_demand},
                              {"reserved", Contract::reserved},
                              {"reserved_3y", Contract::reserved_3y},
                              {"spot", Contract::spot}});
}

namespace {

void check_precision(KeyCheck& check, const PoolConfig& pool, const GpuSpec& gpu) {
  const auto supported = [&](Precision precision) {
    return precision == Precision::fp16 || (precision == Precision::bf16 && gpu.bf16) ||
           (precision == Precision::fp8 && gpu.fp8.count() > 0) ||
           (precision == Precision::int8 && gpu.int8.count() > 0);
  };
  check.require(supported(pool.weight_precision), "precision",
                fmt::format("{} does not compute in this precision", gpu.name), "use fp16");
}

void check_layout(KeyCheck& check, const PoolConfig& pool, const GpuSpec& gpu,
                  const ModelSpec& model) {
  check.require(pool.tp <= gpu.gpus_per_node, "tp",
                fmt::format("a tensor-parallel group of {} does not fit a node of {} {}", pool.tp,
                            gpu.gpus_per_node, gpu.name),
                fmt::format("at most {}; use pp to span nodes", gpu.gpus_per_node));
  check.require(model.heads % pool.tp == 0, "tp",
                fmt::format("{} has {} heads, which {} GPUs cannot share evenly", model.name,
                            model.heads, pool.tp),
                "tp must divide the heads");
  check.require(
      pool.pp <= model.layers, "pp",
      fmt::format("{} has {} layers, fewer than {} stages", model.name, model.layers, pool.pp));
}

void check_batching(KeyCheck& check, const PoolConfig& pool) {
  const int each = pool.speculation ? pool.speculation->tokens + 1 : 1;
  check.require(pool.max_num_batched_tokens / each >= pool.max_num_seqs, "max_num_batched_tokens",
                fmt::format("a budget of {} tokens cannot serve {} sequences, each of which takes "
                            "{} per step",
                            pool.max_num_batched_tokens, pool.max_num_seqs,
                            each == 1 ? "a token" : fmt::format("{} tokens", each)),
                each == 1 ? "raise it to max_num_seqs at least, or lower max_num_seqs"
                          : "raise it to max_num_seqs x (speculation.tokens + 1) at least");
  check.require(pool.chunked_prefill || pool.batching == Batching::static_batch ||
                    pool.max_num_batched_tokens >= pool.max_context,
                "max_num_batched_tokens",
                fmt::format("without chunked_prefill a prompt of up to {} tokens must fit the "
                            "budget of {}",
                            pool.max_context, pool.max_num_batched_tokens),
                "raise it to max_context, lower max_context, or use chunked_prefill");
}

void check_speculation(KeyCheck& check, const Config& config, const PoolConfig& pool) {
  if (!pool.speculation || pool.speculation->draft >= config.models.size()) {
    return;
  }
  const ModelSpec& model = config.models[pool.model];
  const ModelSpec& draft = config.models[pool.speculation->draft];
  const auto require = [&](bool holds, const std::string& message, const char* hint) {
    check.require(holds, "speculation", message, hint);
  };
  require(pool.batching == Batching::continuous, "static batches do not speculate",
          "use batching: continuous");
  require(draft.vocab == model.vocab,
          fmt::format("{} has a vocabulary of {}, {} one of {}: it cannot propose its tokens",
                      draft.name, draft.vocab, model.name, model.vocab),
          "use a draft model of the same family");
  require(draft.max_context >= pool.max_context,
          fmt::format("{} reads {} tokens at most, fewer than max_context {}", draft.name,
                      draft.max_context, pool.max_context),
          "lower max_context or use another draft model");
  require(draft.heads % pool.tp == 0,
          fmt::format("{} has {} heads, which {} GPUs cannot share evenly", draft.name, draft.heads,
                      pool.tp),
          "tp must divide the heads of the draft model too");
  require(pool.profile >= config.profiles.size() ||
              config.profiles[pool.profile].form == StepForm::operators,
          "coefficients of a linear profile say nothing of a draft model",
          "use a profile of form: operators");
}

/// Fills in the KV layout that goes with the batching.
void finish_kv_layout(KeyCheck& check, const RawNode& map, PoolConfig& pool) {
  const bool whole_batches = pool.batching == Batching::static_batch;
  if (map.find("kv_layout") == nullptr) {
    pool.kv_layout = whole_batches ? KvLayout::contiguous : KvLayout::paged;
  }
  check.require(!whole_batches || pool.kv_layout == KvLayout::contiguous, "kv_layout",
                "static batches reserve contiguous KV: no sequence of one can be preempted",
                "use contiguous, or batching: continuous");
  check.require(!pool.prefix_cache || pool.kv_layout == KvLayout::paged, "prefix_cache",
                whole_batches ? "static batches reserve contiguous KV, which sequences cannot share"
                              : "sequences cannot share contiguous KV",
                whole_batches ? "use batching: continuous, or prefix_cache: false"
                              : "use kv_layout: paged, or prefix_cache: false");
}

void check_autoscale(KeyCheck& check, const PoolConfig& pool) {
  if (!pool.autoscale) {
    return;
  }
  const AutoscaleConfig& scale = *pool.autoscale;
  check.require(scale.min_replicas <= pool.replicas && pool.replicas <= scale.max_replicas,
                "autoscale",
                fmt::format("{} replicas at t = 0 are not within {} .. {}", pool.replicas,
                            scale.min_replicas, scale.max_replicas),
                "change replicas, min_replicas or max_replicas");
  check.require(adds_cold(pool) || scale.provisioning_delay, "autoscale",
                "how long an added replica takes to serve is not said",
                "give autoscale.provisioning_delay, or start: cold");
  check.require(!adds_cold(pool) || !scale.provisioning_delay, "autoscale",
                "an added replica of this pool starts cold: provisioning_delay is not read",
                "use provision and warm_up of the pool instead");
}

void finish_pool(Reader& reader, const RawNode& map, const std::string& path, PoolConfig& pool,
                 bool clean) {
  const Config& config = reader.config();
  if (!clean || pool.gpu >= config.gpus.size() || pool.model >= config.models.size()) {
    return;
  }
  const GpuSpec& gpu = config.gpus[pool.gpu];
  const ModelSpec& model = config.models[pool.model];
  pool.max_context = pool.max_context == 0 ? model.max_context : pool.max_context;
  KeyCheck check{reader, map, path};
  if (pool.weights && pool.weights->memory_cache.count() == 0) {
    pool.weights->memory_cache = gpu.host_memory;
  }
  if (pool.allocation) {
    finish_allocation(reader, map, path, pool);
  }
  check_precision(check, pool, gpu);
  check_layout(check, pool, gpu, model);
  check_batching(check, pool);
  check_speculation(check, config, pool);
  finish_kv_layout(check, map, pool);
  check_autoscale(check, pool);
  check_role(reader, map, path, pool);
  check.require(!adds_cold(pool) || pool.store, "store",
                "a cold start pulls its weights from a store, and none is named",
                name_hint("", reader.names(NameList::stores), "stores"));
  if (pool.procurement) {
    finish_offers(reader, map, path, pool);
  }
  check_elasticity(check, config, pool);
  if (pool.price) {
    const PriceSpec& price = config.prices[*pool.price];
    check.require(price.gpu == gpu.name, "price",
                  fmt::format("{} is a price of {}, not of {}", price.name, price.gpu, gpu.name));
    check.require(price_of(price, pool.contract).count() > 0, "contract",
                  fmt::format("{} does not offer this contract", price.name),
                  "choose another contract or price");
  }
}

void add_layout_keys(Section<PoolConfig>& section) {
  section
      .field("gpu", &PoolConfig::gpu, reference_kind<std::size_t>(NameList::gpus), "",
             "the GPU type")
      .field("model", &PoolConfig::model, reference_kind<ModelIndex>(NameList::models), "",
             "the model served")
      .field("profile", &PoolConfig::profile, reference_kind<std::size_t>(NameList::profiles), "",
             "how the inference engine uses the GPU")
      .optional("price", &PoolConfig::price, reference_kind<std::size_t>(NameList::prices),
                "what a GPU costs; without one the pool is left out of the cost")
      .field("contract", &PoolConfig::contract, contract_kind(), "on_demand",
             "which of the prices applies")
      .field("replicas", &PoolConfig::replicas, count_kind(1, 1'000'000), "1", "replicas at t = 0")
      .field("tp", &PoolConfig::tp, count_kind(1, 1024), "1", "tensor-parallel GPUs, in one node")
      .field("pp", &PoolConfig::pp, count_kind(1, 1024), "1", "pipeline stages")
      .field("precision", &PoolConfig::weight_precision, precision_kind(), "fp16",
             "of the weights and the arithmetic")
      .field("kv_precision", &PoolConfig::kv_precision, precision_kind(), "fp16",
             "of the KV cache");
}

SectionDecl speculation_section() {
  return Section<SpeculationConfig>{}
      .field("draft", &SpeculationConfig::draft, reference_kind<ModelIndex>(NameList::models), "",
             "the model that proposes, on the GPUs of one stage")
      .field("tokens", &SpeculationConfig::tokens, count_kind(1, 64), "4",
             "proposed per step and sequence")
      .field("acceptance", &SpeculationConfig::acceptance, ratio_kind(), "",
             "probability that a proposal is accepted when those before it were")
      .build();
}

void add_batching_keys(Section<PoolConfig>& section) {
  constexpr int many = 1 << 30;
  section
      .field("batching", &PoolConfig::batching,
             word_kind<Batching>(
                 {{"continuous", Batching::continuous}, {"static", Batching::static_batch}}),
             "continuous", "continuous: sequences join at every step; static: whole batches")
      .field("max_num_seqs", &PoolConfig::max_num_seqs, count_kind(1, 1'000'000), "256",
             "sequences that run in a replica at once")
      .field("max_num_batched_tokens", &PoolConfig::max_num_batched_tokens, count_kind(1, many),
             "2048", "token budget of one micro-batch in one step")
      .field("chunked_prefill", &PoolConfig::chunked_prefill, flag_kind(), "true",
             "prompts may be split over steps")
      .optional("prompt_pass_tokens", &PoolConfig::prompt_pass_tokens, count_kind(1, many),
                "a step computes prompts apart from decodes, in passes of at most so many tokens, "
                "and its decodes last, with the last token of each prompt; without it, all in one "
                "pass")
      .optional_section("speculation", &PoolConfig::speculation, speculation_section(),
                        "a draft model proposes tokens, which one step verifies")
      .optional("attention", &PoolConfig::attention, attention_kind(),
                "flash or materialized; without it, as the profile says")
      .section("collectives", &PoolConfig::collectives, collective_section(),
               "tensor-parallel communication")
      .field(
          "kv_layout", &PoolConfig::kv_layout,
          word_kind<KvLayout>({{"paged", KvLayout::paged}, {"contiguous", KvLayout::contiguous}}),
          "paged",
          "paged: KV block by block as sequences grow; contiguous: max_context tokens reserved "
          "for each as long as it runs, no preemption, no watermark")
      .derived("paged; contiguous under static batching")
      .field("prefix_cache", &PoolConfig::prefix_cache, flag_kind(), "false",
             "KV blocks of prompts stay until their memory is needed, for prompts that begin alike")
      .field("block_size", &PoolConfig::block_size, count_kind(1, 4096), "16",
             "tokens of a KV block")
      .field("gpu_memory_utilization", &PoolConfig::gpu_memory_utilization,
             ratio_kind({0, 1, true}), "0.9", "share of memory for weights, activations and KV")
      .field("runtime_memory", &PoolConfig::runtime_memory, byte_count_kind(), "0B",
             "of that share, what CUDA, its graphs and NCCL hold on each GPU")
      .optional("kv_blocks", &PoolConfig::kv_blocks, big_count_kind(1, 1'000'000'000'000),
                "KV blocks of a replica, set directly instead of computed")
      .field("watermark", &PoolConfig::watermark, ratio_kind({0, 0.99, false}), "0.01",
             "share of KV blocks kept free at admission")
      .field("max_context", &PoolConfig::max_context, count_kind(1, many), "0",
             "longest prompt + output in tokens")
      .derived("the model's max_context");
}

}  // namespace

SectionDecl pool_section() {
  Section<PoolConfig> section;
  add_layout_keys(section);
  add_batching_keys(section);
  section
      .field("start", &PoolConfig::start,
             word_kind<PoolStart>({{"ready", PoolStart::ready}, {"cold", PoolStart::cold}}),
             "ready", "ready: serves at t = 0; cold: first pulls its weights")
      .optional_section("allocation", &PoolConfig::allocation, allocation_section(),
                        "its replicas run on shared GPUs, as far as they are granted some; added "
                        "ones then start cold, whatever `start` says of the first ones")
      .optional_section("procurement", &PoolConfig::procurement, procurement_section(),
                        "how machines of added replicas are had; these then start cold, "
                        "whatever `start` says of the first ones")
      .optional_section("weights", &PoolConfig::weights, weights_section(),
                        "where the weights of cold starts lie and how they reach the GPUs")
      .only_when("start: cold, procurement or allocation", adds_cold)
      .optional("store", &PoolConfig::store, reference_kind<std::size_t>(NameList::stores),
                "the model store that weights come from; a cold start needs one")
      .only_when("start: cold, procurement or allocation", adds_cold)
      .field("region", &PoolConfig::region, text_kind(), "",
             "where it stands: stores of other regions reach it over their wan")
      .derived("not said")
      .written_when([](const PoolConfig& pool) { return !pool.region.empty(); })
      .field("provision", &PoolConfig::provision, duration_kind(), "0",
             "before the weights are pulled")
      .only_when("start: cold, procurement or allocation", adds_cold)
      .field("warm_up", &PoolConfig::warm_up, duration_kind(), "0", "after the weights are there")
      .only_when("start: cold, procurement or allocation", adds_cold)
      .optional(
          "drain_timeout", &PoolConfig::drain_timeout, duration_kind(),
          "a replica that leaves (is scaled in, gets another version) may end what it has for so "
          "long; what is left is lost with it, as `faults.lost_requests` says")
      .derived("none: until its last request has ended")
      .custom(autoscale_field());
  add_role_keys(section);
  section.finish(finish_pool);
  return section.build();
}

SectionDecl tier_section() {
  SectionDecl slo =
      Section<SloConfig>{}
          .optional("ttft", &SloConfig::ttft, duration_kind(true), "time to the first token")
          .optional("tpot", &SloConfig::tpot, duration_kind(true),
                    "time per output token after the first")
          .optional("e2e", &SloConfig::e2e, duration_kind(true), "from arrival to the last token")
          .optional("queue", &SloConfig::queue, duration_kind(true),
                    "from arrival to being scheduled")
          .build();
  return Section<TierConfig>{}
      .field("priority", &TierConfig::priority, count_kind(-1000, 1000), "0",
             "larger is served first under a priority queue")
      .field("stream", &TierConfig::stream, flag_kind(), "true",
             "users see tokens as they come; false: nothing before the whole answer")
      .optional("deadline", &TierConfig::deadline, millisecond_kind(),
                "longest wait before being scheduled; overrides the queue's")
      .section("slo", &TierConfig::slo, std::move(slo),
               "a request that meets all that are set is goodput")
      .field("price_per_million_prompt_tokens", &TierConfig::price_per_million_prompt_tokens,
             usd_per_million_kind(), "0", "revenue from prompts")
      .field("price_per_million_output_tokens", &TierConfig::price_per_million_output_tokens,
             usd_per_million_kind(), "0", "revenue from outputs")
      .build();
}

}  // namespace plimsoll
