// Config: docs/scenario_reference.md, from the declarations that validate a scenario.
#include <fmt/format.h>

#include "base/unit_text.hpp"
#include "config/sections.hpp"
#include "plimsoll/scenario.hpp"

namespace plimsoll {

namespace {

std::string escaped(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '|') {
      result += '\\';
    }
    result += letter;
  }
  return result;
}

std::string value_text(const FieldDecl& field) {
  const ValueDoc& doc = field.doc;
  if (doc.shape == Shape::word) {
    return fmt::format("`{}`", fmt::join(doc.words, "`, `"));
  }
  return doc.range.empty() ? doc.type : fmt::format("{}, {}", doc.type, doc.range);
}

std::string default_text(const FieldDecl& field) {
  if (field.required) {
    return "required";
  }
  if (!field.default_text.empty()) {
    return fmt::format("`{}`", field.default_text);
  }
  return field.default_doc.empty() ? "its keys' defaults" : field.default_doc;
}

std::string child_path(const std::string& path, const FieldDecl& field) {
  const std::string child = join_path(path, field.key);
  switch (field.doc.shape) {
    case Shape::named_sections:
      return child + ".NAME";
    case Shape::section_list:
      return child + ".N";
    default:
      return child;
  }
}

void describe_section(std::string& out, const SectionDecl& section, const std::string& path) {
  if (!section.fields.empty()) {
    out += fmt::format("\n## {}\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
                       path.empty() ? "The top" : "`" + path + "`");
  }
  for (const FieldDecl& field : section.fields) {
    std::string help = field.help;
    if (!field.when.empty()) {
      help += fmt::format("; only with `{}`", field.when);
    }
    out += fmt::format("| `{}` | {} | {} | {} |\n", field.key, escaped(value_text(field)),
                       escaped(default_text(field)), escaped(help));
  }
  for (const FieldDecl& field : section.fields) {
    if (field.child && !field.child->fields.empty()) {
      describe_section(out, *field.child, child_path(path, field));
    }
  }
}

std::string introduction() {
  return "# Scenario reference\n\n"
         "Generated from the declarations that validate a scenario (`tools/gen_docs`); do not "
         "edit.\n\n"
         "A scenario is one YAML map. Every value has a unit unless it is 0, a count, a ratio or "
         "another pure number. Unknown, duplicate, unread and out-of-range keys are errors.\n\n"
         "## Files, overrides, variants\n\n"
         "- `include: [FILE, ...]` and `extends: FILE` merge other files key by key; this file "
         "wins. Paths are relative to the file in which they stand.\n"
         "- `key: null` takes back what an included file says; another `policy` or `kind` drops "
         "the keys of the old one.\n"
         "- An entry of a named map may say `extends: OTHER` to take over the keys of another "
         "entry of that map.\n"
         "- `--set path.to.key=VALUE` overrides one value; paths given so are relative to the "
         "working directory. Numbers select items of lists.\n"
         "- `variants: {NAME: {path.to.key: VALUE}}` names sets of overrides; `--variant NAME` "
         "plays one.\n\n"
         "## Units\n\n| quantity | units |\n|---|---|\n";
}

void describe_units(std::string& out) {
  const std::pair<const char*, Dimension> rows[] = {
      {"duration", Dimension::duration},
      {"size", Dimension::bytes},
      {"bandwidth (b: bits)", Dimension::bandwidth},
      {"operations per second", Dimension::flop_rate},
      {"rate", Dimension::frequency},
      {"power", Dimension::power},
      {"price per hour, after a `$`", Dimension::price_per_hour},
      {"price per tokens, after a `$`", Dimension::price_per_million},
  };
  for (const auto& [name, dimension] : rows) {
    out += fmt::format("| {} | {} |\n", name, unit_list(dimension));
  }
  out += "| ratio | bare, or % |\n\nGB is 10^9 bytes, GiB is 2^30.\n";
}

void describe_thresholds(std::string& out) {
  out +=
      "\n## Conditions of thresholds\n\n"
      "`\"METRIC\"` or `\"METRIC{tier:NAME}\"` (also `model`, `pool`; with "
      "`metrics.regions` also `region` of users and `datacenter`), each with a list of "
      "conditions. Latencies (`ttft_ms`, `tpot_ms`, `itl_ms`, `e2el_ms`, `queue_ms`) have "
      "`p(99)<3000`, `avg<=50`, `min>1`, `max<9000`; all other metrics have "
      "`value>=0.999`. ` every window` at the end asks it of every window. Metrics: ";
  const FieldDecl field = thresholds_field();
  out += fmt::format("`{}`.\n", fmt::join(field.doc.words, "`, `"));
}

void describe_policies(std::string& out, const PolicyCatalog& policies) {
  for (const auto& [kind, docs] : policies) {
    out += fmt::format("\n## Policies: {}\n\n", kind);
    for (const PolicyDoc& doc : docs) {
      out += fmt::format("- `{}`: {}", doc.name, doc.summary);
      for (const ParamDoc& param : doc.params) {
        out += fmt::format(" `{}` (default `{}`): {}", param.key, param.default_text, param.help);
      }
      out += '\n';
    }
  }
}

}  // namespace

std::string scenario_reference(const PolicyCatalog& policies) {
  std::string out = introduction();
  describe_units(out);
  describe_section(out, scenario_section(), "");
  describe_thresholds(out);
  describe_policies(out, policies);
  return out;
}

}  // namespace plimsoll
