// Command line: what tables of measurements and flags call GPUs, models and engines, looked up in
// the catalog.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plimsoll/config.hpp"
#include "scenario/raw_tree.hpp"

namespace plimsoll::cli {

/// An engine of the catalog, profiles by name.
struct KnownEngine {
  std::string name;
  std::string profile;
  std::string closed_loop_profile;  // the same unless the entry says otherwise
  TpotMeaning tpot = TpotMeaning::mean;
  std::optional<int> max_num_batched_tokens;
  std::optional<int> tokens_beyond_prompt;
  std::optional<int> prompt_pass_tokens;
  std::int64_t runtime_memory = 0;  // bytes
  bool chunked_prefill = true;
  Duration front_end{};
  double output_spread = 0;
  bool fp8_kv = false;
  bool calibrated = false;  // its profile was fitted to it
};

/// The names and aliases of all entries. Case, blanks, '-', '_', a leading "nvidia" or "tesla" and
/// what stands before a '/' (the organization of a model) do not matter.
class CatalogNames {
 public:
  /// Reads the catalog that comes with Plimsoll, then those in `more` (files or folders), whose
  /// entries win. Throws ConfigError when one is missing, cannot be parsed or is no catalog.
  explicit CatalogNames(const std::vector<std::string>& more);

  /// All files, in the order in which a scenario has to include them.
  const std::vector<std::string>& files() const { return files_; }

  /// The entry that `text` stands for; empty when there is none.
  std::string gpu(const std::string& text) const { return find(gpus_, text); }
  std::string model(const std::string& text) const { return find(models_, text); }
  std::string profile(const std::string& text) const { return find(profiles_, text); }
  /// What a GPU of this name computes in when a table does not say: bf16, or fp16 on GPUs without.
  std::string usual_precision(const std::string& gpu) const;
  /// The engine whose `match` is the longest beginning of `text`; null when there is none.
  const KnownEngine* engine(const std::string& text) const;
  /// The engine that a profile was fitted to or is named after; null when there is none.
  const KnownEngine* engine_of_profile(const std::string& profile) const;
  /// fp16, bf16, fp8 or int8 for their spellings, "unstated" when it is left to the engine; empty
  /// for others.
  static std::string precision(const std::string& text);
  static constexpr const char* precision_hint = "fp16, bf16, fp8 and int8 are known";

  /// What an unknown name may have been meant to be, and what there is.
  std::string gpu_hint(const std::string& text) const { return hint(gpus_, text, "GPUs"); }
  std::string model_hint(const std::string& text) const { return hint(models_, text, "models"); }
  std::string profile_hint(const std::string& text) const {
    return hint(profiles_, text, "profiles");
  }
  std::string engine_hint(const std::string& text) const;

 private:
  struct Entry {
    std::string name;
    std::vector<std::string> spellings;  // plain, the name's first
    bool bf16 = true;                    // GPUs
  };
  struct Beginning {
    std::string spelling;  // plain
    std::size_t engine = 0;
  };

  static std::vector<Entry> entries_of(const RawNode& catalog, const std::string& kind);
  static std::string find(const std::vector<Entry>& entries, const std::string& text);
  static std::string hint(const std::vector<Entry>& entries, const std::string& text,
                          const char* what);
  void read_engines(const RawNode& catalog);

  std::vector<std::string> files_;
  std::vector<Entry> gpus_;
  std::vector<Entry> models_;
  std::vector<Entry> profiles_;
  std::vector<KnownEngine> engines_;
  std::vector<Beginning> beginnings_;
};

}  // namespace plimsoll::cli
