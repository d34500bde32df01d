// Config: the service and its policies. Policies describe their own parameters; here they are only
// read by those descriptions.
#include <fmt/format.h>

#include "base/unit_text.hpp"
#include "config/kinds.hpp"
#include "config/sections.hpp"

namespace plimsoll {

namespace {

constexpr std::string_view policy_key = "policy";

/// A parameter's text as a number in base units; nothing when it is none.
Parsed<double> parse_parameter(const ParamDoc& doc, const std::string& text) {
  switch (doc.kind) {
    case ParamKind::count: {
      const Parsed<std::int64_t> count = parse_count(text);
      return count.value ? Parsed<double>{static_cast<double>(*count.value), ""}
                         : Parsed<double>{std::nullopt, count.expected};
    }
    case ParamKind::ratio:
      return parse_ratio(text);
    case ParamKind::duration: {
      const Parsed<Duration> duration = parse_duration(text);
      return duration.value ? Parsed<double>{static_cast<double>(duration.value->count()), ""}
                            : Parsed<double>{std::nullopt, duration.expected};
    }
    case ParamKind::rate: {
      const Parsed<Frequency> rate = parse_frequency(text);
      return rate.value ? Parsed<double>{rate.value->count(), ""}
                        : Parsed<double>{std::nullopt, rate.expected};
    }
    case ParamKind::flag: {
      const Parsed<bool> flag = parse_flag(text);
      return flag.value ? Parsed<double>{*flag.value ? 1.0 : 0.0, ""}
                        : Parsed<double>{std::nullopt, flag.expected};
    }
    case ParamKind::text:
      break;
  }
  return {std::nullopt, "a text"};
}

/// A number in base units as it would stand in YAML.
std::string format_parameter(ParamKind kind, double value) {
  switch (kind) {
    case ParamKind::count:
      return format_count(static_cast<std::int64_t>(value));
    case ParamKind::duration:
      return format_duration(Duration{static_cast<std::int64_t>(value)});
    case ParamKind::rate:
      return format_frequency(Frequency::of(value));
    case ParamKind::flag:
      return value != 0 ? "true" : "false";
    case ParamKind::ratio:
    case ParamKind::text:
      break;
  }
  return format_number(value);
}

void read_text_parameter(Reader& reader, const ParamDoc& doc, const RawNode& node,
                         const std::string& path, PolicyParams& params) {
  const bool known = doc.choices.empty() || std::find(doc.choices.begin(), doc.choices.end(),
                                                      node.text) != doc.choices.end();
  if (!node.is_scalar() || !known) {
    reader.report(node.place, path,
                  fmt::format("expected {}, {}", known ? "a text" : "one of some words",
                              describe_found(node)),
                  doc.choices.empty() ? "" : name_hint(node.text, doc.choices, "words"));
  }
  params.set_text(doc.key, node.text);
}

/// A number within its range, in base units; reported and 0 when it is none.
double read_number(Reader& reader, const ParamDoc& doc, const RawNode& node,
                   const std::string& path) {
  const Parsed<double> parsed = parse_parameter(doc, node.is_scalar() ? node.text : "no value");
  if (!parsed.value) {
    reader.report(node.place, path,
                  fmt::format("expected {}, {}", parsed.expected, describe_found(node)), doc.help);
  } else if (*parsed.value < doc.minimum || *parsed.value > doc.maximum) {
    reader.report(
        node.place, path,
        fmt::format("out of range: expected {} .. {}, {}", format_parameter(doc.kind, doc.minimum),
                    doc.maximum >= 1e18 ? "any" : format_parameter(doc.kind, doc.maximum),
                    describe_found(node)),
        doc.help);
  }
  return parsed.value.value_or(0);
}

/// {free: 10/s, plus: 100/s}: tiers that are not named keep the default.
void read_tier_numbers(Reader& reader, const ParamDoc& doc, const RawNode& map,
                       const std::string& path, PolicyParams& params) {
  for (const RawEntry& entry : map.entries) {
    const std::string entry_path = join_path(path, entry.key);
    RawNode name = scalar_node(entry.key);
    name.place = entry.key_place;
    const std::int64_t tier = find_reference(reader, NameList::tiers, name, entry_path);
    const double value = read_number(reader, doc, entry.value, entry_path);
    if (tier >= 0) {
      params.set_tier_number(doc.key, static_cast<TierIndex>(tier), value);
    }
  }
}

void read_parameter(Reader& reader, const ParamDoc& doc, const RawNode* given,
                    const std::string& path, PolicyParams& params) {
  const RawNode standard = scalar_node(doc.default_text);
  const RawNode& node = given == nullptr ? standard : *given;
  if (doc.kind == ParamKind::text) {
    read_text_parameter(reader, doc, node, path, params);
  } else if (doc.per_tier && node.is_map()) {
    read_tier_numbers(reader, doc, node, path, params);
    params.set_number(doc.key, read_number(reader, doc, standard, path));
  } else {
    params.set_number(doc.key, read_number(reader, doc, node, path));
  }
}

const std::vector<PolicyDoc>& policies_of(const PolicyCatalog& catalog, const std::string& kind) {
  static const std::vector<PolicyDoc> none;
  const auto found = catalog.find(kind);
  return found == catalog.end() ? none : found->second;
}

const PolicyDoc* find_policy(const PolicyCatalog& catalog, const std::string& kind,
                             const std::string& name) {
  for (const PolicyDoc& doc : policies_of(catalog, kind)) {
    if (doc.name == name) {
      return &doc;
    }
  }
  return nullptr;
}

const PolicyDoc* choose_policy(Reader& reader, const RawNode& map, const std::string& path,
                               const std::string& kind, const std::string& standard) {
  const RawNode* const given = map.find(policy_key);
  const std::string name = given == nullptr ? standard : given->text;
  const PolicyDoc* const doc = find_policy(reader.policies(), kind, name);
  if (doc == nullptr) {
    std::vector<std::string> names;
    for (const PolicyDoc& known : policies_of(reader.policies(), kind)) {
      names.push_back(known.name);
    }
    reader.report(given == nullptr ? map.place : given->place, join_path(path, policy_key),
                  fmt::format("no {} policy named \"{}\"", kind, name),
                  name_hint(name, names, kind + " policies"));
  }
  return doc;
}

/// Splits a policy block into the policy's own keys and those of the service.
void read_policy_block(Reader& reader, const FieldDecl& field, const RawNode& map,
                       const std::string& path, PolicyConfig& policy, void* service) {
  const PolicyDoc* const doc =
      choose_policy(reader, map, path, field.doc.policy_kind, field.default_text);
  std::vector<std::string> known{std::string{policy_key}};
  RawNode own;
  own.kind = RawNode::Kind::map;
  own.place = map.place;
  for (const FieldDecl& key : field.child->fields) {
    known.push_back(key.key);
    if (const RawNode* const node = map.find(key.key)) {
      append_entry(own, key.key, *node);
    }
  }
  read_section(reader, *field.child, own, path, service);
  if (doc == nullptr) {
    return;
  }
  policy.policy = doc->name;
  for (const ParamDoc& param : doc->params) {
    known.push_back(param.key);
    read_parameter(reader, param, map.find(param.key), join_path(path, param.key), policy.params);
  }
  for (const RawEntry& entry : map.entries) {
    if (std::find(known.begin(), known.end(), entry.key) == known.end()) {
      reader.report(entry.key_place, join_path(path, entry.key),
                    fmt::format("unknown key: {} has no such parameter", doc->name),
                    name_hint(entry.key, known, "keys here"));
    }
  }
}

RawNode write_parameter(const Writer& writer, const ParamDoc& doc, const PolicyParams& params) {
  if (doc.kind == ParamKind::text) {
    return scalar_node(params.text(doc.key));
  }
  const auto tiers = params.tier_numbers().find(doc.key);
  if (tiers == params.tier_numbers().end()) {
    return scalar_node(format_parameter(doc.kind, params.numbers().at(doc.key)));
  }
  RawNode map;
  for (const auto& [tier, value] : tiers->second) {
    append_entry(map, writer.config.tiers.at(tier).name,
                 scalar_node(format_parameter(doc.kind, value)));
  }
  return map;
}

RawNode write_policy_block(const Writer& writer, const FieldDecl& field, const PolicyConfig& policy,
                           const void* service) {
  RawNode map;
  append_entry(map, std::string{policy_key}, scalar_node(policy.policy));
  for (RawEntry& entry : write_section(writer, *field.child, service).entries) {
    append_entry(map, entry.key, std::move(entry.value));
  }
  const PolicyDoc* const doc = find_policy(writer.policies, field.doc.policy_kind, policy.policy);
  PLIMSOLL_CHECK(doc != nullptr, "a validated policy is known");
  for (const ParamDoc& param : doc->params) {
    append_entry(map, param.key, write_parameter(writer, param, policy.params));
  }
  return map;
}

}  // namespace

FieldDecl policy_field(std::string key, PolicyConfig ServiceConfig::*member,
                       std::string default_policy, SectionDecl own_keys, std::string help) {
  FieldDecl field;
  field.key = key;
  field.default_text = std::move(default_policy);
  field.help = std::move(help);
  field.doc.shape = Shape::policy;
  field.doc.type = key + " policy";
  field.doc.policy_kind = std::move(key);
  field.child = std::make_shared<const SectionDecl>(std::move(own_keys));
  FieldDecl described = field;
  field.read = [described, member](Reader& reader, const RawNode& node, const std::string& path,
                                   void* object) {
    if (expect_map(reader, node, path)) {
      read_policy_block(reader, described, node, path, static_cast<ServiceConfig*>(object)->*member,
                        object);
    }
  };
  field.write = [described, member](const Writer& writer, const void* object, RawNode& into) {
    append_entry(into, described.key,
                 write_policy_block(writer, described,
                                    static_cast<const ServiceConfig*>(object)->*member, object));
  };
  return field;
}

SectionDecl service_section() {
  SectionDecl queue_keys =
      Section<ServiceConfig>{}
          .field("capacity", &ServiceConfig::queue_capacity, big_count_kind(0, 1'000'000'000'000),
                 "0", "requests that may wait; the next end as queue_full; 0: no limit")
          .optional("deadline", &ServiceConfig::queue_deadline, millisecond_kind(),
                    "longest wait before being scheduled; then a request ends as timed_out")
          .field("max_outstanding", &ServiceConfig::max_outstanding, count_kind(0, 1'000'000'000),
                 "0", "requests at a replica before the rest waits centrally; 0: no limit")
          .build();
  Section<ServiceConfig> section;
  section
      .custom(policy_field("router", &ServiceConfig::router, "least_requests", {},
                           "which replica gets a request"))
      .custom(policy_field("queue", &ServiceConfig::queue, "fcfs", std::move(queue_keys),
                           "who is served first, and how many may wait how long"))
      .custom(policy_field("admission", &ServiceConfig::admission, "always", {},
                           "which requests may wait at all"));
  return section.build();
}

}  // namespace plimsoll
