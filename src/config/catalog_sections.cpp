// Config: catalog entries: GPUs, models, engine profiles, prices; stores stand beside them.
#include <fmt/format.h>

#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

SectionDecl figure_section() {
  return Section<FigureSource>{}
      .field("source", &FigureSource::source, text_kind(), "", "where this figure comes from")
      .field("provenance", &FigureSource::provenance, provenance_kind(), "published",
             "how it came to be known")
      .build();
}

/// Source, provenance and figures, and the check that figures name keys of the entry.
template <class Spec>
void add_origin(Section<Spec>& section, const std::string& provenance) {
  const std::vector<std::string> keys = section.keys();
  section.field("source", &Spec::source, text_kind(), "", "where the entry's figures come from")
      .field("provenance", &Spec::provenance, provenance_kind(), provenance,
             "how they came to be known")
      .named("figures", &Spec::figures, figure_section(), NameList::none,
             "single figures whose source or provenance differs, by key");
  section.finish(
      [keys](Reader& reader, const RawNode& map, const std::string& path, Spec& spec, bool) {
        for (const FigureSource& figure : spec.figures) {
          if (std::find(keys.begin(), keys.end(), figure.name) == keys.end()) {
            reader.report(place_of_key(*map.find("figures"), figure.name),
                          join_path(path, "figures." + figure.name), "no figure of this entry",
                          name_hint(figure.name, keys, "figures"));
          }
        }
        if (spec.source.empty() && map.find("source") != nullptr) {
          reader.report(place_of_key(map, "source"), join_path(path, "source"),
                        "expected a source, found nothing", "say where the figures come from");
        }
      });
}

template <class Spec>
void add_aliases(Section<Spec>& section) {
  section
      .field("aliases", &Spec::aliases, texts_kind(), "",
             "other spellings, in tables of measurements; case does not matter")
      .derived("empty")
      .written_when([](const Spec& spec) { return !spec.aliases.empty(); });
}

/// No single cost of a step takes longer.
constexpr Duration longest_cost = std::chrono::seconds{10};

bool is_operators(const EngineProfile& profile) {
  return profile.form == StepForm::operators;
}
bool is_linear(const EngineProfile& profile) {
  return profile.form == StepForm::linear;
}

Kind<AllReduce> all_reduce_kind() {
  return word_kind<AllReduce>({{"nccl", AllReduce::nccl}, {"custom", AllReduce::custom}});
}

SectionDecl gemm_section() {
  const AtLeast share{0, 1, true};
  return Section<GemmKernels>{}
      .field("efficiency", &GemmKernels::efficiency, ratio_kind(share), "",
             "share of peak FLOPS, large products")
      .field("read_efficiency", &GemmKernels::read_efficiency, ratio_kind(share), "",
             "share of peak memory bandwidth, few tokens")
      .field("overlap", &GemmKernels::overlap, number_kind({1, 100, false}), "2",
             "exponent that joins compute and memory time; 1: they add, large: the longer one")
      .field("latency", &GemmKernels::latency, fine_duration_kind(longest_cost), "0",
             "of a product, however small")
      .build();
}

SectionDecl machine_section() {
  return Section<MachineSpec>{}
      .field("host_factor", &MachineSpec::host_factor, number_kind({0, 100, true}), "1",
             "the host's times are so many times the profile's")
      .optional("large_pass_bandwidth", &MachineSpec::large_pass_bandwidth, bandwidth_kind(),
                "extra time of all-reduces beyond large_pass_tokens, as a bandwidth")
      .build();
}

/// Keys of `form: operators`.
class OperatorKeys {
 public:
  explicit OperatorKeys(Section<EngineProfile>& section) : section_{section} {}

  void share(const char* key, double EngineProfile::*member, const char* help) {
    add(key, member, ratio_kind({0, 1, true}), "1", help);
  }
  void factor(const char* key, double EngineProfile::*member, const char* standard,
              const char* help) {
    add(key, member, number_kind({0, 1000, false}), standard, help);
  }
  void time(const char* key, FineDuration EngineProfile::*member, const char* help) {
    add(key, member, fine_duration_kind(longest_cost), "0", help);
  }
  template <class V>
  void add(const char* key, V EngineProfile::*member, Kind<V> kind, const char* standard,
           const char* help) {
    section_.field(key, member, std::move(kind), standard, help);
    section_.only_when("form: operators", is_operators);
  }

 private:
  Section<EngineProfile>& section_;
};

void add_operator_keys(Section<EngineProfile>& section) {
  OperatorKeys keys{section};
  keys.share("gemm_share", &EngineProfile::gemm_share,
             "of the kernels' rate when products are bound by arithmetic");
  section
      .optional("gemm_share_16bit", &EngineProfile::gemm_share_16bit, ratio_kind({0, 1, true}),
                "the same with weights of 16 bits, where it differs")
      .only_when("form: operators", is_operators);
  keys.share("read_share", &EngineProfile::read_share, "of the kernels' rate of reading weights");
  keys.share("attention_share", &EngineProfile::attention_share,
             "of the kernels' rate of prefill attention");
  keys.share("kv_share", &EngineProfile::kv_share, "of the kernels' rate of reading KV");
  keys.share("collective_share", &EngineProfile::collective_share,
             "of the kernels' bandwidth of all-reduces");
  keys.factor("kernel_latency_factor", &EngineProfile::kernel_latency_factor, "1",
              "times the kernels' latency of 16-bit products and prefill attention");
  keys.factor("quantize_latency_factor", &EngineProfile::quantize_latency_factor, "1",
              "times the kernels' latency of 8-bit products");
  keys.factor("kv_read_latency_factor", &EngineProfile::kv_read_latency_factor, "1",
              "times the kernels' latency of decode attention");
  keys.factor("collective_latency_factor", &EngineProfile::collective_latency_factor, "1",
              "times the kernels' latency of all-reduces");
  keys.add("all_reduce", &EngineProfile::all_reduce, all_reduce_kind(), "custom",
           "nccl: rings; custom: one-shot kernels for small messages, nccl for large ones");
  keys.add("attention", &EngineProfile::attention, attention_kind(), "flash",
           "flash: fused; materialized: scores are written to memory and read again");
  keys.factor("activation_passes", &EngineProfile::activation_passes, "0",
              "reads and writes of all hidden activations per layer, elementwise operators");
  keys.time("layer_overhead", &EngineProfile::layer_overhead,
            "device time per layer beside all operators");
  keys.add("host", &EngineProfile::host,
           word_kind<HostLaunch>({{"overlaps", HostLaunch::overlaps}, {"adds", HostLaunch::adds}}),
           "overlaps", "how launching kernels stands to running them");
  keys.time("host_per_layer", &EngineProfile::host_per_layer, "launch time per layer");
  keys.time("host_per_prompt_layer", &EngineProfile::host_per_prompt_layer,
            "launch time per layer of a pass that computes prompts, where it is longer");
  keys.time("host_per_step", &EngineProfile::host_per_step,
            "serial time per step: scheduling, sampling");
  keys.time("host_per_sequence", &EngineProfile::host_per_sequence,
            "serial time per sequence that emits a token");
  keys.add("large_pass_tokens", &EngineProfile::large_pass_tokens, count_kind(0, 1 << 30), "0",
           "passes of more tokens lose all-reduce bandwidth (machines); 0: none do");
  section
      .named("machines", &EngineProfile::machines, machine_section(), NameList::none,
             "what differs by machine, by name in catalog.kernels")
      .only_when("form: operators", is_operators);
}

void add_linear_keys(Section<EngineProfile>& section) {
  const auto term = [&](const char* key, Duration EngineProfile::*member, const char* help) {
    section.field(key, member, duration_kind(false, longest_cost), "0", help)
        .only_when("form: linear", is_linear);
  };
  term("linear_step", &EngineProfile::linear_step, "time per step");
  term("linear_token", &EngineProfile::linear_token, "time per new token, prompt or output");
  term("linear_sequence", &EngineProfile::linear_sequence, "time per sequence that emits a token");
  term("linear_kv_token", &EngineProfile::linear_kv_token, "time per KV token read");
}

}  // namespace

Kind<Provenance> provenance_kind() {
  return word_kind<Provenance>({{"measured", Provenance::measured},
                                {"published", Provenance::published},
                                {"calibrated", Provenance::calibrated},
                                {"assumed", Provenance::assumed},
                                {"rumour", Provenance::rumour}});
}

Kind<Attention> attention_kind() {
  return word_kind<Attention>(
      {{"flash", Attention::flash}, {"materialized", Attention::materialized}});
}

SectionDecl collective_section() {
  return Section<CollectiveConfig>{}
      .optional("all_reduce", &CollectiveConfig::all_reduce, all_reduce_kind(),
                "nccl or custom; without it, as the profile says")
      .field("precision", &CollectiveConfig::precision, precision_kind(), "fp16",
             "of activations on the way: fp8 and int8 halve the bytes and are quantized first")
      .field("overlap", &CollectiveConfig::overlap, ratio_kind({0, 1, false}), "0",
             "share of the products' time under which communication may hide")
      .build();
}

SectionDecl kernel_section() {
  const AtLeast share{0, 1, true};
  Section<KernelSpec> section;
  const auto efficiency = [&](const char* key, double KernelSpec::*member, const char* help) {
    section.field(key, member, ratio_kind(share), "", help);
  };
  const auto latency = [&](const char* key, FineDuration KernelSpec::*member, const char* help) {
    section.field(key, member, fine_duration_kind(longest_cost), "0", help);
  };
  section.section("gemm", &KernelSpec::gemm, gemm_section(), "products with weights of 16 bits")
      .required()
      .section("gemm_8bit", &KernelSpec::gemm_8bit, gemm_section(),
               "products with weights of 8 bits, quantizing activations included")
      .required();
  section.field("grouped_share", &KernelSpec::grouped_share, ratio_kind(share), "0.75",
                "of the products' rate, where an MoE's grouped products are bound by arithmetic");
  efficiency("attention_efficiency", &KernelSpec::attention_efficiency,
             "share of peak FLOPS, prefill attention of long prompts");
  section.field("attention_extra_keys", &KernelSpec::attention_extra_keys, number_kind(), "0",
                "a token costs as much as so many more query-key pairs");
  latency("attention_latency", &KernelSpec::attention_latency, "of one prefill attention");
  efficiency("kv_read_efficiency", &KernelSpec::kv_read_efficiency,
             "share of peak memory bandwidth, decode attention");
  latency("kv_read_latency", &KernelSpec::kv_read_latency, "of one decode attention");
  efficiency("nccl_efficiency", &KernelSpec::nccl_efficiency,
             "share of NVLink, ring all-reduces of large messages");
  latency("nccl_latency", &KernelSpec::nccl_latency, "of a ring all-reduce");
  latency("nccl_latency_per_doubling", &KernelSpec::nccl_latency_per_doubling,
          "more for each doubling of its GPUs");
  efficiency("custom_efficiency", &KernelSpec::custom_efficiency,
             "share of NVLink, one-shot all-reduces");
  latency("custom_latency", &KernelSpec::custom_latency, "of a one-shot all-reduce");
  latency("custom_latency_per_doubling", &KernelSpec::custom_latency_per_doubling,
          "more for each doubling of its GPUs");
  efficiency("send_efficiency", &KernelSpec::send_efficiency,
             "share of NVLink, send/recv between two GPUs of a node");
  latency("send_latency", &KernelSpec::send_latency, "of one send/recv");
  section.optional("machine", &KernelSpec::machine, text_kind(),
                   "whose entry under a profile's machines stands for its nodes; without it, that "
                   "of its own name");
  add_origin(section, "calibrated");
  return section.build();
}

SectionDecl gpu_section() {
  Section<GpuSpec> section;
  section.field("memory", &GpuSpec::memory, bytes_kind(), "", "memory of one GPU")
      .field("memory_bandwidth", &GpuSpec::memory_bandwidth, bandwidth_kind(), "",
             "peak bandwidth of that memory")
      .field("fp16", &GpuSpec::fp16, flop_kind(true), "", "dense tensor-core peak in fp16")
      .field("fp8", &GpuSpec::fp8, flop_kind(), "0", "dense peak in fp8; 0: not supported")
      .field("int8", &GpuSpec::int8, flop_kind(), "0", "dense peak in int8; 0: not supported")
      .field("bf16", &GpuSpec::bf16, flag_kind(), "true", "whether it computes in bf16")
      .field("tdp", &GpuSpec::tdp, watts_kind(), "", "power limit of one GPU")
      .field("idle_power_share", &GpuSpec::idle_power_share, ratio_kind({0, 1, false}), "0.17",
             "share of tdp drawn without work, ready or down")
      .field("active_power_share", &GpuSpec::active_power_share, ratio_kind({0, 1, false}), "0.3",
             "share of tdp drawn in a step, before what it computes and reads")
      .field("compute_power_share", &GpuSpec::compute_power_share, ratio_kind({0, 10, false}),
             "1.2", "share of tdp drawn on top at peak FLOPS; tdp is the limit of the sum")
      .field("memory_power_share", &GpuSpec::memory_power_share, ratio_kind({0, 10, false}), "0.8",
             "share of tdp drawn on top at peak memory bandwidth")
      .field("kernels", &GpuSpec::kernels, reference_kind<std::size_t>(NameList::kernels), "",
             "what its kernels reach")
      .field("gpus_per_node", &GpuSpec::gpus_per_node, count_kind(1, 1024), "8", "GPUs in a node")
      .field("nvlink", &GpuSpec::nvlink, bandwidth_kind(), "",
             "between GPUs of a node, per GPU and direction")
      .field("pcie", &GpuSpec::pcie, bandwidth_kind(), "", "to the host, per GPU and direction")
      .field("nic", &GpuSpec::nic, bandwidth_kind(), "", "network of a node, per direction")
      .field("node_hop_bandwidth", &GpuSpec::node_hop_bandwidth, bandwidth_kind(), "",
             "send/recv of one pipeline hop between nodes")
      .field("node_hop_latency", &GpuSpec::node_hop_latency, duration_kind(false, longest_cost), "",
             "latency of that hop")
      .field("ssd", &GpuSpec::ssd, bandwidth_kind(), "", "sequential read of a node's SSDs")
      .field("host_memory", &GpuSpec::host_memory, bytes_kind(), "", "main memory of a node")
      .field("decode_extrapolated", &GpuSpec::decode_extrapolated, flag_kind(), "false",
             "no public decode measurement exists; results say so");
  add_origin(section, "published");
  add_aliases(section);
  return section.build();
}

SectionDecl model_section() {
  constexpr int many = 10'000'000;
  Section<ModelSpec> section;
  section
      .field("parameters", &ModelSpec::parameters, big_count_kind(1, 1'000'000'000'000'000), "",
             "all weights")
      .field("active_parameters", &ModelSpec::active_parameters,
             big_count_kind(0, 1'000'000'000'000'000), "0", "weights used per token; 0: all")
      .derived("parameters")
      .field("layers", &ModelSpec::layers, count_kind(1, 10'000), "", "transformer layers")
      .field("hidden", &ModelSpec::hidden, count_kind(1, many), "", "width of the residual stream")
      .field("heads", &ModelSpec::heads, count_kind(1, 100'000), "", "query heads")
      .field("kv_heads", &ModelSpec::kv_heads, count_kind(0, 100'000), "0", "key/value heads")
      .derived("heads")
      .field("head_dim", &ModelSpec::head_dim, count_kind(0, many), "0", "width of a head")
      .derived("hidden / heads")
      .field("ffn", &ModelSpec::ffn, count_kind(1, many), "", "width inside the MLP")
      .field("vocab", &ModelSpec::vocab, count_kind(1, many), "", "tokens in the vocabulary")
      .field("max_context", &ModelSpec::max_context, count_kind(1, 1 << 30), "",
             "published context limit in tokens")
      .field("gated_mlp", &ModelSpec::gated_mlp, flag_kind(), "false",
             "three MLP matrices instead of two")
      .field("experts", &ModelSpec::experts, count_kind(1, 100'000), "1", "experts per MLP")
      .field("experts_per_token", &ModelSpec::experts_per_token, count_kind(1, 100'000), "1",
             "experts that a token uses");
  add_origin(section, "published");
  add_aliases(section);
  SectionDecl decl = section.build();
  decl.finish = [origin = decl.finish](Reader& reader, const RawNode& map, const std::string& path,
                                       void* object, bool clean) {
    ModelSpec& model = *static_cast<ModelSpec*>(object);
    model.active_parameters =
        model.active_parameters == 0 ? model.parameters : model.active_parameters;
    model.kv_heads = model.kv_heads == 0 ? model.heads : model.kv_heads;
    if (model.head_dim == 0 && model.heads > 0) {
      model.head_dim = std::max(1, model.hidden / model.heads);
    }
    origin(reader, map, path, object, clean);
    if (clean && model.experts_per_token > model.experts) {
      reader.report(place_of_key(map, "experts_per_token"), join_path(path, "experts_per_token"),
                    fmt::format("a token cannot use {} of {} experts", model.experts_per_token,
                                model.experts));
    }
    if (clean && model.heads % model.kv_heads != 0) {
      reader.report(
          place_of_key(map, "kv_heads"), join_path(path, "kv_heads"),
          fmt::format("{} heads cannot share {} KV heads evenly", model.heads, model.kv_heads),
          "kv_heads must divide heads");
    }
    if (clean && model.active_parameters > model.parameters) {
      reader.report(place_of_key(map, "active_parameters"), join_path(path, "active_parameters"),
                    "more than all parameters");
    }
  };
  return decl;
}

SectionDecl profile_section() {
  Section<EngineProfile> section;
  section.field(
      "form", &EngineProfile::form,
      word_kind<StepForm>({{"operators", StepForm::operators}, {"linear", StepForm::linear}}),
      "operators", "how a step's time is computed");
  add_operator_keys(section);
  add_linear_keys(section);
  add_origin(section, "assumed");
  SectionDecl decl = section.build();
  decl.finish = [origin = decl.finish](Reader& reader, const RawNode& map, const std::string& path,
                                       void* object, bool clean) {
    origin(reader, map, path, object, clean);
    const EngineProfile& profile = *static_cast<EngineProfile*>(object);
    if (clean && is_linear(profile) &&
        profile.linear_step + profile.linear_token + profile.linear_sequence <= Duration{0}) {
      reader.report(map.place, join_path(path, "linear_step"), "steps would take no time",
                    "set linear_step, linear_token or linear_sequence above 0");
    }
  };
  return decl;
}

SectionDecl engine_section() {
  Section<EngineSpec> section;
  section
      .field("match", &EngineSpec::match, texts_kind(), "",
             "beginnings of its spellings in tables; case does not matter, the longest wins")
      .field("profile", &EngineSpec::profile, reference_kind<std::size_t>(NameList::profiles), "",
             "the profile that stands for it")
      .optional("closed_loop_profile", &EngineSpec::closed_loop_profile,
                reference_kind<std::size_t>(NameList::profiles),
                "another one that stands for it where it serves a closed loop")
      .field("tpot", &EngineSpec::tpot,
             word_kind<TpotMeaning>(
                 {{"mean", TpotMeaning::mean}, {"median_itl", TpotMeaning::median_itl}}),
             "mean", "what its time per output token is: the mean, or the median gap")
      .optional("max_num_batched_tokens", &EngineSpec::max_num_batched_tokens,
                count_kind(1, 1 << 30), "prompt tokens that it computes in one pass")
      .optional("tokens_beyond_prompt", &EngineSpec::tokens_beyond_prompt, count_kind(0, 1 << 30),
                "in closed loops, instead of max_num_batched_tokens: a pass holds one prompt, a "
                "token of each request in flight, and so many more")
      .optional("prompt_pass_tokens", &EngineSpec::prompt_pass_tokens, count_kind(1, 1 << 30),
                "in closed loops: as in a pool")
      .field("runtime_memory", &EngineSpec::runtime_memory, byte_count_kind(), "0B", "as in a pool")
      .field("chunked_prefill", &EngineSpec::chunked_prefill, flag_kind(), "true",
             "in closed loops: prompts run beside decodes; false: before them, alone")
      .field("front_end", &EngineSpec::front_end, duration_kind(false, longest_cost), "0",
             "in closed loops: mean time from a client's send to the engine's queue")
      .field("output_spread", &EngineSpec::output_spread, ratio_kind({0, 0.99, false}), "0",
             "in closed loops: outputs lie evenly within this share of their mean")
      .field("fp8_kv", &EngineSpec::fp8_kv, flag_kind(), "false",
             "with weights in fp8 it keeps KV in fp8, too");
  add_origin(section, "assumed");
  return section.build();
}

SectionDecl price_section() {
  Section<PriceSpec> section;
  section
      .field("gpu", &PriceSpec::gpu, text_kind(), "",
             "the GPU that it is for: a name in catalog.gpus")
      .field("provider", &PriceSpec::provider, text_kind(), "", "who rents it out")
      .derived("not said")
      .written_when([](const PriceSpec& price) { return !price.provider.empty(); })
      .field("region", &PriceSpec::region, text_kind(), "", "where")
      .derived("not said")
      .written_when([](const PriceSpec& price) { return !price.region.empty(); })
      .field("on_demand", &PriceSpec::on_demand, usd_per_hour_kind(), "0",
             "per GPU and hour; 0: not offered")
      .field("reserved", &PriceSpec::reserved, usd_per_hour_kind(), "0",
             "per GPU and hour, reserved for a year; 0: not offered")
      .field("reserved_3y", &PriceSpec::reserved_3y, usd_per_hour_kind(), "0",
             "per GPU and hour, reserved for three years; 0: not offered")
      .field("spot", &PriceSpec::spot, usd_per_hour_kind(), "0",
             "per GPU and hour, reclaimable; 0: not offered")
      .field("as_of", &PriceSpec::as_of, text_kind(), "unknown", "date of the quotation")
      .optional("until", &PriceSpec::until, utc_kind(),
                "from then on the price named by `then` is in force")
      .optional("then", &PriceSpec::then, reference_kind<std::size_t>(NameList::prices),
                "the price that follows");
  add_origin(section, "published");
  SectionDecl decl = section.build();
  decl.finish = [origin = decl.finish](Reader& reader, const RawNode& map, const std::string& path,
                                       void* object, bool clean) {
    origin(reader, map, path, object, clean);
    if (const RawNode* const gpu = map.find("gpu")) {
      find_reference(reader, NameList::gpus, *gpu, join_path(path, "gpu"));
    }
    const auto& price = *static_cast<const PriceSpec*>(object);
    if (price.until.has_value() != price.then.has_value()) {
      reader.report(map.place, path, "until and then go together",
                    "say from when on which other price is in force");
    }
  };
  return decl;
}

SectionDecl loader_section() {
  Section<LoaderSpec> section;
  section
      .field("read", &LoaderSpec::read, bandwidth_kind(), "",
             "from SSD by one GPU's process, at most")
      .field("to_gpu", &LoaderSpec::to_gpu, bandwidth_kind(), "",
             "from main memory into one GPU, deserializing included, at most")
      .field("overlaps", &LoaderSpec::overlaps, flag_kind(), "false",
             "pulls, reads and copies at once; false: one after the other")
      .field("mapped", &LoaderSpec::mapped, flag_kind(), "false",
             "files are mapped: read-ahead fills the page cache while pages are copied, and "
             "replicas of a node share what one of them reads")
      .written_when([](const LoaderSpec& loader) { return loader.mapped; });
  add_origin(section, "measured");
  return section.build();
}

namespace {

bool has_fallback(const StoreConfig& store) {
  return store.fallback.has_value();
}

void finish_store(Reader& reader, const RawNode& map, const std::string& path, StoreConfig& store,
                  bool clean) {
  if (clean && store.wan && store.region.empty()) {
    reader.report(place_of_key(map, "wan"), join_path(path, "wan"),
                  "a bound to other regions, and the store's own is not said",
                  "give region, and the region of the pools that pull from afar");
  }
}

}  // namespace

SectionDecl store_section() {
  return Section<StoreConfig>{}
      .field("uplink", &StoreConfig::uplink, bandwidth_kind(), "",
             "bandwidth of one server, which all pulls from it share")
      .field("servers", &StoreConfig::servers, count_kind(1, 10'000), "1",
             "copies of the store, each with an uplink of its own; a pull goes to the one with "
             "the fewest pulls")
      .field("latency", &StoreConfig::latency, duration_kind(), "0", "before the first byte")
      .field("region", &StoreConfig::region, text_kind(), "", "where it stands")
      .derived("not said")
      .written_when([](const StoreConfig& store) { return !store.region.empty(); })
      .optional("wan", &StoreConfig::wan, bandwidth_kind(),
                "what all its servers together send to the pools of one other region, at most")
      .optional("fallback", &StoreConfig::fallback, reference_kind<std::size_t>(NameList::stores),
                "another store that has the same weights: pulls go there, and go on there, while "
                "this one is down")
      .field("choice", &StoreConfig::choice,
             word_kind<StoreChoice>(
                 {{"nearest", StoreChoice::nearest}, {"least_busy", StoreChoice::least_busy}}),
             "nearest",
             "which of it, its fallback, the fallback of that and so on, of those that are up; "
             "nearest: the first; least_busy: the one with the fewest pulls for its uplinks")
      .only_when("fallback is given", has_fallback)
      .written_when(has_fallback)
      .finish(finish_store)
      .build();
}

}  // namespace plimsoll
