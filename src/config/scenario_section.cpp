// Config: the top of a scenario: everything else hangs below these keys.
#include <fmt/format.h>

#include <filesystem>

#include "config/kinds.hpp"
#include "config/path_parts.hpp"
#include "config/price_book.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

SectionDecl catalog_section() {
  return Section<Config>{}
      .named("kernels", &Config::kernels, kernel_section(), NameList::kernels,
             "what the kernels of GPU generations reach")
      .named("gpus", &Config::gpus, gpu_section(), NameList::gpus, "GPU types and their nodes")
      .named("models", &Config::models, model_section(), NameList::models, "transformers")
      .named("profiles", &Config::profiles, profile_section(), NameList::profiles,
             "how inference engines use the hardware")
      .named("engines", &Config::engines, engine_section(), NameList::none,
             "names of engines in tables of measurements, for `plimsoll predict --csv`")
      .named("prices", &Config::prices, price_section(), NameList::prices, "hourly prices of GPUs")
      .named("loaders", &Config::loaders, loader_section(), NameList::loaders,
             "programs that bring weights into GPUs")
      .named("load_shapes", &Config::load_shapes, load_shape_section(), NameList::load_shapes,
             "how load is spread over a day and a week")
      .build();
}

/// A scenario's name when it gives none: its file's, as far as that is a name.
std::string name_from_file(const RawNode& root) {
  std::string name = root.place.file ? std::filesystem::path{*root.place.file}.stem().string() : "";
  const auto is_name = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-' || c == '.';
  };
  std::replace_if(
      name.begin(), name.end(), [&](char c) { return !is_name(c); }, '_');
  return name.empty() ? "scenario" : name;
}

void add_default_tier(Reader& reader, Config& config) {
  if (config.tiers.empty()) {
    config.tiers.emplace_back().name = "default";
    reader.set_names(NameList::tiers, {"default"});
  }
}

/// Users have a calendar of their own: t = 0 is one date.
void settle_start(Reader& reader, const RawNode& root, Config& config) {
  if (!config.workload.users) {
    return;
  }
  const UtcTime of_users{std::chrono::seconds{config.workload.users->start_s}};
  if (config.start && *config.start != of_users) {
    reader.report(place_of_key(root, "start"), "start",
                  "workload.users.start is another date of t = 0", "leave one of the two out");
  }
  config.start = of_users;
}

void finish_scenario(Reader& reader, const RawNode& root, const std::string&, Config& config,
                     bool clean) {
  if (clean) {
    finish_rollouts(reader, root, config);
    for (PoolConfig& pool : config.pools) {
      pool.surge += notice_slots(pool);
    }
  }
  check_subscribers(reader, root, config);
  config.name = config.name.empty() ? name_from_file(root) : config.name;
  if (config.name.find_first_of("/\\ \t\n") != std::string::npos) {
    reader.report(place_of_key(root, "name"), "name", "expected a name without spaces and slashes",
                  "results go to a folder of this name");
  }
  const RawNode* const pools = root.find("pools");
  if (pools != nullptr && pools->is_map() && pools->entries.empty()) {
    reader.report(pools->place, "pools", "expected at least one pool");
  }
  if (clean && pools != nullptr) {
    check_roles_of_models(reader, *pools, config);
    check_datacenters(reader, root, config);
  }
  if (config.duration.count() == 0 && clean && config.workload.trace.empty() &&
      config.workload.max_requests == 0) {
    reader.report(place_of_key(root, "duration"), "duration",
                  root.find("duration") == nullptr
                      ? "missing key: expected a duration such as 1h"
                      : "0 means until the trace or max_requests ends, and there is neither",
                  "say when arrivals stop");
  }
  if (clean && config.metrics.regions && !(config.path && config.path->edge)) {
    reader.report(place_of_key(*root.find("metrics"), "regions"), "metrics.regions",
                  "there are no regions without path.edge", "name them, or leave regions out");
  }
  if (clean && config.duration.count() > 0 && config.warm_up >= config.duration) {
    reader.report(place_of_key(root, "warm_up"), "warm_up",
                  "the warm-up takes the whole duration: nothing would be measured",
                  "shorten it or lengthen duration");
  }
  if (clean) {
    check_horizon(reader, root, config);
    check_model_services(reader, root, config);
    check_waiting_rooms(reader, root, config);
    check_path(reader, root, config);
    check_experiments(reader, root, config);
    if (!config.experiments.empty() && !config.path) {
      config.path.emplace();  // which deals the requests to arms
    }
    settle_start(reader, root, config);
    settle_prices(reader, *root.find("pools"), config);
    finish_shared_gpus(reader, root, config);
  }
}

/// New positions of the entries that stay; entries that go have none.
template <class Spec>
std::vector<std::size_t> keep_used(std::vector<Spec>& list, const std::vector<bool>& used) {
  std::vector<std::size_t> position(list.size(), 0);
  std::vector<Spec> kept;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (used[i]) {
      position[i] = kept.size();
      kept.push_back(std::move(list[i]));
    }
  }
  list = std::move(kept);
  return position;
}

/// Those that a pool's offers name, and those that follow them.
std::vector<std::size_t> prices_of_offers(const Config& config, const PoolConfig& pool) {
  std::vector<std::size_t> prices;
  if (pool.procurement) {
    for (const OfferConfig& offer : pool.procurement->offers) {
      for (const std::size_t price : prices_to_come(config.prices, offer.price)) {
        prices.push_back(price);
      }
    }
  }
  return prices;
}

void keep_used_kernels(Config& config) {
  std::vector<bool> kernels(config.kernels.size());
  for (const GpuSpec& gpu : config.gpus) {
    kernels[gpu.kernels] = true;
  }
  const auto position = keep_used(config.kernels, kernels);
  for (GpuSpec& gpu : config.gpus) {
    gpu.kernels = position[gpu.kernels];
  }
}

void keep_used_load_shapes(Config& config) {
  std::vector<bool> used(config.load_shapes.size());
  const auto regions = [&](const auto& visit) {
    if (config.workload.users) {
      for (UserRegion& region : config.workload.users->regions) {
        visit(region);
      }
    }
  };
  regions([&](UserRegion& region) { used[region.load_shape] = true; });
  const auto position = keep_used(config.load_shapes, used);
  regions([&](UserRegion& region) { region.load_shape = position[region.load_shape]; });
}

/// Where models are referred to beside pools.
void renumber_models(Config& config, const std::vector<std::size_t>& model_position) {
  for (RevenueConfig& revenue : config.money.revenue) {
    if (revenue.model) {
      revenue.model = static_cast<ModelIndex>(model_position[*revenue.model]);
    }
  }
  for (RequestClassConfig& request_class : config.workload.classes) {
    request_class.model = static_cast<ModelIndex>(model_position[request_class.model]);
  }
  for (ModelServiceConfig& own : config.model_services) {
    own.model = static_cast<ModelIndex>(model_position[own.model]);
  }
  for (ExperimentConfig& experiment : config.experiments) {
    for (ArmConfig& arm : experiment.arms) {
      if (arm.model) {
        arm.model = static_cast<ModelIndex>(model_position[*arm.model]);
      }
    }
  }
  if (config.path && config.path->model_router) {
    for (SplitConfig& split : config.path->model_router->splits) {
      split.to = static_cast<ModelIndex>(model_position[split.to]);
    }
    for (SpilloverConfig& spillover : config.path->model_router->spillovers) {
      spillover.from = static_cast<ModelIndex>(model_position[spillover.from]);
      spillover.to = static_cast<ModelIndex>(model_position[spillover.to]);
    }
  }
}

}  // namespace

SectionDecl metrics_section() {
  return Section<MetricsConfig>{}
      .field("window", &MetricsConfig::window, millisecond_kind(), "10s",
             "length of one window of the time series and of window verdicts")
      .field("sample_requests", &MetricsConfig::sample_requests, big_count_kind(0, 100'000'000),
             "1000", "rows of requests.csv, drawn evenly from all requests")
      .field("regions", &MetricsConfig::regions, flag_kind(), "false",
             "slices by region of users and by datacenter, and the way between them; needs "
             "path.edge")
      .build();
}

SectionDecl scenario_section() {
  Section<Config> section;
  section.field("name", &Config::name, text_kind(), "", "names the results")
      .derived("the file's name")
      .field("description", &Config::description, text_kind(), "", "for people")
      .derived("empty")
      .written_when([](const Config& config) { return !config.description.empty(); })
      .field("seed", &Config::seed, seed_kind(), "1", "of all random streams")
      .optional("start", &Config::start, utc_kind(),
                "the date of t = 0: prices are those in force then, and change when they do")
      .field("duration", &Config::duration, duration_kind(), "",
             "arrivals stop then; 0: when the trace or max_requests ends")
      .derived("0 with a trace or max_requests, else required")
      .field("drain", &Config::drain, duration_kind(), "1h",
             "requests in flight then may finish for at most so long")
      .field("warm_up", &Config::warm_up, duration_kind(), "0",
             "requests that arrive earlier are counted but not measured")
      .field("fast_forward", &Config::fast_forward, flag_kind(), "true",
             "off: one event per step; the results are the same bytes")
      .group("catalog", catalog_section(), "what pools refer to")
      .named("stores", &Config::stores, store_section(), NameList::stores,
             "servers of model weights")
      .named("shared_gpus", &Config::shared_gpus, shared_gpus_section(), NameList::shared_gpus,
             "nodes whose GPUs go to replicas of several pools, by priority")
      .named("tiers", &Config::tiers, tier_section(), NameList::tiers,
             "kinds of customers and what they are promised")
      .then(add_default_tier)
      .named("pools", &Config::pools, pool_section(), NameList::pools,
             "replicas of one kind: same GPU, model, layout and batching")
      .required()
      .optional_section("faults", &Config::faults, faults_section(),
                        "machines, links and stores that break, and who notices")
      .named("rollouts", &Config::rollouts, rollout_section(), NameList::none,
             "new versions of weights, and how they come to the replicas of a pool")
      .section("service", &Config::service, service_section(), "how requests reach replicas")
      .list("model_services", &Config::model_services, model_service_section(),
            "services of single models, where they differ from `service`")
      .section("workload", &Config::workload, workload_section(), "what users send")
      .required()
      .optional_section("path", &Config::path, path_section(),
                        "what a request passes before the service, stage by stage")
      .named("experiments", &Config::experiments, experiment_section(), NameList::none,
             "A/B tests: arms that share the traffic, and the differences between them")
      .section("metrics", &Config::metrics, metrics_section(), "what is kept of a run")
      .section("money", &Config::money, money_section(), "what else costs, and who pays")
      .optional_section("monitoring", &Config::monitoring, monitoring_section(),
                        "what a production stack would see of the run, and its alerts")
      .custom(thresholds_field())
      .finish(finish_scenario);
  SectionDecl decl = section.build();
  add_horizon_fields(decl.fields);
  for (FieldDecl& field : decl.fields) {
    if (field.key == "tiers") {
      field.default_doc = "one tier named default";
    }
  }
  return decl;
}

void drop_unused_entries(Config& config) {
  std::vector<bool> gpus(config.gpus.size());
  std::vector<bool> models(config.models.size());
  std::vector<bool> profiles(config.profiles.size());
  std::vector<bool> prices(config.prices.size());
  std::vector<bool> loaders(config.loaders.size());
  config.engines.clear();
  for (const PoolConfig& pool : config.pools) {
    gpus[pool.gpu] = true;
    models[pool.model] = true;
    profiles[pool.profile] = true;
    if (pool.speculation) {
      models[pool.speculation->draft] = true;
    }
    if (pool.price) {
      for (const std::size_t price : prices_to_come(config.prices, *pool.price)) {
        prices[price] = true;
      }
    }
    for (const std::size_t price : prices_of_offers(config, pool)) {
      prices[price] = true;
    }
    if (pool.weights && pool.weights->loader) {
      loaders[*pool.weights->loader] = true;
    }
  }
  for (const RevenueConfig& revenue : config.money.revenue) {
    if (revenue.model) {
      models[*revenue.model] = true;
    }
  }
  const auto gpu_position = keep_used(config.gpus, gpus);
  keep_used_kernels(config);
  keep_used_load_shapes(config);
  const auto model_position = keep_used(config.models, models);
  const auto profile_position = keep_used(config.profiles, profiles);
  const auto price_position = keep_used(config.prices, prices);
  const auto loader_position = keep_used(config.loaders, loaders);
  for (PriceSpec& price : config.prices) {
    if (price.then) {
      price.then = price_position[*price.then];
    }
  }
  for (SharedGpusConfig& shared : config.shared_gpus) {
    shared.gpu = gpu_position[shared.gpu];
    shared.price = shared.price ? std::optional{price_position[*shared.price]} : std::nullopt;
  }
  for (PoolConfig& pool : config.pools) {
    pool.gpu = gpu_position[pool.gpu];
    pool.model = static_cast<ModelIndex>(model_position[pool.model]);
    pool.profile = profile_position[pool.profile];
    if (pool.speculation) {
      pool.speculation->draft = static_cast<ModelIndex>(model_position[pool.speculation->draft]);
    }
    if (pool.price) {
      pool.price = price_position[*pool.price];
    }
    if (pool.procurement) {
      for (OfferConfig& offer : pool.procurement->offers) {
        offer.price = price_position[offer.price];
      }
    }
    if (pool.weights && pool.weights->loader) {
      pool.weights->loader = loader_position[*pool.weights->loader];
    }
  }
  renumber_models(config, model_position);
}

}  // namespace plimsoll
