// Command line: `plimsoll show`: what exists.
#include <fmt/format.h>

#include <map>

#include "cli/catalog_files.hpp"
#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/policy_texts.hpp"
#include "cli/table.hpp"
#include "plimsoll/errors.hpp"
#include "plimsoll/metrics.hpp"
#include "plimsoll/policies/builtin.hpp"

namespace plimsoll::cli {
namespace {

/// The figures of an entry that its line in a list tells.
const std::vector<std::string>& list_columns(const std::string& kind) {
  static const std::map<std::string, std::vector<std::string>> columns = {
      {"gpus", {"memory", "memory_bandwidth", "fp16", "gpus_per_node", "provenance"}},
      {"models", {"parameters", "layers", "hidden", "heads", "kv_heads", "max_context"}},
      {"engines", {"profile", "tpot", "provenance", "source"}},
      {"profiles", {"form", "provenance", "source"}},
      {"prices", {"gpu", "on_demand", "reserved", "spot", "as_of"}}};
  return columns.at(kind);
}

[[noreturn]] void refuse_name(const std::string& what, const std::string& name,
                              const std::vector<std::string>& names) {
  Diagnostic finding;
  finding.key_path = fmt::format("show {} {}", what, name);
  finding.message = "there is no such entry";
  finding.hint = fmt::format("one of {}", fmt::join(names, ", "));
  throw ConfigError{{finding}};
}

std::string scalar_of(const RawNode& entry, const std::string& key) {
  const RawNode* value = entry.find(key);
  return value != nullptr && value->is_scalar() ? value->text : "-";
}

std::string catalog_list(const RawNode& entries, const std::string& kind) {
  std::vector<std::string> header{"NAME"};
  header.insert(header.end(), list_columns(kind).begin(), list_columns(kind).end());
  std::vector<std::vector<std::string>> rows{header};
  for (const auto& entry : entries.entries) {
    std::vector<std::string> row{entry.key};
    for (const auto& column : list_columns(kind)) {
      row.push_back(scalar_of(entry.value, column));
    }
    rows.push_back(std::move(row));
  }
  return aligned(rows);
}

std::string catalog_page(const RawNode& entries, const ShowArguments& arguments) {
  const RawNode* entry = entries.find(arguments.name);
  if (entry == nullptr) {
    std::vector<std::string> names;
    for (const auto& known : entries.entries) {
      names.push_back(known.key);
    }
    refuse_name(arguments.what, arguments.name, names);
  }
  RawNode page;
  page.kind = RawNode::Kind::map;
  append_entry(page, arguments.name, *entry);
  return to_yaml(page);
}

std::string metric_list(const std::string& only) {
  std::vector<std::vector<std::string>> rows{{"METRIC", "UNIT", "STATISTICS", "MEANING"}};
  std::vector<std::string> names;
  for (const auto& metric : metric_docs) {
    names.emplace_back(metric.name);
    if (only.empty() || only == metric.name) {
      rows.push_back({metric.name, metric.unit, metric.latency ? "p(N) avg min max" : "value",
                      metric.summary});
    }
  }
  if (rows.size() == 1) {
    refuse_name("metrics", only, names);
  }
  return aligned(rows);
}

}  // namespace

int show_command(const ShowArguments& arguments) {
  if (arguments.what == "policies") {
    const PolicyCatalog catalog = policy_catalog(builtin_policies());
    fmt::print(
        "{}", arguments.name.empty() ? policy_list(catalog) : policy_page(catalog, arguments.name));
    return ok;
  }
  if (arguments.what == "metrics") {
    fmt::print("{}", metric_list(arguments.name));
    return ok;
  }
  const RawNode entries = catalog_entries(arguments.catalog, arguments.what);
  fmt::print("{}", arguments.name.empty() ? catalog_list(entries, arguments.what)
                                          : catalog_page(entries, arguments));
  return ok;
}

}  // namespace plimsoll::cli
