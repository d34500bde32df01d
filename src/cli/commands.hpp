// Command line: what each subcommand is given and does. Every *_command returns the exit code and
// throws ConfigError, IoError or InternalError, which main maps to exit codes. Results go to
// stdout, everything else to stderr.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plimsoll/scenario.hpp"

namespace plimsoll::cli {

/// Which scenario: the file and what the command line changes in it.
struct ScenarioArguments {
  std::string path;
  std::vector<std::string> sets;    // "path=value", as given
  std::string variant;              // empty: none
  std::optional<std::string> seed;  // as it was typed: the loader says what is wrong with it
};

/// The overrides as the loader wants them, the seed last. Throws ConfigError for a --set without
/// '='.
ScenarioRequest scenario_request(const ScenarioArguments& arguments);

/// The scenario as the command line asks for it, checked as far as is possible without playing it:
/// its keys, the memory fit, the step times. Throws ConfigError.
LoadedScenario load_checked(const ScenarioArguments& arguments);

/// Checks the scenario and each of its variants; returns the base. Throws ConfigError with the
/// findings of all, those of a variant naming it.
LoadedScenario load_checked_with_variants(const ScenarioArguments& arguments);

enum class OutputFormat : std::uint8_t { text, json };

struct RunArguments {
  ScenarioArguments scenario;
  std::string out;  // empty: results/<scenario>
  bool force = false;
  bool skip_bad_rows = false;
  bool quiet = false;
  bool no_files = false;
  int jobs = 1;
  OutputFormat format = OutputFormat::text;
};

/// Plays a scenario (or one variant of it).
int run_command(const RunArguments& arguments);

/// Plays every variant, base included, each in a process of its own.
int run_all_variants(const RunArguments& arguments);

/// Says what a scenario is: pools, GPUs, memory fit. Checks its variants too, unless one is asked
/// for. Plays nothing.
int validate_command(const ScenarioArguments& arguments);

/// Prints the JSON Schema of scenarios.
int schema_command();

/// Where the catalog's names and figures come from, what is predicted, and in which form.
struct PredictArguments {
  std::string model;
  std::string gpu;
  std::string profile;
  std::string engine;  // of the catalog, for what is not given; none; empty: that of the profile
  std::string precision = "fp16";
  std::string kv_precision;  // empty: as the engine keeps it, else fp16
  int tp = 1;
  int pp = 1;
  std::int64_t batch = 0;  // 0: not given
  std::int64_t prompt = 0;
  std::int64_t output = 0;
  std::int64_t concurrency = 0;             // > 0: a closed loop instead of a batch
  std::int64_t requests = 0;                // of the closed loop; 0: the default
  std::int64_t max_num_batched_tokens = 0;  // 0: a pool's default
  bool whole_prompts = false;               // no chunked prefill
  std::int64_t prompt_pass_tokens = 0;      // 0: none
  std::string runtime_memory;               // bytes; empty: none
  std::string front_end;                    // a duration; empty: none
  double output_spread = 0;                 // of the closed loop's outputs
  OutputFormat format = OutputFormat::text;
  std::vector<std::string> catalogs;  // beside the one that comes with Plimsoll
  std::string csv;                    // a table instead of a point
  std::string out;
  int jobs = 0;  // 0: as many as there are processors
};

/// The times of one replica at one point.
int predict_command(const PredictArguments& arguments);

/// The times at every row of a table of measurements, written beside them.
int predict_table_command(const PredictArguments& arguments);

struct CalibrateArguments {
  std::vector<std::string> data;     // tables of measurements of replicas
  std::vector<std::string> kernels;  // or tables of measured kernels, of `gpu`
  std::string profile;               // rows that stand for it are fitted; the name it is written as
  std::string start;                 // the profile whose other keys stay; empty: the same
  std::string fit;                   // keys with commas between them; empty: the usual ones
  std::string host = "choose";       // overlaps, adds or choose
  std::string gpu;
  std::string source;  // of kernels, as it is written; empty: told from the counts
  std::string out;
  std::vector<std::string> catalogs;
};

/// Fits a profile to measurements of replicas, or kernels to measurements of kernels, tells how
/// well and how certainly, and writes a catalog file.
int calibrate_command(const CalibrateArguments& arguments);
int calibrate_kernels_command(const CalibrateArguments& arguments);

/// Which pool is tuned, for which requests and objectives.
struct TuneArguments {
  ScenarioArguments scenario;
  std::string pool;         // empty: the only one
  std::string tier;         // whose objectives; empty: the only one
  std::int64_t prompt = 0;  // tokens; 0: the means of the workload
  std::int64_t output = 0;
  int most_gpus = 0;  // of a replica; 0: all of the pool's
  int verify = 0;     // so many of the best are played
  std::string out;    // of what is played; empty: results/<scenario>.tune
  bool force = false;
};

/// Ranks the layouts of a pool by GPUs per request/s under its objectives, in closed form, and says
/// why others cannot serve.
int tune_command(const TuneArguments& arguments);

/// What is resized.
struct RightsizeArguments {
  ScenarioArguments scenario;
  std::string pool;       // empty: all whose size is given
  bool estimate = false;  // from what is used today, without a search
  std::string out;        // of what is played; empty: results/<scenario>.rightsize
  bool force = false;
};

/// Plays the scenario with fewer and fewer replicas (or more, when it fails today), and tells the
/// smallest fleet at which its thresholds hold, and what the next smaller ones fail by.
int rightsize_command(const RightsizeArguments& arguments);

struct ShowArguments {
  std::string what;     // policies, gpus, models, profiles, engines, prices, metrics
  std::string name;     // empty: all of them
  std::string catalog;  // a YAML file or a folder of them; empty: the one that comes with Plimsoll
};

/// Prints what exists.
int show_command(const ShowArguments& arguments);

/// Prints a generated reference in Markdown: "scenario" or "policies". For tools/gen_docs.
int docs_command(const std::string& what);

}  // namespace plimsoll::cli
