// Command line: names of tables and flags, looked up in the catalog.
#include "cli/catalog_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <utility>

#include "base/unit_text.hpp"
#include "cli/catalog_files.hpp"
#include "config/reader.hpp"
#include "plimsoll/errors.hpp"
#include "scenario/read_scenario.hpp"

namespace plimsoll::cli {
namespace {

/// A name without what does not matter in it.
std::string plain(const std::string& text) {
  const std::size_t organization = text.find('/');
  std::string shown;
  for (std::size_t i = organization == std::string::npos ? 0 : organization + 1; i < text.size();
       ++i) {
    const char c = text[i];
    if (c != '-' && c != '_' && c != ' ') {
      shown += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  for (const std::string_view maker : {"nvidia", "tesla"}) {
    if (shown.rfind(maker, 0) == 0) {
      shown.erase(0, maker.size());
    }
  }
  return shown;
}

std::vector<std::string> texts_of(const RawNode& entry, const char* key) {
  std::vector<std::string> texts;
  const RawNode* const list = entry.find(key);
  if (list != nullptr && list->is_sequence()) {
    for (const RawNode& item : list->items) {
      texts.push_back(item.text);
    }
  }
  return texts;
}

std::string text_of(const RawNode& entry, const char* key) {
  const RawNode* const value = entry.find(key);
  return value != nullptr && value->is_scalar() ? value->text : "";
}

/// A number above 0, or nothing.
std::optional<int> count_of(const RawNode& entry, const char* key) {
  const std::string text = text_of(entry, key);
  int count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count > 0 ? std::optional{count} : std::nullopt;
}

/// The catalog of all files, which hold nothing else.
RawNode merged(const std::vector<std::string>& files) {
  std::vector<Diagnostic> findings;
  RawNode root = merged_files(files, findings);
  for (const RawEntry& entry : root.entries) {
    if (entry.key != "catalog") {
      findings.push_back(finding_at(entry.key_place, entry.key, "does not belong into a catalog",
                                    "a catalog file holds catalog: {gpus, models, profiles, ...}"));
    }
  }
  if (!findings.empty()) {
    throw ConfigError{std::move(findings)};
  }
  RawNode* const catalog = root.find("catalog");
  return catalog != nullptr ? std::move(*catalog) : RawNode{};
}

}  // namespace

CatalogNames::CatalogNames(const std::vector<std::string>& more) : files_{catalog_files("")} {
  for (const std::string& path : more) {
    for (const std::string& file : catalog_files(path)) {
      files_.push_back(std::filesystem::absolute(file).string());
    }
  }
  const RawNode catalog = merged(files_);
  gpus_ = entries_of(catalog, "gpus");
  models_ = entries_of(catalog, "models");
  profiles_ = entries_of(catalog, "profiles");
  read_engines(catalog);
}

std::vector<CatalogNames::Entry> CatalogNames::entries_of(const RawNode& catalog,
                                                          const std::string& kind) {
  std::vector<Entry> entries;
  const RawNode* const map = catalog.find(kind);
  if (map == nullptr) {
    return entries;
  }
  for (const RawEntry& raw : map->entries) {
    Entry& entry = entries.emplace_back();
    entry.name = raw.key;
    entry.spellings.push_back(plain(raw.key));
    entry.bf16 = text_of(raw.value, "bf16") != "false";
    for (const std::string& alias : texts_of(raw.value, "aliases")) {
      entry.spellings.push_back(plain(alias));
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

std::string CatalogNames::find(const std::vector<Entry>& entries, const std::string& text) {
  const std::string spelling = plain(text);
  // An entry's own name is stronger than an alias of another.
  for (const Entry& entry : entries) {
    if (entry.name == text || entry.spellings.front() == spelling) {
      return entry.name;
    }
  }
  for (const Entry& entry : entries) {
    if (std::find(entry.spellings.begin(), entry.spellings.end(), spelling) !=
        entry.spellings.end()) {
      return entry.name;
    }
  }
  return "";
}

std::string CatalogNames::usual_precision(const std::string& gpu) const {
  const auto entry = std::find_if(gpus_.begin(), gpus_.end(),
                                  [&](const Entry& known) { return known.name == gpu; });
  return entry != gpus_.end() && !entry->bf16 ? "fp16" : "bf16";
}

std::string CatalogNames::hint(const std::vector<Entry>& entries, const std::string& text,
                               const char* what) {
  std::vector<std::string> names;
  for (const Entry& entry : entries) {
    names.push_back(entry.name);
  }
  return name_hint(text, names, what);
}

void CatalogNames::read_engines(const RawNode& catalog) {
  const RawNode* const map = catalog.find("engines");
  if (map == nullptr) {
    return;
  }
  for (const RawEntry& raw : map->entries) {
    KnownEngine engine;
    engine.name = raw.key;
    engine.profile = text_of(raw.value, "profile");
    const std::string closed_loop = text_of(raw.value, "closed_loop_profile");
    engine.closed_loop_profile =
        closed_loop.empty() || closed_loop == "none" ? engine.profile : closed_loop;
    if (text_of(raw.value, "tpot") == "median_itl") {
      engine.tpot = TpotMeaning::median_itl;
    }
    engine.max_num_batched_tokens = count_of(raw.value, "max_num_batched_tokens");
    engine.tokens_beyond_prompt = count_of(raw.value, "tokens_beyond_prompt");
    engine.prompt_pass_tokens = count_of(raw.value, "prompt_pass_tokens");
    engine.runtime_memory =
        parse_bytes(text_of(raw.value, "runtime_memory")).value.value_or(Bytes{}).count();
    engine.chunked_prefill = parse_flag(text_of(raw.value, "chunked_prefill")).value.value_or(true);
    engine.front_end = parse_duration(text_of(raw.value, "front_end")).value.value_or(Duration{});
    engine.fp8_kv = parse_flag(text_of(raw.value, "fp8_kv")).value.value_or(false);
    engine.output_spread = parse_ratio(text_of(raw.value, "output_spread")).value.value_or(0);
    engine.calibrated = text_of(raw.value, "provenance") == "calibrated";
    for (const std::string& match : texts_of(raw.value, "match")) {
      beginnings_.push_back({plain(match), engines_.size()});
    }
    engines_.push_back(std::move(engine));
  }
}

const KnownEngine* CatalogNames::engine(const std::string& text) const {
  const std::string spelling = plain(text);
  const Beginning* longest = nullptr;
  for (const Beginning& beginning : beginnings_) {
    const bool fits = spelling.rfind(beginning.spelling, 0) == 0;
    if (fits && (longest == nullptr || beginning.spelling.size() > longest->spelling.size())) {
      longest = &beginning;
    }
  }
  return longest == nullptr ? nullptr : &engines_[longest->engine];
}

const KnownEngine* CatalogNames::engine_of_profile(const std::string& profile) const {
  const KnownEngine* named = nullptr;
  for (const KnownEngine& engine : engines_) {
    if (engine.profile == profile && engine.calibrated) {
      return &engine;
    }
    if (engine.profile == profile && engine.name == profile) {
      named = &engine;
    }
  }
  return named;
}

std::string CatalogNames::precision(const std::string& text) {
  static const std::map<std::string, std::string> spellings = {
      {"fp16", "fp16"},        {"float16", "fp16"},
      {"half", "fp16"},        {"bf16", "bf16"},
      {"bfloat16", "bf16"},    {"fp8", "fp8"},
      {"float8", "fp8"},       {"fp8e4m3", "fp8"},
      {"fp8block", "fp8"},     {"fp8static", "fp8"},
      {"int8", "int8"},        {"w8a8", "int8"},
      {"int8wo", "int8"},      {"int8smoothquant", "int8"},
      {"smoothquant", "int8"}, {"unstated", "unstated"},
      {"auto", "unstated"}};
  const auto found = spellings.find(plain(text));
  return found == spellings.end() ? "" : found->second;
}

std::string CatalogNames::engine_hint(const std::string& text) const {
  std::vector<std::string> names;
  for (const KnownEngine& engine : engines_) {
    names.push_back(engine.name);
  }
  return name_hint(text, names, "engines");
}

}  // namespace plimsoll::cli
