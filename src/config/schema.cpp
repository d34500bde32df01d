// Config: JSON Schema draft-07 of a scenario, for editors, from the declarations that validate it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/unit_text.hpp"
#include "config/policy_rules.hpp"
#include "config/sections.hpp"
#include "plimsoll/scenario.hpp"

namespace plimsoll {

namespace {

using Json = nlohmann::ordered_json;

Json section_schema(const SectionDecl& section, const PolicyCatalog& policies);

Json number_schema(const ValueDoc& doc, const char* type) {
  Json schema{{"type", type}};
  if (doc.minimum) {
    schema[doc.above_minimum ? "exclusiveMinimum" : "minimum"] = *doc.minimum;
  }
  if (doc.maximum) {
    schema["maximum"] = *doc.maximum;
  }
  return schema;
}

/// A whole number; large ones also as 175e9, which YAML 1.1 takes for a text.
Json count_schema(const ValueDoc& doc) {
  constexpr double large = 1e6;
  Json schema = number_schema(doc, "integer");
  if (doc.maximum && *doc.maximum <= large) {
    return schema;
  }
  const Json scientific{{"type", "string"}, {"pattern", "^[0-9.]+[eE][0-9]+$"}};
  return Json{{"anyOf", Json::array({std::move(schema), scientific})}};
}

/// A text with a unit, or a bare 0 where 0 is allowed.
Json quantity_schema(const std::string& pattern, bool above_zero) {
  Json text{{"type", "string"}, {"pattern", pattern}};
  if (above_zero) {
    return text;
  }
  return Json{{"anyOf", Json::array({Json{{"const", 0}}, text})}};
}

Json parameter_schema(const ParamDoc& param) {
  if (param.per_tier) {
    ParamDoc one = param;
    one.per_tier = false;
    const Json value = parameter_schema(one);
    const Json by_tier{{"type", "object"}, {"additionalProperties", value}};
    return Json{{"anyOf", Json::array({value, by_tier})}};
  }
  switch (param.kind) {
    case ParamKind::count:
      return Json{{"type", "integer"}, {"minimum", param.minimum}, {"maximum", param.maximum}};
    case ParamKind::ratio:
      return Json{{"type", Json::array({"number", "string"})}};
    case ParamKind::duration:
      return quantity_schema(unit_pattern(Dimension::duration), false);
    case ParamKind::rate:
      return quantity_schema(unit_pattern(Dimension::frequency), false);
    case ParamKind::flag:
      return Json{{"type", "boolean"}};
    case ParamKind::text:
      break;
  }
  Json schema{{"type", "string"}};
  if (!param.choices.empty()) {
    schema["enum"] = param.choices;
  }
  return schema;
}

/// Puts a parameter's schema where its dotted key says.
void put_parameter(Json& schema, const std::string& key, Json parameter) {
  const std::size_t dot = key.find('.');
  if (dot == std::string::npos) {
    schema["properties"][key] = std::move(parameter);
    return;
  }
  Json& inner = schema["properties"][key.substr(0, dot)];
  inner["type"] = "object";
  inner["additionalProperties"] = false;
  put_parameter(inner, key.substr(dot + 1), std::move(parameter));
}

/// Keys that may be spelled in another way, too.
void add_aliases(Json& schema, const PolicyRules& rules) {
  Json& properties = schema["properties"];
  for (const auto& [alias, meant] : rules.aliases) {
    if (properties.contains(meant)) {
      Json spelled = properties[meant];  // a copy: the next key may move it
      properties[alias] = std::move(spelled);
    }
  }
}

/// A policy is named, unless another key tells which it is.
void require_policy(Json& schema, const std::string& name, const PolicyRules& rules) {
  schema.erase("required");
  const Json named{{"required", Json::array({"policy"})}};
  if (name == rules.told_policy) {
    const Json told{{"required", Json::array({rules.telling_key})}};
    schema["anyOf"] = Json::array({named, told});
  } else {
    schema["required"] = named["required"];
  }
}

/// One alternative per policy: its name, its parameters, and the keys beside them.
Json policy_schema(const FieldDecl& field, const PolicyCatalog& policies) {
  Json alternatives = Json::array();
  const PolicyRules& rules = policy_rules(field.doc.policy_kind);
  const auto kind = policies.find(field.doc.policy_kind);
  for (const PolicyDoc& policy : kind == policies.end() ? std::vector<PolicyDoc>{} : kind->second) {
    Json schema = section_schema(*field.child, policies);
    add_aliases(schema, rules);
    schema["description"] = policy.summary;
    Json name{{"const", policy.name}};
    schema["properties"]["policy"] = name;
    for (const ParamDoc& param : policy.params) {
      Json described = parameter_schema(param);
      described["description"] = fmt::format("{} (default {})", param.help, param.default_text);
      put_parameter(schema, param.key, std::move(described));
    }
    if (policy.name != field.default_text) {
      require_policy(schema, policy.name, rules);
    }
    alternatives.push_back(std::move(schema));
  }
  return Json{{"anyOf", std::move(alternatives)}};
}

Json named_schema(const FieldDecl& field, const PolicyCatalog& policies) {
  Json entry = section_schema(*field.child, policies);
  entry["properties"]["extends"] =
      Json{{"type", "string"}, {"description", "another entry of this map, whose keys are taken"}};
  // An entry that extends another gets its required keys from there.
  if (entry.contains("required")) {
    Json complete{{"required", entry["required"]}};
    Json extending{{"required", Json::array({"extends"})}};
    entry.erase("required");
    entry["anyOf"] = Json::array({complete, extending});
  }
  return Json{{"type", "object"}, {"additionalProperties", std::move(entry)}};
}

Json thresholds_schema(const ValueDoc& doc) {
  std::string pattern = "^(";
  for (const std::string& metric : doc.words) {
    pattern += (&metric == &doc.words.front() ? "" : "|") + metric;
  }
  pattern += ")(\\{(tier|model|pool|region|datacenter): *[^}]+\\})?$";
  Json conditions{{"type", "array"}, {"items", Json{{"type", "string"}}}};
  Json patterns;
  patterns[pattern] = std::move(conditions);
  return Json{{"type", "object"}, {"patternProperties", patterns}, {"additionalProperties", false}};
}

Json value_schema(const FieldDecl& field, const PolicyCatalog& policies) {
  const ValueDoc& doc = field.doc;
  switch (doc.shape) {
    case Shape::text:
      return Json{{"type", Json::array({"string", "number", "boolean"})}};
    case Shape::word:
      return Json{{"enum", doc.words}};
    case Shape::flag:
      return Json{{"type", "boolean"}};
    case Shape::count:
      return count_schema(doc);
    case Shape::number:
      return number_schema(doc, "number");
    case Shape::ratio:
      return Json{{"anyOf", Json::array({number_schema(doc, "number"),
                                         Json{{"type", "string"}, {"pattern", "^[0-9.]+ *%$"}}})}};
    case Shape::quantity:
      return quantity_schema(doc.pattern, doc.above_minimum);
    case Shape::pairs:
      return Json{{"type", "array"},
                  {"items", Json{{"type", "array"}, {"minItems", 2}, {"maxItems", 2}}}};
    case Shape::texts:
      return Json{{"type", "array"}, {"items", Json{{"type", "string"}}}};
    case Shape::numbers:
      return Json{{"type", "array"}, {"items", Json{{"type", "number"}}}};
    case Shape::windows:
      return Json{{"anyOf", Json::array({Json{{"const", "all"}}, Json{{"type", "array"}}})}};
    case Shape::section:
      return section_schema(*field.child, policies);
    case Shape::section_list:
      return Json{{"type", "array"}, {"items", section_schema(*field.child, policies)}};
    case Shape::named_sections:
      return named_schema(field, policies);
    case Shape::policy:
      return policy_schema(field, policies);
    case Shape::thresholds:
      break;
  }
  return thresholds_schema(doc);
}

/// Whether absence is allowed by an explicit "none".
bool takes_none(const FieldDecl& field) {
  return field.may_be_absent && field.default_doc == "none" && !field.child &&
         field.doc.shape != Shape::thresholds;
}

Json section_schema(const SectionDecl& section, const PolicyCatalog& policies) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const FieldDecl& field : section.fields) {
    Json schema = value_schema(field, policies);
    if (takes_none(field)) {
      schema = Json{{"anyOf", Json::array({Json{{"const", "none"}}, std::move(schema)})}};
    }
    std::string description = field.help;
    if (!field.when.empty()) {
      description += fmt::format(" (only with {})", field.when);
    }
    schema["description"] = std::move(description);
    if (!field.default_text.empty() && field.doc.shape != Shape::policy) {
      schema["default"] = field.default_text;
    }
    properties[field.key] = std::move(schema);
    if (field.required && field.when.empty()) {
      required.push_back(field.key);
    }
  }
  Json schema{
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) {
    schema["required"] = std::move(required);
  }
  return schema;
}

/// Keys that only files have: they are gone before the declarations see the tree.
void add_file_keys(Json& schema) {
  Json& properties = schema["properties"];
  const Json files{
      {"anyOf", Json::array({Json{{"type", "string"}},
                             Json{{"type", "array"}, {"items", Json{{"type", "string"}}}}})}};
  properties["include"] = files;
  properties["include"]["description"] = "files that are merged first; this file wins";
  properties["extends"] = files;
  properties["extends"]["description"] = "a base scenario; this file wins";
  properties["variants"] =
      Json{{"type", "object"},
           {"additionalProperties", Json{{"type", "object"}}},
           {"description", "names of sets of overrides: {name: {dotted.path: value}}"}};
}

}  // namespace

std::string scenario_schema(const PolicyCatalog& policies) {
  Json schema{{"$schema", "http://json-schema.org/draft-07/schema#"},
              {"title", "Plimsoll scenario"}};
  schema.update(section_schema(scenario_section(), policies));
  // Pools and workload may come from an included file.
  schema.erase("required");
  add_file_keys(schema);
  return schema.dump(2) + "\n";
}

}  // namespace plimsoll
