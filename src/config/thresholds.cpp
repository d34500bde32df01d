// Config: thresholds, k6's grammar: a metric, perhaps for one tier, model or pool, and conditions
// on it.
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

bool is_latency(const std::string& metric) {
  return std::any_of(metric_docs.begin(), metric_docs.end(),
                     [&](const MetricDoc& doc) { return doc.latency && metric == doc.name; });
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

bool check_tag(Reader& reader, const RawEntry& entry, const std::string& path,
               const ThresholdConfig& threshold) {
  if (threshold.tag_key.empty()) {
    return true;
  }
  const NameList list = threshold.tag_key == "tier"    ? NameList::tiers
                        : threshold.tag_key == "model" ? NameList::models
                        : threshold.tag_key == "pool"  ? NameList::pools
                                                       : NameList::none;
  if (list == NameList::none) {
    reader.report(entry.key_place, path, fmt::format("unknown tag {}", threshold.tag_key),
                  name_hint(threshold.tag_key, {"tier", "model", "pool"}, "tags"));
    return false;
  }
  const std::vector<std::string>& names = reader.names(list);
  if (std::find(names.begin(), names.end(), threshold.tag_value) == names.end()) {
    reader.report(entry.key_place, path,
                  fmt::format("no {} named \"{}\"", threshold.tag_key, threshold.tag_value),
                  name_hint(threshold.tag_value, names, threshold.tag_key + "s"));
    return false;
  }
  return true;
}

void read_condition(Reader& reader, const RawNode& node, const std::string& path,
                    const ThresholdConfig& metric, std::vector<ThresholdConfig>& thresholds) {
  ThresholdConfig threshold = metric;
  const bool latency = is_latency(threshold.metric);
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
                    std::vector<ThresholdConfig>& thresholds) {
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
  if (!check_tag(reader, entry, path, threshold)) {
    return;
  }
  if (!entry.value.is_sequence() || entry.value.items.empty()) {
    reader.report(entry.value.place, path,
                  "expected a list of conditions, " + describe_found(entry.value),
                  "e.g. [\"p(99)<3000\"]");
  }
  for (std::size_t i = 0; i < entry.value.items.size(); ++i) {
    read_condition(reader, entry.value.items[i], join_path(path, std::to_string(i)), threshold,
                   thresholds);
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
      read_threshold(reader, entry, path, static_cast<Config*>(object)->thresholds);
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
