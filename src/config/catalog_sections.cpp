// Config: catalog entries: GPUs, models, engine profiles, prices; stores stand beside them.
#include <fmt/format.h>

#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

Kind<Provenance> provenance_kind() {
  return word_kind<Provenance>({{"measured", Provenance::measured},
                                {"published", Provenance::published},
                                {"calibrated", Provenance::calibrated},
                                {"assumed", Provenance::assumed},
                                {"rumour", Provenance::rumour}});
}

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

bool is_roofline(const EngineProfile& profile) {
  return profile.form == StepForm::roofline;
}
bool is_linear(const EngineProfile& profile) {
  return profile.form == StepForm::linear;
}

void add_roofline_keys(Section<EngineProfile>& section) {
  const AtLeast share{0, 1, true};
  const auto only_roofline = [&section] { section.only_when("form: roofline", is_roofline); };
  const auto efficiency = [&](const char* key, double EngineProfile::*member, const char* standard,
                              const char* help) {
    section.field(key, member, ratio_kind(share), standard, help);
    only_roofline();
  };
  const auto latency = [&](const char* key, Duration EngineProfile::*member, const char* help) {
    section.field(key, member, duration_kind(false, longest_cost), "0", help);
    only_roofline();
  };
  efficiency("gemm_efficiency", &EngineProfile::gemm_efficiency, "0.6",
             "share of peak FLOPS that matrix products reach at many tokens");
  section.field("gemm_half_tokens", &EngineProfile::gemm_half_tokens, number_kind(), "64",
                "tokens in a step at which half of that is reached");
  only_roofline();
  efficiency("weight_read_efficiency", &EngineProfile::weight_read_efficiency, "0.8",
             "share of memory bandwidth when weights are read");
  efficiency("kv_read_efficiency", &EngineProfile::kv_read_efficiency, "0.7",
             "share of memory bandwidth when decode attention reads KV");
  efficiency("attention_efficiency", &EngineProfile::attention_efficiency, "0.4",
             "share of peak FLOPS in prefill attention");
  efficiency("collective_efficiency", &EngineProfile::collective_efficiency, "0.7",
             "share of NVLink bandwidth in large collectives");
  latency("collective_latency", &EngineProfile::collective_latency, "latency of one all-reduce");
  latency("host_per_layer", &EngineProfile::host_per_layer,
          "launch time per layer; overlaps with the device");
  latency("host_per_step", &EngineProfile::host_per_step,
          "serial time per step: scheduling, sampling");
  latency("host_per_sequence", &EngineProfile::host_per_sequence,
          "serial time per sequence that emits a token");
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
      word_kind<StepForm>({{"roofline", StepForm::roofline}, {"linear", StepForm::linear}}),
      "roofline", "how a step's time is computed");
  add_roofline_keys(section);
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
                count_kind(1, 1 << 30), "prompt tokens that it computes in one pass");
  add_origin(section, "assumed");
  return section.build();
}

SectionDecl price_section() {
  Section<PriceSpec> section;
  section
      .field("gpu", &PriceSpec::gpu, text_kind(), "",
             "the GPU that it is for: a name in catalog.gpus")
      .field("on_demand", &PriceSpec::on_demand, usd_per_hour_kind(), "0",
             "per GPU and hour; 0: not offered")
      .field("reserved", &PriceSpec::reserved, usd_per_hour_kind(), "0",
             "per GPU and hour under a long contract; 0: not offered")
      .field("spot", &PriceSpec::spot, usd_per_hour_kind(), "0",
             "per GPU and hour, reclaimable; 0: not offered")
      .field("as_of", &PriceSpec::as_of, text_kind(), "unknown", "date of the quotation");
  add_origin(section, "published");
  SectionDecl decl = section.build();
  decl.finish = [origin = decl.finish](Reader& reader, const RawNode& map, const std::string& path,
                                       void* object, bool clean) {
    origin(reader, map, path, object, clean);
    if (const RawNode* const gpu = map.find("gpu")) {
      find_reference(reader, NameList::gpus, *gpu, join_path(path, "gpu"));
    }
  };
  return decl;
}

SectionDecl store_section() {
  return Section<StoreConfig>{}
      .field("uplink", &StoreConfig::uplink, bandwidth_kind(), "",
             "bandwidth that all pulls from it share")
      .field("latency", &StoreConfig::latency, duration_kind(), "0", "before the first byte")
      .build();
}

}  // namespace plimsoll
