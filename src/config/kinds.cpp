// Config: the kinds of single values.
#include "config/kinds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <string_view>
#include <system_error>
#include <type_traits>

#include "base/unit_text.hpp"
#include "scenario/read_scenario.hpp"

namespace plimsoll {

namespace {

/// What to write for "6d1h", "1h 30min" or "1h30m"; empty when `text` is no sum of durations.
std::string one_duration(std::string_view text) {
  Duration sum{};
  int parts = 0;
  bool known = true;  // every unit
  while (!text.empty()) {
    // A part ends where a number follows a unit.
    const std::size_t unit = text.find_first_of("abcdefghijklmnopqrstuvwxyz");
    const std::size_t next = text.find_first_of("0123456789", std::min(unit, text.size()));
    std::string_view part = text.substr(0, next);
    text.remove_prefix(std::min(next, text.size()));
    while (part.ends_with(' ')) {
      part.remove_suffix(1);
    }
    if (unit == std::string_view::npos || part.front() < '0' || part.front() > '9') {
      return {};
    }
    const Parsed<Duration> value = parse_duration(part);
    known = known && value.value && *value.value <= ten_years && sum <= ten_years;
    sum += known ? *value.value : Duration{};
    ++parts;
  }
  if (parts < 2) {
    return {};
  }
  return "one number and one unit: " + (known ? format_duration(sum) : "90min, not 1h30m");
}

/// Reads a scalar with `parse`; reports and returns nothing when it is none.
template <class V>
std::optional<V> read_scalar(Reader& reader, const RawNode& node, const std::string& path,
                             Parsed<V> (*parse)(std::string_view)) {
  Parsed<V> parsed = parse(node.is_scalar() ? node.text : "not a value");
  if (!parsed.value) {
    const bool bare = node.is_scalar() && parse_number(node.text).value.has_value();
    const bool wants_unit = parsed.expected.find("unit") != std::string::npos;
    std::string hint = bare && wants_unit ? "add a unit" : "";
    if constexpr (std::is_same_v<V, Duration>) {
      hint = hint.empty() && node.is_scalar() ? one_duration(node.text) : hint;
    }
    reader.report(node.place, path,
                  fmt::format("expected {}, {}", parsed.expected, describe_found(node)), hint);
  }
  return parsed.value;
}

std::string bound_text(const AtLeast& bounds) {
  const std::string minimum = format_number(bounds.minimum);
  if (bounds.maximum >= 1e18) {
    return (bounds.above_minimum ? "above " : "at least ") + minimum;
  }
  return fmt::format("{}{} .. {}", bounds.above_minimum ? "above " : "", minimum,
                     format_number(bounds.maximum));
}

bool within(const AtLeast& bounds, double value) {
  return value <= bounds.maximum &&
         (bounds.above_minimum ? value > bounds.minimum : value >= bounds.minimum);
}

void report_range(Reader& reader, const RawNode& node, const std::string& path,
                  const std::string& range) {
  reader.report(node.place, path,
                fmt::format("out of range: expected {}, {}", range, describe_found(node)));
}

ValueDoc number_doc(Shape shape, std::string type, const AtLeast& bounds) {
  ValueDoc doc;
  doc.shape = shape;
  doc.type = std::move(type);
  doc.range = bound_text(bounds);
  doc.minimum = bounds.minimum;
  doc.above_minimum = bounds.above_minimum;
  if (bounds.maximum < 1e18) {
    doc.maximum = bounds.maximum;
  }
  return doc;
}

Kind<double> real_kind(Shape shape, std::string type, Parsed<double> (*parse)(std::string_view),
                       AtLeast bounds) {
  Kind<double> kind;
  kind.doc = number_doc(shape, std::move(type), bounds);
  kind.read = [parse, bounds](Reader& reader, const RawNode& node, const std::string& path,
                              double& value) {
    if (const auto read = read_scalar(reader, node, path, parse)) {
      value = *read;
      if (!within(bounds, value)) {
        report_range(reader, node, path, bound_text(bounds));
      }
    }
  };
  kind.write = [](const Writer&, const double& value) { return scalar_node(format_number(value)); };
  return kind;
}

template <class V>
Kind<V> whole_kind(std::int64_t minimum, std::int64_t maximum) {
  constexpr std::int64_t unbounded = 1'000'000'000'000'000'000;
  const std::string range = maximum >= unbounded ? fmt::format("at least {}", minimum)
                                                 : fmt::format("{} .. {}", minimum, maximum);
  Kind<V> kind;
  kind.doc.shape = Shape::count;
  kind.doc.type = "count";
  kind.doc.range = range;
  kind.doc.minimum = static_cast<double>(minimum);
  if (maximum < unbounded) {
    kind.doc.maximum = static_cast<double>(maximum);
  }
  kind.read = [minimum, maximum, range](Reader& reader, const RawNode& node,
                                        const std::string& path, V& value) {
    const auto read = read_scalar(reader, node, path, parse_count);
    if (read && (*read < minimum || *read > maximum)) {
      report_range(reader, node, path, range);
    } else if (read) {
      value = static_cast<V>(*read);
    }
  };
  kind.write = [](const Writer&, const V& value) {
    return scalar_node(format_count(static_cast<std::int64_t>(value)));
  };
  return kind;
}

/// What a quantity may be. With a `minimum`, 0 is still fine unless `above_zero`.
template <class Q>
struct Limits {
  bool above_zero = false;
  std::optional<Q> minimum{};
  std::optional<Q> maximum{};
};

template <class Q>
std::string lower_text(const Limits<Q>& limits, std::string (*format)(Q)) {
  if (!limits.minimum) {
    return limits.above_zero ? "above 0" : "";
  }
  return (limits.above_zero ? "at least " : "0 or at least ") + format(*limits.minimum);
}

template <class Q>
bool too_small(const Limits<Q>& limits, const Q& value) {
  return value.count() <= 0 ? limits.above_zero : limits.minimum && value < *limits.minimum;
}

template <class Q>
Kind<Q> quantity_kind(std::string type, Parsed<Q> (*parse)(std::string_view),
                      std::string (*format)(Q), std::string pattern, Limits<Q> limits) {
  const std::string lower = lower_text(limits, format);
  const std::string upper = limits.maximum ? "at most " + format(*limits.maximum) : "";
  Kind<Q> kind;
  kind.doc.shape = Shape::quantity;
  kind.doc.type = std::move(type);
  kind.doc.range = lower + (lower.empty() || upper.empty() ? "" : ", ") + upper;
  kind.doc.above_minimum = limits.above_zero;
  kind.doc.pattern = std::move(pattern);
  kind.read = [parse, limits, lower, upper](Reader& reader, const RawNode& node,
                                            const std::string& path, Q& value) {
    if (const auto read = read_scalar(reader, node, path, parse)) {
      value = *read;
      if (too_small(limits, value)) {
        report_range(reader, node, path, lower);
      } else if (limits.maximum && value > *limits.maximum) {
        report_range(reader, node, path, upper);
      }
    }
  };
  kind.write = [format](const Writer&, const Q& value) { return scalar_node(format(value)); };
  return kind;
}

}  // namespace

Kind<std::string> text_kind() {
  Kind<std::string> kind;
  kind.doc.type = "text";
  kind.read = [](Reader& reader, const RawNode& node, const std::string& path, std::string& value) {
    if (node.is_map() || node.is_sequence()) {
      reader.report(node.place, path, "expected a text, " + describe_found(node));
    }
    value = node.text;
  };
  kind.write = [](const Writer&, const std::string& value) { return scalar_node(value); };
  return kind;
}

Kind<std::vector<std::string>> texts_kind() {
  Kind<std::vector<std::string>> kind;
  kind.doc.shape = Shape::texts;
  kind.doc.type = "list of texts";
  kind.read = [](Reader& reader, const RawNode& node, const std::string& path,
                 std::vector<std::string>& texts) {
    texts.clear();
    if (!node.is_sequence()) {
      reader.report(node.place, path, "expected a list of texts, " + describe_found(node));
    }
    for (const RawNode& item : node.items) {
      if (!item.is_scalar() || item.text.empty()) {
        reader.report(item.place, path, "expected a text, " + describe_found(item));
      }
      texts.push_back(item.text);
    }
  };
  kind.write = [](const Writer&, const std::vector<std::string>& texts) {
    RawNode list;
    list.kind = RawNode::Kind::sequence;
    for (const std::string& text : texts) {
      list.items.push_back(scalar_node(text));
    }
    return list;
  };
  return kind;
}

Kind<int> count_kind(int minimum, int maximum) {
  return whole_kind<int>(minimum, maximum);
}

Kind<std::int64_t> big_count_kind(std::int64_t minimum, std::int64_t maximum) {
  return whole_kind<std::int64_t>(minimum, maximum);
}

Kind<std::string> file_kind() {
  Kind<std::string> kind = text_kind();
  kind.doc.type = "file";
  kind.read = [](Reader& reader, const RawNode& node, const std::string& path, std::string& value) {
    if (!node.is_scalar()) {
      if (node.kind != RawNode::Kind::null) {
        reader.report(node.place, path, "expected a file, " + describe_found(node));
      }
      return;
    }
    value = node.text.empty() ? "" : resolve_path(node.text, node.place);
    std::error_code ignored;
    if (!value.empty() &&
        (value.find('\0') != std::string::npos || !std::filesystem::exists(value, ignored))) {
      reader.report(node.place, path, "no such file: " + value,
                    "a path is relative to the file in which it stands, with --set to the working "
                    "directory");
    }
  };
  kind.write = [](const Writer&, const std::string& value) {
    // Absolute, since the resolved scenario lies in another folder.
    return scalar_node(std::filesystem::absolute(value).lexically_normal().string());
  };
  return kind;
}

Kind<std::uint64_t> seed_kind() {
  return whole_kind<std::uint64_t>(0, std::numeric_limits<std::int64_t>::max());
}

Kind<double> number_kind(AtLeast bounds) {
  return real_kind(Shape::number, "number", parse_number, bounds);
}

Kind<double> ratio_kind(AtLeast bounds) {
  return real_kind(Shape::ratio, "ratio", parse_ratio, bounds);
}

Kind<bool> flag_kind() {
  Kind<bool> kind;
  kind.doc.shape = Shape::flag;
  kind.doc.type = "true or false";
  kind.read = [](Reader& reader, const RawNode& node, const std::string& path, bool& value) {
    value = read_scalar(reader, node, path, parse_flag).value_or(value);
  };
  kind.write = [](const Writer&, const bool& value) {
    return scalar_node(value ? "true" : "false");
  };
  return kind;
}

Kind<Duration> duration_kind(bool above_zero, Duration at_most) {
  return quantity_kind<Duration>("duration", parse_duration, format_duration,
                                 unit_pattern(Dimension::duration), {above_zero, {}, at_most});
}
Kind<FineDuration> fine_duration_kind(Duration at_most) {
  return quantity_kind<FineDuration>("duration", parse_fine_duration, format_fine_duration,
                                     unit_pattern(Dimension::duration),
                                     {false, {}, FineDuration{at_most}});
}
Kind<Duration> millisecond_kind() {
  return quantity_kind<Duration>("duration", parse_duration, format_duration,
                                 unit_pattern(Dimension::duration),
                                 {true, std::chrono::milliseconds{1}, ten_years});
}
Kind<Bytes> bytes_kind() {
  return quantity_kind<Bytes>("size", parse_bytes, format_bytes, unit_pattern(Dimension::bytes),
                              {true});
}
Kind<BytesPerSecond> bandwidth_kind() {
  return quantity_kind<BytesPerSecond>("bandwidth", parse_bandwidth, format_bandwidth,
                                       unit_pattern(Dimension::bandwidth),
                                       {true, BytesPerSecond::of(1e6)});
}
Kind<FlopRate> flop_kind(bool above_zero) {
  return quantity_kind<FlopRate>("operations per second", parse_flop_rate, format_flop_rate,
                                 unit_pattern(Dimension::flop_rate),
                                 {above_zero, FlopRate::of(1e9)});
}
Kind<Frequency> frequency_kind() {
  return quantity_kind<Frequency>("rate", parse_frequency, format_frequency,
                                  unit_pattern(Dimension::frequency), {true});
}
Kind<Watts> watts_kind() {
  return quantity_kind<Watts>("power", parse_watts, format_watts, unit_pattern(Dimension::power),
                              {true});
}
Kind<UsdPerHour> usd_per_hour_kind() {
  return quantity_kind<UsdPerHour>("price per hour", parse_usd_per_hour, format_usd_per_hour,
                                   unit_pattern(Dimension::price_per_hour), {});
}
Kind<UsdPerMillion> usd_per_million_kind() {
  return quantity_kind<UsdPerMillion>("price per million tokens", parse_usd_per_million,
                                      format_usd_per_million,
                                      unit_pattern(Dimension::price_per_million), {});
}

Kind<UsdPerGb> usd_per_gb_kind() {
  return quantity_kind<UsdPerGb>("price per GB", parse_usd_per_gb, format_usd_per_gb,
                                 unit_pattern(Dimension::price_per_gb), {});
}
Kind<UsdPerGbMonth> usd_per_gb_month_kind() {
  return quantity_kind<UsdPerGbMonth>("price per GB and month", parse_usd_per_gb_month,
                                      format_usd_per_gb_month,
                                      unit_pattern(Dimension::price_per_gb_month), {});
}
Kind<UsdPerMonth> usd_per_month_kind() {
  return quantity_kind<UsdPerMonth>("price per month", parse_usd_per_month, format_usd_per_month,
                                    unit_pattern(Dimension::price_per_month), {});
}
Kind<Bytes> byte_count_kind() {
  return quantity_kind<Bytes>("size", parse_bytes, format_bytes, unit_pattern(Dimension::bytes),
                              {});
}

Kind<UtcTime> utc_kind() {
  Kind<UtcTime> kind;
  kind.doc.shape = Shape::text;
  kind.doc.type = "date";
  kind.doc.range = "1970 .. 2199";
  kind.read = [](Reader& reader, const RawNode& node, const std::string& path, UtcTime& value) {
    value = read_scalar(reader, node, path, parse_utc).value_or(value);
  };
  kind.write = [](const Writer&, const UtcTime& value) { return scalar_node(format_utc(value)); };
  return kind;
}

std::int64_t find_reference(Reader& reader, NameList list, const RawNode& node,
                            const std::string& path) {
  const std::vector<std::string>& names = reader.names(list);
  const auto found = std::find(names.begin(), names.end(), node.text);
  if (node.is_scalar() && found != names.end()) {
    return found - names.begin();
  }
  reader.report(
      node.place, path,
      fmt::format("expected a name in {}, {}", name_list_path(list), describe_found(node)),
      name_hint(node.text, names, "names in " + std::string{name_list_path(list)}));
  return -1;
}

std::string reference_name(const Config& config, NameList list, std::size_t index) {
  switch (list) {
    case NameList::kernels:
      return config.kernels.at(index).name;
    case NameList::gpus:
      return config.gpus.at(index).name;
    case NameList::models:
      return config.models.at(index).name;
    case NameList::profiles:
      return config.profiles.at(index).name;
    case NameList::prices:
      return config.prices.at(index).name;
    case NameList::loaders:
      return config.loaders.at(index).name;
    case NameList::stores:
      return config.stores.at(index).name;
    case NameList::tiers:
      return config.tiers.at(index).name;
    case NameList::load_shapes:
      return config.load_shapes.at(index).name;
    case NameList::shared_gpus:
      return config.shared_gpus.at(index).name;
    case NameList::pools:
      return config.pools.at(index).name;
    case NameList::classes:
      return config.workload.classes.at(index).name;
    case NameList::datacenters:
      return config.path->edge->datacenters.at(index).name;
    case NameList::none:
      break;
  }
  throw InternalError{"a reference to no list"};
}

}  // namespace plimsoll
