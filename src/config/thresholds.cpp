// Config: thresholds, k6's grammar: a metric, perhaps for one tier, class, model, pool, region or
// datacenter, and conditions on it.
#include <fmt/format.h>

#include <algorithm>

#include "base/unit_text.hpp"
#include "config/sections.hpp"
#include "plimsoll/metric_docs.hpp"

namespace plimsoll {

namespace {

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const MetricDoc& doc : metric_docs) {
      all.emplace_back(doc.name);
    }
    return all;
  }();
  return names;
}

/// The description of a metric of metric_names().
const MetricDoc& find_metric_doc(const std::string& metric) {
  return *std::find_if(metric_docs.begin(), metric_docs.end(),
                       [&](const MetricDoc& doc) { return metric == doc.name; });
}

bool take(std::string_view& text, std::string_view front) {
  const bool starts = text.starts_with(front);
  text.remove_prefix(starts ? front.size() : 0);
  return starts;
}

void skip_spaces(std::string_view& text) {
  while (take(text, " ")) {
  }
}

bool take_statistic(std::string_view& text, ThresholdConfig& threshold) {
  for (const std::string_view word : {"avg", "min", "max", "value"}) {
    if (take(text, word)) {
      threshold.statistic = word;
      return true;
    }
  }
  const std::size_t end = text.find(')');
  if (!take(text, "p(") || end == std::string_view::npos) {
    return false;
  }
  const auto percentile = parse_number(text.substr(0, end - 2)).value;
  text.remove_prefix(end - 1);
  threshold.statistic = "p";
  threshold.percentile = percentile.value_or(-1);
  return percentile && *percentile >= 0 && *percentile <= 100;
}

bool parse_condition(std::string_view text, ThresholdConfig& threshold) {
  threshold.text = text;
  constexpr std::string_view suffix = "every window";
  if (text.ends_with(suffix)) {
    threshold.every_window = true;
    text.remove_suffix(suffix.size());
  }
  skip_spaces(text);
  if (!take_statistic(text, threshold)) {
    return false;
  }
  skip_spaces(text);
  for (const std::string_view comparison : {"<=", ">=", "<", ">"}) {
    if (threshold.comparison.empty() && take(text, comparison)) {
      threshold.comparison = comparison;
    }
  }
  const auto bound = parse_number(text).value;
  threshold.bound = bound.value_or(0);
  return !threshold.comparison.empty() && bound.has_value();
}

/// Splits "ttft_ms{tier:plus}"; false when the braces are not in order.
bool split_metric(const std::string& key, ThresholdConfig& threshold) {
  const std::size_t brace = key.find('{');
  threshold.metric = key.substr(0, brace);
  if (brace == std::string::npos) {
    return true;
  }
  const std::size_t colon = key.find(':', brace);
  if (colon == std::string::npos || key.back() != '}') {
    return false;
  }
  threshold.tag_key = key.substr(brace + 1, colon - brace - 1);
  std::string_view value = std::string_view{key}.substr(colon + 1, key.size() - colon - 2);
  skip_spaces(value);
  threshold.tag_value = value;
  return true;
}

const std::vector<std::string> tags = {"tier", "class", "model", "pool", "region", "datacenter"};

template <class Named>
std::vector<std::string> names_of(const std::vector<Named>& entries) {
  std::vector<std::string> names;
  for (const Named& entry : entries) {
    names.push_back(entry.name);
  }
  return names;
}

/// What a tag may name. Places are those of path.edge.
std::vector<std::string> names_of_tag(const Reader& reader, const Config& config,
                                      const std::string& tag) {
  if (tag == "region" || tag == "datacenter") {
    const EdgeConfig& edge = *config.path->edge;
    return tag == "region" ? names_of(edge.regions) : names_of(edge.datacenters);
  }
  if (tag == "class") {
    return names_of(config.workload.classes);
  }
  return reader.names(tag == "tier"    ? NameList::tiers
                      : tag == "model" ? NameList::models
                                       : NameList::pools);
}

/// Rows by place are kept where they are asked for.
bool check_place(Reader& reader, const RawEntry& entry, const std::string& path,
                 const ThresholdConfig& threshold, const Config& config) {
  if (!config.path || !config.path->edge) {
    reader.report(entry.key_place, path,
                  fmt::format("there is no {} without path.edge", threshold.tag_key),
                  "name regions and datacenters there, and set metrics.regions");
    return false;
  }
  if (!config.metrics.regions) {
    reader.report(entry.key_place, path,
                  fmt::format("nothing is kept by {}: metrics.regions is off", threshold.tag_key),
                  "set metrics.regions: true");
    return false;
  }
  return true;
}

bool check_tag(Reader& reader, const RawEntry& entry, const std::string& path,
               const ThresholdConfig& threshold, const Config& config) {
  const std::string& tag = threshold.tag_key;
  if (tag.empty()) {
    return true;
  }
  if (std::find(tags.begin(), tags.end(), tag) == tags.end()) {
    reader.report(entry.key_place, path, fmt::format("unknown tag {}", tag),
                  name_hint(tag, tags, "tags"));
    return false;
  }
  const bool place = tag == "region" || tag == "datacenter";
  if ((place || tag == "tier" || tag == "class") && !find_metric_doc(threshold.metric).by_tier) {
    reader.report(entry.key_place, path,
                  fmt::format("{} is not known by {}", threshold.metric, tag),
                  "it belongs to replicas; tag it with a pool or a model");
    return false;
  }
  if (place && !check_place(reader, entry, path, threshold, config)) {
    return false;
  }
  const std::vector<std::string> names = names_of_tag(reader, config, tag);
  if (std::find(names.begin(), names.end(), threshold.tag_value) == names.end()) {
    reader.report(entry.key_place, path,
                  fmt::format("no {} named \"{}\"", tag, threshold.tag_value),
                  name_hint(threshold.tag_value, names, tag == "class" ? "classes" : tag + "s"));
    return false;
  }
  return true;
}

void read_condition(Reader& reader, const RawNode& node, const std::string& path,
                    const ThresholdConfig& metric, std::vector<ThresholdConfig>& thresholds) {
  ThresholdConfig threshold = metric;
  const bool latency = find_metric_doc(threshold.metric).latency;
  const char* const examples = latency
                                   ? "e.g. \"p(99)<3000\", \"avg<=50\", \"max<9000 every window\""
                                   : "e.g. \"value>=0.999\", \"value>=0.99 every window\"";
  if (!node.is_scalar() || !parse_condition(node.text, threshold)) {
    reader.report(node.place, path, "expected a condition, " + describe_found(node), examples);
  } else if (latency == (threshold.statistic == "value")) {
    reader.report(
        node.place, path,
        fmt::format("{} has {}, {}", threshold.metric,
                    latency ? "p(..), avg, min and max" : "only a value", describe_found(node)),
        examples);
  } else {
    thresholds.push_back(std::move(threshold));
  }
}

void read_threshold(Reader& reader, const RawEntry& entry, const std::string& parent,
                    Config& config) {
  const std::string path = join_path(parent, entry.key);
  ThresholdConfig threshold;
  if (!split_metric(entry.key, threshold)) {
    reader.report(entry.key_place, path, "expected a metric, perhaps with one tag",
                  "e.g. ttft_ms or \"ttft_ms{tier:plus}\"");
    return;
  }
  const auto& metrics = metric_names();
  if (std::find(metrics.begin(), metrics.end(), threshold.metric) == metrics.end()) {
    reader.report(entry.key_place, path, fmt::format("unknown metric {}", threshold.metric),
                  name_hint(threshold.metric, metrics, "metrics"));
    return;
  }
  if (!check_tag(reader, entry, path, threshold, config)) {
    return;
  }
  if (!entry.value.is_sequence() || entry.value.items.empty()) {
    reader.report(entry.value.place, path,
                  "expected a list of conditions, " + describe_found(entry.value),
                  "e.g. [\"p(99)<3000\"]");
  }
  for (std::size_t i = 0; i < entry.value.items.size(); ++i) {
    read_condition(reader, entry.value.items[i], join_path(path, std::to_string(i)), threshold,
                   config.thresholds);
  }
}

std::string metric_key(const ThresholdConfig& threshold) {
  return threshold.tag_key.empty()
             ? threshold.metric
             : fmt::format("{}{{{}:{}}}", threshold.metric, threshold.tag_key, threshold.tag_value);
}

}  // namespace

FieldDecl thresholds_field() {
  FieldDecl field;
  field.key = "thresholds";
  field.default_doc = "none";
  field.may_be_absent = true;
  field.doc.shape = Shape::thresholds;
  field.doc.type = "map of metrics to conditions";
  field.doc.words = metric_names();
  field.help = "what must hold: exit code 99 when one fails";
  field.read = [](Reader& reader, const RawNode& node, const std::string& path, void* object) {
    if (!expect_map(reader, node, path)) {
      return;
    }
    RawNode sorted = node;
    std::sort(sorted.entries.begin(), sorted.entries.end(),
              [](const RawEntry& a, const RawEntry& b) { return a.key < b.key; });
    for (const RawEntry& entry : sorted.entries) {
      read_threshold(reader, entry, path, *static_cast<Config*>(object));
    }
  };
  field.write = [](const Writer&, const void* object, RawNode& into) {
    RawNode map;
    for (const ThresholdConfig& threshold : static_cast<const Config*>(object)->thresholds) {
      const std::string key = metric_key(threshold);
      if (map.find(key) == nullptr) {
        RawNode list;
        list.kind = RawNode::Kind::sequence;
        append_entry(map, key, std::move(list));
      }
      map.find(key)->items.push_back(scalar_node(threshold.text));
    }
    if (map.is_map()) {
      append_entry(into, "thresholds", std::move(map));
    }
  };
  return field;
}

}  // namespace plimsoll
