// Config: policy blocks. Policies describe their own parameters; here they are only read, checked
// and written by those descriptions.
#include <fmt/format.h>

#include "base/unit_text.hpp"
#include "config/kinds.hpp"
#include "config/policy_rules.hpp"
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
    case ParamKind::ratio: {
      // What is at least 1 is a factor: 1.5x is 1.5.
      const bool times = doc.minimum >= 1 && !text.empty() && text.back() == 'x';
      return parse_ratio(times ? text.substr(0, text.size() - 1) : text);
    }
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
  const bool formed = doc.accepts == nullptr || doc.accepts(node.text);
  const bool known = doc.choices.empty() || std::find(doc.choices.begin(), doc.choices.end(),
                                                      node.text) != doc.choices.end();
  if (!node.is_scalar() || !known || !formed) {
    reader.report(node.place, path,
                  fmt::format("expected {}, {}",
                              !known    ? "one of some words"
                              : !formed ? "another form"
                                        : "a text",
                              describe_found(node)),
                  doc.choices.empty() ? doc.help : name_hint(node.text, doc.choices, "words"));
  }
  params.set_text(doc.key, node.text);
}

/// "1000_requests" is meant as 1000: the number before a word, with a question; else nothing.
std::string number_meant(const std::string& text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789.,_"), text.size());
  std::string number = text.substr(0, digits);
  number.erase(
      std::remove_if(number.begin(), number.end(), [](char c) { return c == '_' || c == ','; }),
      number.end());
  const std::string word = text.substr(digits);
  const bool is_word = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_' || c == ' ';
  });
  return is_word && parse_number(number).value ? fmt::format("did you mean {}? ", number) : "";
}

/// A number within its range, in base units; reported and 0 when it is none.
double read_number(Reader& reader, const ParamDoc& doc, const RawNode& node,
                   const std::string& path) {
  const Parsed<double> parsed = parse_parameter(doc, node.is_scalar() ? node.text : "no value");
  if (!parsed.value) {
    // Some ratios may as well be counts.
    const bool counts = doc.kind == ParamKind::ratio && doc.maximum > 1;
    reader.report(
        node.place, path,
        fmt::format(
            "expected {}, {}",
            counts ? "a bare number such as 1000, or a ratio such as 0.87 or 87%" : parsed.expected,
            describe_found(node)),
        (counts ? number_meant(node.is_scalar() ? node.text : "") + "without a unit: " : "") +
            doc.help);
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

const PolicyDoc* choose_policy(Reader& reader, const PolicyBlock& block, const RawNode& map,
                               const std::string& path) {
  const RawNode* const given = map.find(policy_key);
  const PolicyRules& rules = policy_rules(block.kind);
  const bool told = !rules.telling_key.empty() && map.find(rules.telling_key) != nullptr;
  const std::string name = given != nullptr ? given->text
                           : told           ? rules.told_policy
                                            : block.default_policy;
  const PolicyDoc* const doc = find_policy(reader.policies(), block.kind, name);
  if (doc == nullptr) {
    std::vector<std::string> names;
    for (const PolicyDoc& known : policies_of(reader.policies(), block.kind)) {
      names.push_back(known.name);
    }
    reader.report(given == nullptr ? map.place : given->place, join_path(path, policy_key),
                  name.empty() ? "missing key: which policy decides is not said"
                               : fmt::format("no {} policy named \"{}\"", block.kind, name),
                  name_hint(name, names, block.kind + " policies"));
  }
  return doc;
}

/// The value at a dotted key: maps within maps.
const RawNode* find_parameter(const RawNode& map, const std::string& key) {
  const std::size_t dot = key.find('.');
  if (dot == std::string::npos) {
    return map.find(key);
  }
  const RawNode* const inner = map.find(key.substr(0, dot));
  return inner == nullptr ? nullptr : find_parameter(*inner, key.substr(dot + 1));
}

void append_parameter(RawNode& map, const std::string& key, RawNode value) {
  const std::size_t dot = key.find('.');
  if (dot == std::string::npos) {
    append_entry(map, key, std::move(value));
    return;
  }
  const std::string outer = key.substr(0, dot);
  if (map.find(outer) == nullptr) {
    append_entry(map, outer, RawNode{});
  }
  append_parameter(*map.find(outer), key.substr(dot + 1), std::move(value));
}

/// Reports every key of `map` that is none of `known`, at any depth that known keys have.
void report_unknown_parameters(Reader& reader, const PolicyDoc& doc, const RawNode& map,
                               const std::string& prefix, const std::string& path,
                               const std::vector<std::string>& known) {
  for (const RawEntry& entry : map.entries) {
    const std::string key = join_path(prefix, entry.key);
    if (std::find(known.begin(), known.end(), key) != known.end()) {
      continue;
    }
    const bool leads_on = std::any_of(known.begin(), known.end(), [&](const std::string& name) {
      return name.rfind(key + ".", 0) == 0;
    });
    if (leads_on && entry.value.is_map()) {
      report_unknown_parameters(reader, doc, entry.value, key, path, known);
    } else if (leads_on) {
      reader.report(entry.value.place, join_path(path, key),
                    "expected a map of keys, " + describe_found(entry.value));
    } else {
      reader.report(entry.key_place, join_path(path, key),
                    fmt::format("unknown key: {} has no such parameter", doc.name),
                    name_hint(key, known, "keys here"));
    }
  }
}

/// The value of a key of the holder, however it is spelled.
const RawNode* find_own(Reader& reader, const PolicyBlock& block, const std::string& key,
                        const RawNode& map, const std::string& path) {
  const RawNode* node = map.find(key);
  for (const auto& [alias, meant] : policy_rules(block.kind).aliases) {
    const RawNode* const other = meant == key ? map.find(alias) : nullptr;
    if (node != nullptr && other != nullptr) {
      reader.report(other->place, join_path(path, alias),
                    fmt::format("{} says the same, and both are given", key), "keep one of them");
    }
    node = node == nullptr ? other : node;
  }
  return node;
}

/// A key of the holder, given or by default; none: it has neither, or is wrong and reported.
std::optional<Duration> own_duration(const PolicyBlock& block, const RawNode& own,
                                     const char* key) {
  const auto field = std::find_if(block.own_keys.fields.begin(), block.own_keys.fields.end(),
                                  [&](const FieldDecl& one) { return one.key == key; });
  const RawNode* const given = own.find(key);
  if (field == block.own_keys.fields.end() || (given == nullptr && field->default_text.empty())) {
    return std::nullopt;
  }
  return parse_duration(given != nullptr ? given->text : field->default_text).value;
}

/// How long it takes until what is asked for at the next evaluation serves, from the moment that
/// the signal is of; none: that is not known before.
std::optional<Duration> lead_of(const PolicyBlock& block, const RawNode& own) {
  Duration sum{};
  for (const char* const part : {"provisioning_delay", "signal_delay", "interval"}) {
    const std::optional<Duration> value = own_duration(block, own, part);
    if (!value) {
      return std::nullopt;
    }
    sum += *value;
  }
  return sum;
}

/// Forecasts must reach until what is asked for serves; where nothing is said, they do.
void reach_ahead(Reader& reader, const ParamDoc& doc, const RawNode* given, const std::string& path,
                 Duration lead, PolicyParams& params) {
  if (params.duration(doc.key) >= lead) {
    return;
  }
  if (given == nullptr) {
    params.set_number(doc.key, static_cast<double>(lead.count()));
    return;
  }
  reader.report(given->place, path,
                fmt::format("it ends before what is asked for serves: the provisioning delay, the "
                            "signal's age and an interval are {}",
                            format_duration(lead)),
                "lengthen it to that at least, or leave it out");
}

/// What a parameter asks for must be allowed: it would be cut without a word.
void stay_below_most(Reader& reader, const PolicyRules& rules, const ParamDoc& doc,
                     const RawNode& given, const std::string& path, const RawNode& own) {
  if (doc.most_asked_for == nullptr || !given.is_scalar() ||
      (doc.accepts != nullptr && !doc.accepts(given.text))) {
    return;
  }
  const std::int64_t asked = doc.most_asked_for(given.text);
  for (const std::string& key : rules.most_keys) {
    const RawNode* const bound = own.find(key);
    const auto most = bound != nullptr ? parse_count(bound->text).value : std::nullopt;
    if (most && asked > *most) {
      reader.report(given.place, path,
                    fmt::format("it asks for {}, and {} is {}", asked, key, *most),
                    fmt::format("lower it, or raise {}", key));
    }
  }
}

/// What repeats is kept by interval: another length would drift against the clock, and one interval
/// knows nothing of a season.
void repeat_in_step(Reader& reader, const PolicyRules& rules, const RawNode& map,
                    const RawNode& own, const std::string& path, Duration interval,
                    const PolicyParams& params) {
  if (params.text(rules.repeating_by) != rules.repeating_word || interval <= Duration::zero()) {
    return;
  }
  const Duration season = params.duration(rules.repeating_key);
  const std::int64_t whole = season / interval;
  if (season <= Duration::zero() || (whole >= 2 && whole * interval == season)) {
    return;  // what is no season has been reported
  }
  const RawNode* const given = find_parameter(map, rules.repeating_key);
  const RawNode* const by = own.find("interval");
  const RawNode& blamed = given != nullptr ? *given : by != nullptr ? *by : map;
  reader.report(
      blamed.place, join_path(path, given != nullptr ? rules.repeating_key : "interval"),
      fmt::format("a {} of {} is no whole number, two at least, of intervals of {}",
                  rules.repeating_key, format_duration(season), format_duration(interval)),
      whole < 2 ? fmt::format("use a {} of {} or more", rules.repeating_key,
                              format_duration(2 * interval))
                : fmt::format("use a {} of {} or {}", rules.repeating_key,
                              format_duration(whole * interval),
                              format_duration((whole + 1) * interval)));
}

/// Splits a policy block into the policy's own keys and those of its holder.
void read_policy_block(Reader& reader, const PolicyBlock& block, const RawNode& map,
                       const std::string& path, PolicyConfig& policy, void* holder) {
  const PolicyDoc* const doc = choose_policy(reader, block, map, path);
  std::vector<std::string> known{std::string{policy_key}};
  RawNode own;
  own.kind = RawNode::Kind::map;
  own.place = map.place;
  for (const FieldDecl& key : block.own_keys.fields) {
    known.push_back(key.key);
    for (const auto& [alias, meant] : policy_rules(block.kind).aliases) {
      if (meant == key.key) {
        known.push_back(alias);
      }
    }
    if (const RawNode* const node = find_own(reader, block, key.key, map, path)) {
      append_entry(own, key.key, *node);
    }
  }
  read_section(reader, block.own_keys, own, path, holder);
  if (doc == nullptr) {
    return;
  }
  policy.policy = doc->name;
  const PolicyRules& rules = policy_rules(block.kind);
  const std::optional<Duration> lead = lead_of(block, own);
  for (const ParamDoc& param : doc->params) {
    known.push_back(param.key);
    const RawNode* const given = find_parameter(map, param.key);
    read_parameter(reader, param, given, join_path(path, param.key), policy.params);
    if (given != nullptr) {
      stay_below_most(reader, rules, param, *given, join_path(path, param.key), own);
    }
    if (lead && param.key == rules.reaching_key) {
      reach_ahead(reader, param, given, join_path(path, param.key), *lead, policy.params);
    }
  }
  const bool repeats =
      std::any_of(doc->params.begin(), doc->params.end(),
                  [&](const ParamDoc& param) { return param.key == rules.repeating_key; });
  const std::optional<Duration> interval = own_duration(block, own, "interval");
  if (repeats && interval) {
    repeat_in_step(reader, rules, map, own, path, *interval, policy.params);
  }
  report_unknown_parameters(reader, *doc, map, "", path, known);
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

RawNode write_policy_block(const Writer& writer, const PolicyBlock& block,
                           const PolicyConfig& policy, const void* holder) {
  RawNode map;
  append_entry(map, std::string{policy_key}, scalar_node(policy.policy));
  for (RawEntry& entry : write_section(writer, block.own_keys, holder).entries) {
    append_entry(map, entry.key, std::move(entry.value));
  }
  const PolicyDoc* const doc = find_policy(writer.policies, block.kind, policy.policy);
  PLIMSOLL_CHECK(doc != nullptr, "a validated policy is known");
  for (const ParamDoc& param : doc->params) {
    append_parameter(map, param.key, write_parameter(writer, param, policy.params));
  }
  return map;
}

}  // namespace

FieldDecl policy_field(PolicyBlock given) {
  const auto block = std::make_shared<const PolicyBlock>(std::move(given));
  FieldDecl field;
  field.key = block->key;
  field.default_text = block->default_policy;
  field.help = block->help;
  field.doc.shape = Shape::policy;
  field.doc.type = block->kind + " policy";
  field.doc.policy_kind = block->kind;
  field.may_be_absent = block->default_policy.empty();
  field.default_doc = field.may_be_absent ? "none" : "";
  field.child = std::make_shared<const SectionDecl>(block->own_keys);
  field.read = [block](Reader& reader, const RawNode& node, const std::string& path, void* object) {
    if (expect_map(reader, node, path)) {
      void* const holder = block->make_holder(object);
      read_policy_block(reader, *block, node, path, block->policy(holder), holder);
    }
  };
  field.write = [block](const Writer& writer, const void* object, RawNode& into) {
    if (const void* const holder = block->holder(object)) {
      // Only read from here on: the cast undoes what the shared accessor asks for.
      const PolicyConfig& policy = block->policy(const_cast<void*>(holder));
      append_entry(into, block->key, write_policy_block(writer, *block, policy, holder));
    }
  };
  return field;
}

}  // namespace plimsoll
