// Command line: the options of every subcommand. The only file that includes CLI11, which takes
// long to compile.
#include "cli/command_line.hpp"

#include <fmt/core.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"

namespace plimsoll::cli {
namespace {

constexpr const char* see_help = "Run with --help for the options.";

/// Where the parser puts what it reads.
struct Arguments {
  RunArguments run;
  ScenarioArguments validate;
  PredictArguments predict;
  CalibrateArguments calibrate;
  TuneArguments tune;
  RightsizeArguments rightsize;
  ShowArguments show;
  std::string docs;
};

void add_scenario_options(CLI::App& command, ScenarioArguments& arguments) {
  command.add_option("SCENARIO", arguments.path, "The scenario file (YAML)")->required();
  command
      .add_option("--set", arguments.sets,
                  "Override one value, e.g. pools.a100.replicas=16; may be repeated")
      ->type_name("PATH=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_run(CLI::App& app, RunArguments& arguments) {
  auto& run = *app.add_subcommand("run", "Play a scenario and report what holds and what it costs");
  add_scenario_options(run, arguments.scenario);
  run.add_option("--out", arguments.out, "Folder of the result files [results/SCENARIO]")
      ->type_name("DIR");
  run.add_flag("--force", arguments.force, "Write into a folder that is not empty");
  run.add_option("--variant", arguments.scenario.variant,
                 "Play one variant of the scenario, or 'all' of them (base included)")
      ->type_name("NAME");
  run.add_option("--jobs", arguments.jobs, "With --variant all: processes at a time [1]")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""));
  run.add_option("--seed", arguments.scenario.seed, "Override the scenario's seed")->type_name("N");
  run.add_flag("--skip-bad-rows", arguments.skip_bad_rows,
               "Count bad rows of a trace instead of ending");
  run.add_flag("--quiet", arguments.quiet, "No summary, no progress, no log below warnings");
  run.add_flag("--no-files", arguments.no_files, "Write no result files");
  run.add_option_function<std::string>(
         "--format",
         [&arguments](const std::string& word) {
           arguments.format = word == "json" ? OutputFormat::json : OutputFormat::text;
         },
         "What goes to standard output: text or json [text]")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}).description(""));
}

void add_point(CLI::App& predict, PredictArguments& arguments) {
  constexpr int most_gpus = 1024;
  constexpr int most_sequences = 1'000'000;
  constexpr int most_tokens = 1 << 20;  // as in length laws
  const auto count = [&](const char* name, auto& value, int most, const char* help) {
    predict.add_option(name, value, help)
        ->type_name("N")
        ->check(CLI::Range(1, most).description(""));
  };
  const auto name = [&](const char* option, std::string& value, const char* help) {
    predict.add_option(option, value, help)->type_name("NAME");
  };
  name("--model", arguments.model, "The model served");
  name("--gpu", arguments.gpu, "The GPU type");
  name("--profile", arguments.profile, "How the inference engine uses the GPU");
  name("--engine", arguments.engine,
       "Whose profile, budgets and scheduling are taken where no option gives them, or none "
       "[that which --profile was fitted to]");
  count("--tp", arguments.tp, most_gpus, "Tensor-parallel GPUs [1]");
  count("--pp", arguments.pp, most_gpus, "Pipeline stages [1]");
  name("--precision", arguments.precision, "Of weights and arithmetic [fp16]");
  name("--kv-precision", arguments.kv_precision,
       "Of the KV cache; with --csv, of rows that do not say theirs [as the engine keeps it, else "
       "fp16]");
  count("--batch", arguments.batch, most_sequences, "Sequences that start and end together [1]");
  count("--concurrency", arguments.concurrency, most_sequences,
        "Instead of a batch: so many in flight, each sent anew when it is answered");
  count("--prompt", arguments.prompt, most_tokens, "Prompt tokens of each");
  count("--output", arguments.output, most_tokens, "Output tokens of each");
  count("--requests", arguments.requests, 1 << 30,
        "With --concurrency: requests played [10 for each in flight]");
  count("--max-num-batched-tokens", arguments.max_num_batched_tokens, 1 << 30,
        "Prompt tokens of one pass [2048]");
  count("--prompt-pass-tokens", arguments.prompt_pass_tokens, 1 << 30,
        "Prompts pass apart from decodes, at most so many tokens at a time");
  predict
      .add_option("--runtime-memory", arguments.runtime_memory,
                  "Memory that CUDA, its graphs and NCCL hold on each GPU [0B]")
      ->type_name("BYTES");
  predict.add_flag("--whole-prompts", arguments.whole_prompts,
                   "Prompts run before decodes, alone and whole: no chunked prefill");
  predict
      .add_option("--front-end", arguments.front_end,
                  "With --concurrency: mean time from a client's send to the engine's queue [0]")
      ->type_name("DURATION");
  predict
      .add_option("--output-spread", arguments.output_spread,
                  "With --concurrency: outputs lie evenly within this share of --output [0]")
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 0.99).description(""));
}

void add_predict(CLI::App& app, PredictArguments& arguments) {
  auto& predict = *app.add_subcommand(
      "predict", "Tell the times of one replica at one point, or at each row of a table");
  add_point(predict, arguments);
  predict
      .add_option_function<std::string>(
          "--format",
          [&arguments](const std::string& word) {
            arguments.format = word == "json" ? OutputFormat::json : OutputFormat::text;
          },
          "What goes to standard output: table or json [table]")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "json"}).description(""));
  predict
      .add_option(
          "--catalog", arguments.catalogs,
          "A catalog file or folder beside the one that comes with Plimsoll; may be repeated")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  auto& csv =
      *predict.add_option("--csv", arguments.csv, "A table of measurements (CSV) to predict");
  csv.type_name("FILE");
  predict.add_option("--out", arguments.out, "With --csv: the table to write")
      ->type_name("FILE")
      ->needs(&csv);
  predict.add_option("--jobs", arguments.jobs, "With --csv: processes at a time [processors]")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""))
      ->needs(&csv);
  for (const char* option :
       {"--model", "--gpu", "--profile", "--engine", "--tp", "--pp", "--precision", "--batch",
        "--concurrency", "--prompt", "--output", "--max-num-batched-tokens", "--format"}) {
    csv.excludes(predict.get_option(option));
  }
}

void add_calibrate(CLI::App& app, CalibrateArguments& arguments) {
  auto& calibrate =
      *app.add_subcommand("calibrate", "Fit a profile (or the kernels of a GPU) to measurements");
  const auto files = [&](const char* option, std::vector<std::string>& value, const char* help) {
    return calibrate.add_option(option, value, help)->type_name("FILE");
  };
  const auto text = [&](const char* option, std::string& value, const char* type,
                        const char* help) {
    return calibrate.add_option(option, value, help)->type_name(type);
  };
  auto* const data = files("--data", arguments.data, "Tables of measured replicas (CSV)");
  auto* const profile =
      text("--profile", arguments.profile, "NAME",
           "The profile: rows whose engine it stands for are fitted; with --start also one that "
           "the catalog does not have yet");
  text("--start", arguments.start, "NAME",
       "The profile whose other keys are taken over, and of whose rows where --profile has none "
       "[the same]");
  text("--fit", arguments.fit, "KEYS", "Keys to fit, with commas between them [the usual ones]");
  text("--host", arguments.host, "FORM",
       "Launching kernels overlaps with running them, adds, or choose by cross-validation [choose]")
      ->check(CLI::IsMember({"overlaps", "adds", "choose"}).description(""));
  auto* const kernels =
      files("--kernels", arguments.kernels, "Instead: tables of measured kernels (CSV)");
  text("--gpu", arguments.gpu, "NAME", "With --kernels: the GPU that they were measured on")
      ->needs(kernels);
  text("--source", arguments.source, "TEXT", "With --kernels: where they come from")
      ->needs(kernels);
  text("--out", arguments.out, "FILE", "The catalog file to write (YAML)");
  files("--catalog", arguments.catalogs,
        "A catalog file or folder beside the one that comes with Plimsoll; may be repeated")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  kernels->excludes(data);
  kernels->excludes(profile);
}

void add_tune(CLI::App& app, TuneArguments& arguments) {
  constexpr int most_tokens = 1 << 20;  // as in length laws
  auto& tune = *app.add_subcommand(
      "tune", "Rank layouts of a pool (tp, pp, precision, batch) by GPUs per request/s");
  add_scenario_options(tune, arguments.scenario);
  const auto text = [&](const char* name, std::string& value, const char* type, const char* help) {
    tune.add_option(name, value, help)->type_name(type);
  };
  const auto count = [&](const char* name, auto& value, int most, const char* help) {
    tune.add_option(name, value, help)->type_name("N")->check(CLI::Range(1, most).description(""));
  };
  text("--pool", arguments.pool, "NAME", "The pool [the only one]");
  text("--tier", arguments.tier, "NAME", "The tier whose objectives are to hold [the only one]");
  count("--prompt", arguments.prompt, most_tokens, "Prompt tokens [the mean of the workload]");
  count("--output", arguments.output, most_tokens, "Output tokens [the mean of the workload]");
  count("--gpus", arguments.most_gpus, 1024, "GPUs of a replica at most [all of the pool's]");
  count("--verify", arguments.verify, 64, "Play the scenario with so many of the best [none]");
  text("--out", arguments.out, "DIR", "With --verify: folder of the results [results/NAME.tune]");
  tune.add_flag("--force", arguments.force, "Write into a folder that is not empty");
}

void add_rightsize(CLI::App& app, RightsizeArguments& arguments) {
  auto& rightsize = *app.add_subcommand(
      "rightsize", "Find the smallest fleet at which the thresholds of a scenario hold");
  add_scenario_options(rightsize, arguments.scenario);
  rightsize.add_option("--pool", arguments.pool, "The pool to resize [all whose size is given]")
      ->type_name("NAME");
  rightsize.add_flag("--estimate", arguments.estimate,
                     "Tell what is used today and what that suggests, without a search");
  rightsize.add_option("--out", arguments.out, "Folder of what is played [results/NAME.rightsize]")
      ->type_name("DIR");
  rightsize.add_flag("--force", arguments.force, "Write into a folder that is not empty");
}

void add_others(CLI::App& app, Arguments& arguments) {
  auto& validate =
      *app.add_subcommand("validate", "Check a scenario and say what it is, without playing it");
  add_scenario_options(validate, arguments.validate);
  validate.add_option("--variant", arguments.validate.variant, "Apply one variant first")
      ->type_name("NAME");
  app.add_subcommand("schema", "Print the JSON Schema of scenarios, for editors");
  auto& show = *app.add_subcommand("show", "List policies, hardware, models, prices or metrics");
  show.add_option("WHAT", arguments.show.what, "One of the lists below")
      ->required()
      ->check(CLI::IsMember(
          {"policies", "gpus", "models", "profiles", "engines", "prices", "metrics"}));
  show.add_option("NAME", arguments.show.name, "One entry, in full");
  show.add_option("--catalog", arguments.show.catalog,
                  "A catalog file, or a folder of them [the one that comes with Plimsoll]")
      ->type_name("FILE");
  auto& docs = *app.add_subcommand("docs", "Print a generated reference (for tools/gen_docs)");
  docs.group("");  // not in --help
  docs.add_option("WHAT", arguments.docs)
      ->required()
      ->check(CLI::IsMember({"scenario", "policies"}));
}

/// Log lines go to stderr and carry no time, so that equal runs print equal text.
void set_up_log(bool quiet) {
  auto logger = spdlog::stderr_color_st("plimsoll");
  logger->set_pattern("plimsoll: %v");
  logger->set_level(quiet ? spdlog::level::warn : spdlog::level::info);
  spdlog::set_default_logger(logger);
}

std::function<int()> chosen_command(const CLI::App& app,
                                    const std::shared_ptr<const Arguments>& arguments) {
  const std::string name = app.get_subcommands().front()->get_name();
  if (name == "run") {
    return [arguments] {
      set_up_log(arguments->run.quiet);
      return arguments->run.scenario.variant == "all" ? run_all_variants(arguments->run)
                                                      : run_command(arguments->run);
    };
  }
  if (name == "predict") {
    return [arguments] { return predict_command(arguments->predict); };
  }
  if (name == "calibrate") {
    return [arguments] { return calibrate_command(arguments->calibrate); };
  }
  if (name == "tune") {
    return [arguments] {
      set_up_log(false);
      return tune_command(arguments->tune);
    };
  }
  if (name == "rightsize") {
    return [arguments] {
      set_up_log(false);
      return rightsize_command(arguments->rightsize);
    };
  }
  if (name == "validate") {
    return [arguments] { return validate_command(arguments->validate); };
  }
  if (name == "schema") {
    return [] { return schema_command(); };
  }
  if (name == "show") {
    return [arguments] { return show_command(arguments->show); };
  }
  return [arguments] { return docs_command(arguments->docs); };
}

}  // namespace

std::function<int()> parse_command_line(int argc, char** argv) {
  CLI::App app{
      "Plimsoll plays a scenario of an LLM inference fleet and says which service levels hold,\n"
      "what it costs, and what gives way first.",
      "plimsoll"};
  app.set_version_flag("--version", "plimsoll " PLIMSOLL_VERSION);
  app.require_subcommand(0, 1);  // that there is one is checked below, after unknown words
  app.get_formatter()->column_width(30);
  app.footer(
      "Exit codes: 0 thresholds hold, 99 a threshold fails, 2 usage or scenario, 70 a bug,\n"
      "74 input/output, 130 and 143 interrupted.");
  const auto arguments = std::make_shared<Arguments>();
  add_run(app, arguments->run);
  add_predict(app, arguments->predict);
  add_calibrate(app, arguments->calibrate);
  add_tune(app, arguments->tune);
  add_rightsize(app, arguments->rightsize);
  add_others(app, *arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& request) {  // --help and --version
    const int code = app.exit(request);
    return [code] { return code; };
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "plimsoll: {}\n{}\n", error.what(), see_help);
    return [] { return static_cast<int>(usage_or_scenario); };
  }
  if (app.get_subcommands().empty()) {
    fmt::print(
        stderr,
        "plimsoll: name a command: run, predict, calibrate, tune, rightsize, validate, schema or "
        "show\n{}\n",
        see_help);
    return [] { return static_cast<int>(usage_or_scenario); };
  }
  return chosen_command(app, arguments);
}

}  // namespace plimsoll::cli
