// What a validated scenario says, as plain immutable structs: every range and cross-field check has
// been made, every default is filled in, every name is resolved to a position in a list.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/allocation_config.hpp"
#include "plimsoll/autoscale_config.hpp"
#include "plimsoll/disaggregation_config.hpp"
#include "plimsoll/elasticity_config.hpp"
#include "plimsoll/experiments_config.hpp"
#include "plimsoll/faults_config.hpp"
#include "plimsoll/horizon_config.hpp"
#include "plimsoll/ids.hpp"
#include "plimsoll/money_config.hpp"
#include "plimsoll/monitoring_config.hpp"
#include "plimsoll/path_config.hpp"
#include "plimsoll/policies/params.hpp"
#include "plimsoll/rollout_config.hpp"
#include "plimsoll/units.hpp"
#include "plimsoll/users_config.hpp"

namespace plimsoll {

/// Where a single figure of a catalog entry comes from, when not from the entry's own source.
struct FigureSource {
  std::string name;  // the entry's key, e.g. "nic"
  std::string source;
  Provenance provenance = Provenance::published;
};

enum class Precision : std::uint8_t { fp16, bf16, fp8, int8 };

/// Bytes of one number.
constexpr int bytes_of(Precision precision) {
  return precision == Precision::fp16 || precision == Precision::bf16 ? 2 : 1;
}

/// One GPU type and the node that it comes in. Rates are peaks from the data sheet.
struct GpuSpec {
  std::string name;
  Bytes memory;                     // per GPU
  BytesPerSecond memory_bandwidth;  // per GPU
  FlopRate fp16;                    // dense tensor-core peak
  FlopRate fp8;                     // 0: not supported
  FlopRate int8;                    // 0: not supported (operations/s)
  bool bf16 = true;                 // bf16 tensor cores present
  Watts tdp;                        // per GPU
  // Power as shares of `tdp` (docs/step_time.md), in [0, 1] the first two.
  double idle_power_share = 0.17;    // ready or down, no step running
  double active_power_share = 0.3;   // in a step, before what it computes and reads
  double compute_power_share = 1.2;  // on top, at peak FLOPS; tdp is the limit of the sum
  double memory_power_share = 0.8;   // on top, at peak memory bandwidth
  std::size_t kernels = 0;           // into Config::kernels
  int gpus_per_node = 8;
  BytesPerSecond nvlink;              // per GPU and direction
  BytesPerSecond pcie;                // per GPU and direction
  BytesPerSecond nic;                 // per node and direction: weight pulls, KV transfers
  BytesPerSecond node_hop_bandwidth;  // send/recv of one pipeline hop between nodes
  Duration node_hop_latency{};        // ... and its latency
  BytesPerSecond ssd;                 // sequential read per node
  Bytes host_memory;                  // per node
  bool decode_extrapolated = false;   // no public decode measurement: results say so
  std::string source;
  Provenance provenance = Provenance::published;
  std::vector<FigureSource> figures{};  // sorted by name
  std::vector<std::string> aliases{};   // other spellings, in tables of measurements
};

/// One transformer. Shapes as in its published configuration.
struct ModelSpec {
  std::string name;
  std::int64_t parameters = 0;         // all weights
  std::int64_t active_parameters = 0;  // per token; equals parameters when dense
  int layers = 0;
  int hidden = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int ffn = 0;
  int vocab = 0;
  int max_context = 0;     // tokens
  bool gated_mlp = false;  // three FFN matrices instead of two
  int experts = 1;
  int experts_per_token = 1;
  std::string source;
  Provenance provenance = Provenance::published;
  std::vector<FigureSource> figures{};
  std::vector<std::string> aliases{};  // other spellings, in tables of measurements
};

/// Matrix products on one GPU at one width of numbers. A product of m x k by k x n takes
///   latency + (compute^overlap + memory^overlap)^(1/overlap)
/// with compute = 2 m n k / (peak x efficiency), memory = bytes / (bandwidth x read_efficiency).
struct GemmKernels {
  double efficiency = 0.8;       // of peak FLOPS, large products; in (0, 1]
  double read_efficiency = 0.8;  // of peak memory bandwidth, small m; in (0, 1]
  double overlap = 2;            // 1: the two add; the larger, the nearer to their maximum; >= 1
  FineDuration latency{};        // of one product, however small
};

/// What the kernels of a GPU generation reach, and the collectives between its GPUs: measured
/// kernel by kernel, whatever engine calls them. Efficiencies are shares of data-sheet peaks.
struct KernelSpec {
  std::string name;
  GemmKernels gemm;                   // weights of 16 bits
  GemmKernels gemm_8bit;              // weights of 8 bits, activations quantized on the way
  double grouped_share = 0.75;        // of these rates, where an MoE's grouped products compute
  double attention_efficiency = 0.5;  // of peak FLOPS, prefill attention of long prompts
  double attention_extra_keys = 500;  // a token costs as much as so many more query-key pairs
  FineDuration attention_latency{};   // of one prefill attention
  double kv_read_efficiency = 0.9;    // of peak memory bandwidth, decode attention
  FineDuration kv_read_latency{};     // of one decode attention
  double nccl_efficiency = 0.6;       // of NVLink, large ring all-reduces
  FineDuration nccl_latency{};        // of an all-reduce, beside:
  FineDuration nccl_latency_per_doubling{};  // for each doubling of its GPUs
  double custom_efficiency = 0.5;            // of NVLink, one-shot all-reduces of small messages
  FineDuration custom_latency{};
  FineDuration custom_latency_per_doubling{};
  double send_efficiency = 0.7;  // of NVLink, send/recv between two GPUs of a node
  FineDuration send_latency{};
  std::optional<std::string> machine;  // whose MachineSpec stands for its nodes; its own name's
  std::string source;
  Provenance provenance = Provenance::calibrated;
  std::vector<FigureSource> figures{};
};

enum class StepForm : std::uint8_t {
  operators,  // the kernels of the GPU, composed as the engine composes them
  linear,     // the affine coefficients below, for users who measured them (and for tests)
};

/// How launching kernels from the host stands to running them.
enum class HostLaunch : std::uint8_t {
  overlaps,  // asynchronous: a step takes the longer of the two
  adds,      // synchronous
};

/// How prefill attention is computed.
enum class Attention : std::uint8_t {
  flash,         // fused: scores stay on the chip (Dao et al., NeurIPS 2022)
  materialized,  // scores are written to memory and read again
};

enum class AllReduce : std::uint8_t { nccl, custom };

/// What an engine does on one kind of machine (by kernels), beyond what its kernels tell.
struct MachineSpec {
  std::string name;                                    // a KernelSpec's name
  double host_factor = 1;                              // its host's times x this
  std::optional<BytesPerSecond> large_pass_bandwidth;  // see EngineProfile::large_pass_tokens
};

/// How an inference engine uses the hardware: multiples of what the kernels reach, and what it
/// adds. Formulas: docs/step_time.md.
struct EngineProfile {
  std::string name;
  StepForm form = StepForm::operators;
  // form: operators. Shares are of the kernels' rates, in (0, 1]; factors multiply latencies.
  double gemm_share = 1;
  std::optional<double> gemm_share_16bit;  // with weights of 16 bits; gemm_share
  double read_share = 1;                   // weight reads
  double attention_share = 1;              // prefill attention
  double kv_share = 1;                     // decode attention
  double collective_share = 1;
  double kernel_latency_factor = 1;      // 16-bit products and attentions
  double quantize_latency_factor = 1;    // 8-bit products
  double kv_read_latency_factor = 1;     // decode attention
  double collective_latency_factor = 1;  // all-reduces
  AllReduce all_reduce = AllReduce::custom;
  Attention attention = Attention::flash;
  double activation_passes = 0;   // reads and writes of hidden activations per layer, elementwise
  FineDuration layer_overhead{};  // device time per layer beside all operators
  HostLaunch host = HostLaunch::overlaps;
  FineDuration host_per_layer{};  // launch time per layer
  // The same in a pass that computes prompts, where no captured graph can be replayed and more
  // kernels are launched; counts where it is longer than host_per_layer.
  FineDuration host_per_prompt_layer{};
  FineDuration host_per_step{};      // serial: scheduling, sampling
  FineDuration host_per_sequence{};  // serial, per sequence that emits a token
  int large_pass_tokens = 0;         // all-reduces of larger passes lose bandwidth; 0: they do not
  std::vector<MachineSpec> machines{};  // sorted by name
  // form: linear
  Duration linear_step{};      // per step
  Duration linear_token{};     // per new token (prompt or output)
  Duration linear_sequence{};  // per sequence that emits a token
  Duration linear_kv_token{};  // per KV token read
  std::string source;
  Provenance provenance = Provenance::assumed;
  std::vector<FigureSource> figures{};
};

/// What a table of measurements means by time per output token.
enum class TpotMeaning : std::uint8_t {
  mean,        // (e2e - ttft) / (n - 1), the mean over requests
  median_itl,  // the median gap between tokens
};

/// An inference engine as tables of measurements name it, and how it was run there.
struct EngineSpec {
  std::string name;
  std::vector<std::string> match;  // beginnings of its spellings; the longest that fits wins
  std::size_t profile = 0;         // into Config::profiles
  std::optional<std::size_t> closed_loop_profile;  // where it served a closed loop
  TpotMeaning tpot = TpotMeaning::mean;
  std::optional<int> max_num_batched_tokens;  // prompt tokens of one pass; the pool's default else
  std::optional<int> tokens_beyond_prompt;  // in closed loops: a pass holds one prompt, a token of
                                            // each in flight, and so many more
  std::optional<int> prompt_pass_tokens;    // in closed loops: see PoolConfig
  Bytes runtime_memory{};                   // see PoolConfig
  bool chunked_prefill = true;              // in closed loops
  Duration front_end{};  // from a client's send to the engine's queue, in closed loops: mean of an
                         // exponential law
  double output_spread = 0;  // in closed loops: outputs lie evenly within this share of their mean
  bool fp8_kv = false;       // with weights in fp8 it keeps KV in fp8, too
  std::string source;
  Provenance provenance = Provenance::assumed;
  std::vector<FigureSource> figures{};
};

/// Hourly prices of one GPU by contract; 0 = not offered.
struct PriceSpec {
  std::string name;
  std::string gpu;  // a GpuSpec's name
  std::string provider;
  std::string region;  // empty: not said
  UsdPerHour on_demand;
  UsdPerHour reserved;     // for a year
  UsdPerHour reserved_3y;  // for three
  UsdPerHour spot;
  std::string as_of;                // date of the quotation
  std::optional<UtcTime> until;     // from then on `then` is in force
  std::optional<std::size_t> then;  // into Config::prices; there is one exactly when `until` is
  std::string source;
  Provenance provenance = Provenance::published;
  std::vector<FigureSource> figures{};
};

/// How fast a program reads weights and brings them into a GPU.
struct LoaderSpec {
  std::string name;
  BytesPerSecond read;    // from SSD, by one GPU's process, at most
  BytesPerSecond to_gpu;  // from main memory into one GPU, deserializing included, at most
  bool overlaps = false;  // both at once; false: first all is read
  bool mapped = false;    // through the page cache of the node, which its replicas share
  std::string source;
  Provenance provenance = Provenance::measured;
  std::vector<FigureSource> figures{};
};

enum class Batching : std::uint8_t { continuous, static_batch };

/// How KV memory is given to sequences.
enum class KvLayout : std::uint8_t {
  paged,       // block by block as they grow
  contiguous,  // max_context tokens each, from admission to the end (reserve-maximum)
};

/// Whether replicas serve at t = 0 or first pull their weights from a store.
enum class PoolStart : std::uint8_t { ready, cold };

/// Speculative decoding: a draft model proposes tokens, the pool's model verifies them.
struct SpeculationConfig {
  ModelIndex draft = 0;   // into Config::models; same GPUs, tp, precision and profile, one stage
  int tokens = 4;         // proposed per step and sequence
  double acceptance = 0;  // probability of each proposal, given that those before it were accepted
};

/// Tensor-parallel communication, where a pool does otherwise than its engine.
struct CollectiveConfig {
  std::optional<AllReduce> all_reduce;
  Precision precision = Precision::fp16;  // of activations on the way: 8 bits are quantized first
  double overlap = 0;  // share of the products' time under which communication may hide, 0 .. 1
};

/// Replicas of one kind: same GPU, model, layout and batching.
struct PoolConfig {
  std::string name;
  std::size_t gpu = 0;               // into Config::gpus
  ModelIndex model = 0;              // into Config::models
  std::size_t profile = 0;           // into Config::profiles
  std::optional<std::size_t> price;  // into Config::prices
  Contract contract = Contract::on_demand;
  int replicas = 1;
  int tp = 1;
  int pp = 1;
  Precision weight_precision = Precision::fp16;
  Precision kv_precision = Precision::fp16;
  Batching batching = Batching::continuous;
  int max_num_seqs = 256;             // sequences running in a replica
  int max_num_batched_tokens = 2048;  // token budget of one micro-batch in one step
  bool chunked_prefill = true;
  // A step computes its prompts apart from its decodes, in passes of at most so many tokens; the
  // last token of a prompt joins the decodes, and their pass ends the step.
  std::optional<int> prompt_pass_tokens;
  std::optional<SpeculationConfig> speculation;
  std::optional<Attention> attention;  // the engine's when absent
  CollectiveConfig collectives;
  KvLayout kv_layout = KvLayout::paged;   // contiguous when static batches
  bool prefix_cache = false;              // KV of prompts' beginnings is kept for later requests
  int block_size = 16;                    // tokens of a KV block
  double gpu_memory_utilization = 0.9;    // share of memory for weights + activations + KV
  Bytes runtime_memory{};                 // of that share, what CUDA, its graphs and NCCL hold
  std::optional<std::int64_t> kv_blocks;  // set directly instead of computed
  double watermark = 0.01;                // share of KV blocks kept free at admission
  int max_context = 0;                    // tokens; the model's when the scenario says nothing
  PoolStart start = PoolStart::ready;
  std::optional<ProcurementConfig> procurement;  // when set, added replicas start cold
  std::optional<WeightsConfig> weights;
  std::optional<std::size_t> store;  // into Config::stores, for cold starts
  std::string region;                // where it stands; empty: not said
  Duration provision{};              // cold: before the weights are pulled
  Duration warm_up{};                // cold: after the weights are there
  std::optional<Duration> drain_timeout;
  std::optional<AutoscaleConfig> autoscale;
  std::optional<AllocationConfig> allocation;  // its machines are shared ones
  int surge = 0;  // slots for replicas that a rollout adds meanwhile and those of notice_slots();
                  // derived
  PoolRole role = PoolRole::both;
  std::string datacenter;  // of path.edge, in which it stands; empty: in all of them
  std::optional<Duration>
      kv_transfer_latency;  // of a prefill pool; the GPU's node_hop_latency else
};

/// All slots of a pool: no more replicas are rented at once.
inline int replica_slots(const PoolConfig& pool) {
  int slots = (pool.autoscale ? pool.autoscale->max_replicas : pool.replicas) + pool.surge;
  if (pool.procurement) {
    for (const OrderConfig& order : pool.procurement->orders) {
      slots += order.replicas;
    }
  }
  return slots;
}

/// Slots for replacements of spot replicas that were given notice and still drain in their own: the
/// last ones of the pool. An autoscaler has those up to its maximum instead.
inline int notice_slots(const PoolConfig& pool) {
  if (!pool.procurement || pool.autoscale) {
    return 0;
  }
  const ProcurementConfig& procurement = *pool.procurement;
  if (procurement.spot) {
    const bool needed = procurement.spot->replace && procurement.spot->notice > Duration::zero();
    return needed ? procurement.spot->replicas : 0;
  }
  int most = pool.replicas;
  for (const OrderConfig& order : procurement.orders) {
    most += order.replicas;
  }
  const bool needed = std::any_of(
      procurement.offers.begin(), procurement.offers.end(),
      [](const auto& offer) { return offer.reclaim_mean && offer.notice > Duration::zero(); });
  return needed ? most : 0;
}

/// The most replicas that a pool can ever want.
inline int most_replicas(const PoolConfig& pool) {
  return replica_slots(pool) - notice_slots(pool);
}

/// Whether replicas that are added pull their weights.
inline bool adds_cold(const PoolConfig& pool) {
  return pool.start == PoolStart::cold || pool.procurement.has_value() ||
         pool.allocation.has_value();
}

/// Whether its machines are bought from several offers.
inline bool has_offers(const PoolConfig& pool) {
  return pool.procurement && !pool.procurement->offers.empty();
}

/// Whether some of its machines may be taken back by who rents them out.
inline bool may_be_reclaimed(const PoolConfig& pool) {
  if (!pool.procurement) {
    return false;
  }
  for (const OfferConfig& offer : pool.procurement->offers) {
    if (offer.reclaim_mean) {
      return true;
    }
  }
  return pool.procurement->spot.has_value();
}

/// Whether somebody sends a bill for its GPUs.
inline bool is_priced(const PoolConfig& pool) {
  return pool.price || has_offers(pool);
}

/// Where weights come from, as a node sees it.
struct WeightSite {
  std::size_t store = 0;  // into Config::stores
  std::string region;     // of the node; empty: not said
  friend bool operator==(const WeightSite&, const WeightSite&) = default;
};

/// Of the nodes of an offer; of those of a pool without offers. The pool starts cold.
inline WeightSite site_of(const PoolConfig& pool, const OfferConfig& offer) {
  return {offer.store.value_or(*pool.store), offer.region};
}
inline WeightSite site_of(const PoolConfig& pool) {
  return {*pool.store, pool.region};
}

/// Whether an offer at a price is one of this provider (empty: anybody) and region (empty:
/// anywhere).
inline bool is_of(const OfferConfig& offer, const PriceSpec& price, const std::string& provider,
                  const std::string& region) {
  return (provider.empty() || price.provider == provider) &&
         (region.empty() || offer.region == region);
}

/// All of a pool that starts cold, each once.
inline std::vector<WeightSite> sites_of(const PoolConfig& pool) {
  if (!has_offers(pool)) {
    return {site_of(pool)};
  }
  std::vector<WeightSite> sites;
  for (const OfferConfig& offer : pool.procurement->offers) {
    const WeightSite site = site_of(pool, offer);
    if (std::find(sites.begin(), sites.end(), site) == sites.end()) {
      sites.push_back(site);
    }
  }
  return sites;
}

/// What an hour of one GPU costs under a contract; 0: not offered.
inline UsdPerHour price_of(const PriceSpec& price, Contract contract) {
  return contract == Contract::on_demand     ? price.on_demand
         : contract == Contract::reserved    ? price.reserved
         : contract == Contract::reserved_3y ? price.reserved_3y
                                             : price.spot;
}

/// Which of a store and its fallbacks a pull goes to, of those whose servers are up.
enum class StoreChoice : std::uint8_t {
  nearest,     // the first of them
  least_busy,  // that with the fewest pulls under way for its uplinks, the first of equal ones
};

/// A model store: a server of weights with a finite uplink.
struct StoreConfig {
  std::string name;
  int servers = 1;        // each with all weights; a pull goes to the one with the fewest
  BytesPerSecond uplink;  // of one server
  Duration latency{};
  std::string region;                   // where it stands; empty: not said
  std::optional<BytesPerSecond> wan;    // to all pools of another region; none: no bound
  std::optional<std::size_t> fallback;  // into Config::stores: a replica of it
  StoreChoice choice = StoreChoice::nearest;
};

/// Per-request service level objectives; a request that meets all that are set is goodput.
struct SloConfig {
  std::optional<Duration> ttft;
  std::optional<Duration> tpot;
  std::optional<Duration> e2e;
  std::optional<Duration> queue;
};

struct TierConfig {
  std::string name;
  bool stream = true;                // users see tokens as they come; false: the whole answer
  int priority = 0;                  // larger is served first under priority queues
  std::optional<Duration> deadline;  // longest wait before scheduling; overrides the queue's
  SloConfig slo;
  UsdPerMillion price_per_million_prompt_tokens;
  UsdPerMillion price_per_million_output_tokens;
};

/// How requests reach replicas: per model, over all pools that serve it.
/// What whoever joins the line is shown.
enum class ShownInLine : std::uint8_t {
  position,  // how many go first
  wait,      // that, and how long it will take
};

/// Places in line beyond the central queue. Whoever joins the line is shown where he stands.
struct WaitingRoomConfig {
  std::int64_t capacity = 0;  // requests beyond ServiceConfig::queue_capacity
  ShownInLine shows = ShownInLine::position;
  Duration averaging{};  // time constant of the mean pace of the line
};

struct ServiceConfig {
  PolicyConfig router;
  PolicyConfig queue;
  PolicyConfig admission;
  Duration scrape_interval{};       // routers see loads as of the last scrape; 0: as they are
  bool own_count = true;            // ... and add what they sent since
  std::int64_t queue_capacity = 0;  // requests waiting centrally; 0 = no limit
  std::optional<Duration> queue_deadline;  // longest wait before scheduling
  int max_outstanding = 0;  // requests per replica before the rest waits centrally; 0 = no limit
  std::optional<WaitingRoomConfig> waiting_room;  // needs queue_capacity and max_outstanding
};

/// The service of one model, where it is another than that of all others.
struct ModelServiceConfig {
  ModelIndex model = 0;
  ServiceConfig service;  // complete: what the scenario left out is as in Config::service
};

enum class ArrivalProcess : std::uint8_t { poisson, gamma, closed_loop };

/// One multiplier of the arrival rate over time; several multiply.
struct RateShape {
  enum class Kind : std::uint8_t { piecewise, diurnal, spike };
  struct Point {
    Duration at{};
    double factor = 1.0;
  };
  Kind kind = Kind::piecewise;
  // piecewise: linear between points, constant before the first and after the last
  std::vector<Point> points;
  // diurnal: 1 + (peak_to_mean - 1) cos(2 pi (t - peak_at) / period)
  Duration period{};
  Duration peak_at{};
  double peak_to_mean = 1.0;
  // spike: factor from `at` for `lasting`, linear ramps of `ramp` on both sides
  Duration at{};
  Duration lasting{};
  Duration ramp{};
  double factor = 1.0;
};

struct ArrivalConfig {
  ArrivalProcess process = ArrivalProcess::poisson;
  Frequency rate;         // requests/s at factor 1; open loops
  double cv = 1.0;        // coefficient of variation of the gaps; gamma
  int concurrency = 0;    // requests in flight; closed loop
  Duration think_time{};  // mean of the exponential gap before a user's next request; closed loop
  std::vector<RateShape> shapes;
};

/// A law of token counts; every draw is rounded to the nearest integer and clamped to
/// [minimum, maximum].
struct LengthLaw {
  enum class Kind : std::uint8_t { fixed, lognormal, exponential, quantiles };
  struct Quantile {
    double probability = 0.0;  // 0 .. 1, increasing over the list
    double tokens = 0.0;
  };
  Kind kind = Kind::fixed;
  double mean = 0.0;                // tokens (fixed: the value)
  double cv = 1.0;                  // lognormal
  std::vector<Quantile> quantiles;  // linear between them
  int minimum = 1;
  int maximum = 1 << 20;
};

/// Prompts begin with one of `groups` texts, e.g. system prompts.
struct PrefixLaw {
  int tokens = 0;     // of each text; a shorter prompt is the beginning of it
  int groups = 1;     // different texts
  double zipf = 0.0;  // text k = 1 .. groups has the weight k^-zipf
};

/// How the column reusable_prefix_tokens of a trace is followed; it says how much of a prompt was
/// seen before, and not in whose.
struct TracePrefixConfig {
  int common_tokens = 0;  // that all prompts with so many reusable ones begin with
  int granularity = 1;    // the trace counts in whole multiples of so many tokens
};

/// A share of the requests with its tier and, optionally, its own lengths.
struct RequestClassConfig {
  std::string name;
  double share = 1.0;             // weight; shares are normalized
  std::vector<RateShape> shapes;  // multiply the share over time, of open loops
  TierIndex tier = 0;
  ModelIndex model = 0;
  std::optional<LengthLaw> prompt;
  std::optional<LengthLaw> output;
  std::optional<PrefixLaw> prefix;
  std::optional<bool> stream;  // overrides the tier's
};

struct WorkloadConfig {
  std::string trace;  // a CSV file (.gz allowed) that replaces arrivals and lengths; empty: none
  double trace_speed = 1.0;       // arrival times are divided by this
  std::int64_t max_requests = 0;  // stop after so many arrivals; 0 = no limit
  ArrivalConfig arrivals;
  std::optional<UsersConfig> users;  // instead of arrivals
  LengthLaw prompt;
  LengthLaw output;
  std::optional<PrefixLaw> prefix;
  std::optional<TracePrefixConfig> trace_prefix;
  std::vector<RequestClassConfig> classes;  // at least one
};

struct MetricsConfig {
  Duration window{};                 // length of one SLO window
  std::int64_t sample_requests = 0;  // rows of requests.csv (reservoir sample)
  bool regions = false;              // rows by region of users and by datacenter
};

/// One condition on a metric, k6's grammar: "p(99)<3000", "avg<=50", "value>=0.999".
struct ThresholdConfig {
  std::string metric;   // e.g. "ttft_ms", "availability"
  std::string tag_key;  // "tier", "model", "pool", "region", "datacenter"; empty for the whole
  std::string tag_value;
  std::string text;           // the condition as written
  std::string statistic;      // "p", "avg", "min", "max", "value"
  double percentile = 0;      // for "p": 0 .. 100
  std::string comparison;     // "<", "<=", ">", ">="
  double bound = 0;           // in the metric's own unit
  bool every_window = false;  // must hold in each window, not only over the whole run
};

struct Config {
  std::string name;
  std::string description;
  std::uint64_t seed = 1;
  std::optional<UtcTime> start;     // the date of t = 0
  Duration duration{};              // arrivals stop here; 0: when the trace ends
  Duration drain{};                 // requests in flight then may finish for at most so long
  Duration warm_up{};               // requests that arrive earlier are counted but not measured
  bool fast_forward = true;         // false: one event per step, same bytes
  std::vector<KernelSpec> kernels;  // sorted by name, as all lists from YAML maps are
  std::vector<GpuSpec> gpus;
  std::vector<ModelSpec> models;
  std::vector<EngineProfile> profiles;
  std::vector<EngineSpec> engines;  // empty once a scenario is loaded: no pool refers to them
  std::vector<PriceSpec> prices;
  std::vector<LoaderSpec> loaders;
  std::vector<LoadShapeSpec> load_shapes;
  std::vector<StoreConfig> stores;
  std::vector<SharedGpusConfig> shared_gpus;
  std::vector<PoolConfig> pools;  // at least one
  std::vector<TierConfig> tiers;  // at least one
  std::optional<FaultsConfig> faults;
  std::vector<RolloutConfig> rollouts;  // sorted by name
  ServiceConfig service;
  std::vector<ModelServiceConfig> model_services;
  WorkloadConfig workload;
  std::optional<PathConfig> path;             // absent: requests go straight to the service
  std::vector<ExperimentConfig> experiments;  // sorted by name; no two concern the same class
  HorizonConfig horizon;
  MetricsConfig metrics;
  MoneyConfig money;
  std::optional<MonitoringConfig> monitoring;
  std::vector<ThresholdConfig> thresholds;
};

/// Nodes on which a replica's GPUs sit.
inline int nodes_per_replica(const Config& config, const PoolConfig& pool) {
  const int gpus_per_node = config.gpus[pool.gpu].gpus_per_node;
  return (pool.tp * pool.pp + gpus_per_node - 1) / gpus_per_node;
}

/// The service of a model.
inline const ServiceConfig& service_of(const Config& config, ModelIndex model) {
  for (const ModelServiceConfig& own : config.model_services) {
    if (own.model == model) {
      return own.service;
    }
  }
  return config.service;
}

/// Sequences that a replica of the pool can have in its batch: no more than the service gives it.
inline std::int64_t usable_slots_of(const Config& config, const PoolConfig& pool) {
  const int outstanding = service_of(config, pool.model).max_outstanding;
  return outstanding > 0 ? std::min(pool.max_num_seqs, outstanding) : pool.max_num_seqs;
}

/// How a pool computes prefill attention: its own choice, else its engine's.
inline Attention attention_of(const Config& config, const PoolConfig& pool) {
  return pool.attention.value_or(config.profiles.at(pool.profile).attention);
}

/// Whether users of a class see tokens as they come.
inline bool streams(const Config& config, const RequestClassConfig& request_class) {
  return request_class.stream.value_or(config.tiers[request_class.tier].stream);
}

/// Whether all users do.
inline bool everybody_streams(const Config& config) {
  for (const RequestClassConfig& request_class : config.workload.classes) {
    if (!streams(config, request_class)) {
      return false;
    }
  }
  return true;
}

/// Whether some pool works on prompts or on outputs alone.
inline bool disaggregates(const Config& config) {
  for (const PoolConfig& pool : config.pools) {
    if (pool.role != PoolRole::both) {
      return true;
    }
  }
  return false;
}

/// Into EdgeConfig::datacenters; none: the pool stands in all of them.
inline std::optional<std::size_t> datacenter_of(const Config& config, const PoolConfig& pool) {
  if (pool.datacenter.empty() || !config.path || !config.path->edge) {
    return std::nullopt;
  }
  const std::vector<DatacenterConfig>& datacenters = config.path->edge->datacenters;
  for (std::size_t i = 0; i < datacenters.size(); ++i) {
    if (datacenters[i].name == pool.datacenter) {
      return i;
    }
  }
  return std::nullopt;
}

/// Whether datacenters have pools of their own.
inline bool datacenters_own_pools(const Config& config) {
  for (const PoolConfig& pool : config.pools) {
    if (datacenter_of(config, pool)) {
      return true;
    }
  }
  return false;
}

/// Whether answers stay with their replicas until they are read.
inline bool holds_unread(const Config& config) {
  return config.path && config.path->streaming &&
         config.path->streaming->back_pressure == BackPressure::hold_kv;
}

/// Whether some pool has a prefix cache.
inline bool caches_prefixes(const Config& config) {
  for (const PoolConfig& pool : config.pools) {
    if (pool.prefix_cache) {
      return true;
    }
  }
  return false;
}

}  // namespace plimsoll
