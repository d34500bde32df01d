// Config: the kinds of single values: how each is read, checked, written and described.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/declarations.hpp"
#include "plimsoll/units.hpp"

namespace plimsoll {

/// A bound on a number. Texts are as a user would write them.
struct AtLeast {
  double minimum = 0;
  double maximum = 1e18;
  bool above_minimum = false;  // the minimum itself is refused
};
inline constexpr AtLeast positive{0, 1e18, true};

Kind<std::string> text_kind();
Kind<std::vector<std::string>> texts_kind();
Kind<int> count_kind(int minimum, int maximum);
Kind<std::int64_t> big_count_kind(std::int64_t minimum, std::int64_t maximum);
Kind<std::uint64_t> seed_kind();
/// An existing file, relative to the file that names it; "" for none.
Kind<std::string> file_kind();
Kind<double> number_kind(AtLeast bounds = {});
Kind<double> ratio_kind(AtLeast bounds = {0, 1, false});
Kind<bool> flag_kind();
/// Quantities: any value that is not negative, or any above 0; durations up to `at_most`, so that
/// sums of some of them stay within the clock's range.
inline constexpr Duration ten_years = std::chrono::hours{24 * 3650};
Kind<Duration> duration_kind(bool above_zero = false, Duration at_most = ten_years);
/// A cost within a step.
Kind<FineDuration> fine_duration_kind(Duration at_most);
/// Durations that would be useless when shorter than a millisecond.
Kind<Duration> millisecond_kind();
Kind<Bytes> bytes_kind();
/// At least 1 MB/s.
Kind<BytesPerSecond> bandwidth_kind();
/// At least 1 GFLOPS; or 0, unless `above_zero`.
Kind<FlopRate> flop_kind(bool above_zero = false);
Kind<Frequency> frequency_kind();
Kind<Watts> watts_kind();
Kind<UsdPerHour> usd_per_hour_kind();
Kind<UsdPerMillion> usd_per_million_kind();
Kind<UsdPerGb> usd_per_gb_kind();
Kind<UsdPerGbMonth> usd_per_gb_month_kind();
Kind<UsdPerMonth> usd_per_month_kind();
/// Bytes, 0 allowed.
Kind<Bytes> byte_count_kind();
/// A moment of the calendar.
Kind<UtcTime> utc_kind();

/// One of some words, each with its value.
template <class E>
Kind<E> word_kind(std::vector<std::pair<std::string, E>> words) {
  std::vector<std::string> names;
  for (const auto& word : words) {
    names.push_back(word.first);
  }
  Kind<E> kind;
  kind.doc.shape = Shape::word;
  kind.doc.type = "word";
  kind.doc.words = names;
  kind.read = [words, names](Reader& reader, const RawNode& node, const std::string& path,
                             E& value) {
    for (const auto& word : words) {
      if (node.is_scalar() && node.text == word.first) {
        value = word.second;
        return;
      }
    }
    reader.report(node.place, path, "expected one of some words, " + describe_found(node),
                  name_hint(node.text, names, "words"));
  };
  kind.write = [words](const Writer&, const E& value) {
    for (const auto& word : words) {
      if (word.second == value) {
        return scalar_node(word.first);
      }
    }
    throw InternalError{"a word without a name"};
  };
  return kind;
}

/// Reports an unknown name; -1 then.
std::int64_t find_reference(Reader& reader, NameList list, const RawNode& node,
                            const std::string& path);
std::string reference_name(const Config& config, NameList list, std::size_t index);

/// The name of something declared elsewhere, kept as its position in the list of Config.
template <class Index>
Kind<Index> reference_kind(NameList list) {
  Kind<Index> kind;
  kind.doc.type = "name in " + std::string{name_list_path(list)};
  kind.read = [list](Reader& reader, const RawNode& node, const std::string& path, Index& value) {
    const std::int64_t index = find_reference(reader, list, node, path);
    value = index < 0 ? Index{} : static_cast<Index>(index);
  };
  kind.write = [list](const Writer& writer, const Index& value) {
    return scalar_node(reference_name(writer.config, list, value));
  };
  return kind;
}

}  // namespace plimsoll
