// Config: declarations of keys as data. One description of a key serves reading and validation,
// the hints in messages, the JSON Schema, the reference and the resolved scenario.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/reader.hpp"

namespace plimsoll {

/// What kind of value a key takes, as far as schema and reference tell it.
enum class Shape : std::uint8_t {
  text,
  word,  // one of some words
  flag,
  count,     // a bare whole number
  number,    // a bare number
  ratio,     // 0.87 or 87%
  quantity,  // a number with a unit
  pairs,     // a list of two-element lists
  texts,     // a list of texts
  numbers,   // a list of numbers
  windows,   // a list of two-element lists, or "all"
  section,   // a map of declared keys
  section_list,
  named_sections,  // a map of names to sections
  policy,          // a policy block
  thresholds,
};

struct ValueDoc {
  Shape shape = Shape::text;
  std::string type;                  // "duration", "name in catalog.gpus"
  std::string range;                 // "1 .. 64"; empty when any value will do
  std::vector<std::string> words{};  // Shape::word
  std::string pattern{};             // regular expression of the text, Shape::quantity
  std::optional<double> minimum{};   // Shape::count, number, ratio: inclusive
  std::optional<double> maximum{};
  bool above_minimum = false;  // exclusive instead
  std::string policy_kind{};   // Shape::policy
};

struct SectionDecl;

/// One key of a section, with the type of the struct behind it erased.
struct FieldDecl {
  std::string key;
  std::string default_text;  // as it would stand in YAML; empty: none
  std::string default_doc;   // what the reference says instead when the default is derived
  std::string help;
  bool required = false;
  bool may_be_absent = false;  // nothing is read (and no default applied) when the key is absent
  ValueDoc doc;
  std::shared_ptr<const SectionDecl> child;  // sections of any shape, own keys of policies
  std::string when;                          // "kind: lognormal"; empty: always applies
  std::function<bool(const void*)> applies;
  std::function<void(Reader&, const RawNode&, const std::string& path, void*)> read;
  std::function<void(const Writer&, const void*, RawNode& into)> write;  // appends, or does not
};

/// A map with declared keys. `finish` checks the section as a whole and fills derived defaults;
/// `clean` says that its keys had no findings.
struct SectionDecl {
  std::vector<FieldDecl> fields;
  std::function<void(Reader&, const RawNode&, const std::string& path, void*, bool clean)> finish;
};

/// Reads `map` into the struct at `object`.
void read_section(Reader& reader, const SectionDecl& section, const RawNode& map,
                  const std::string& path, void* object);

/// The struct at `object` as a map with every applicable key.
RawNode write_section(const Writer& writer, const SectionDecl& section, const void* object);

/// Reports and returns false when `node` is no map.
bool expect_map(Reader& reader, const RawNode& node, const std::string& path);

/// Entries of a map of names, sorted by name, `extends` resolved; bad names are reported.
RawNode named_entries(Reader& reader, const RawNode& node, const std::string& path);

/// How a value of a type that is known elsewhere is read and written.
struct AnyKind {
  std::function<void(Reader&, const RawNode&, const std::string& path, void*)> read;
  std::function<RawNode(const Writer&, const void*)> write;
};

/// How a value of type V is read and written.
template <class V>
struct Kind {
  ValueDoc doc;
  std::function<void(Reader&, const RawNode&, const std::string& path, V&)> read;
  std::function<RawNode(const Writer&, const V&)> write;

  Kind() = default;
  Kind(const Kind&) = default;
  Kind(Kind&&) noexcept = default;
  Kind& operator=(const Kind&) = default;
  Kind& operator=(Kind&&) noexcept = default;
  /// A section is one expression with dozens of kinds, each to be destroyed wherever it may throw:
  /// inlined, that took half of its compilation.
  [[gnu::noinline]] ~Kind() {}  // NOLINT: = default would be inlined

  /// The same, with the type forgotten: fields of all structs share it.
  AnyKind of_any() const {
    return {[read = read](Reader& reader, const RawNode& node, const std::string& path,
                          void* value) { read(reader, node, path, *static_cast<V*>(value)); },
            [write = write](const Writer& writer, const void* value) {
              return write(writer, *static_cast<const V*>(value));
            }};
  }
};

/// The address of a member, from that of its struct.
using MemberOf = std::function<void*(void*)>;

/// `decl` reads and writes the value at `member`.
void set_value(FieldDecl& decl, AnyKind kind, MemberOf member);

/// What is to be done with a member that may be absent.
enum class OptionalUse : std::uint8_t { look, clear, renew };
/// Does it; the address of the value, null when there is none.
using OptionalOf = std::function<void*(void*, OptionalUse)>;

/// The same of a value that may be absent: "none" says so.
void set_optional(FieldDecl& decl, AnyKind kind, OptionalOf member);

/// Builds a SectionDecl for a struct T key by key. Modifiers act on the key added last.
template <class T>
class Section {
 public:
  /// A key with a default; an empty `default_text` makes it required.
  template <class V>
  Section& field(std::string_view key, V T::*member, const Kind<V>& kind,
                 std::string_view default_text, std::string_view help) {
    FieldDecl& decl = add(key, kind.doc, help);
    decl.required = default_text.empty();
    decl.default_text = default_text;
    set_value(decl, kind.of_any(), part_at(member));
    return *this;
  }

  /// A key that may be absent ("none" says the same).
  template <class V>
  Section& optional(std::string_view key, std::optional<V> T::*member, const Kind<V>& kind,
                    std::string_view help) {
    FieldDecl& decl = add(key, kind.doc, help);
    decl.default_doc = "none";
    decl.may_be_absent = true;
    set_optional(decl, kind.of_any(), [member](void* object, OptionalUse use) -> void* {
      std::optional<V>& value = static_cast<T*>(object)->*member;
      if (use == OptionalUse::clear) {
        value.reset();
      } else if (use == OptionalUse::renew) {
        value.emplace();
      }
      return value ? &*value : nullptr;
    });
    return *this;
  }

  /// Keys of the same struct, gathered in a map of their own.
  Section& group(std::string_view key, SectionDecl section, std::string_view help) {
    return nested(key, std::move(section), help, [](void* object) { return object; });
  }

  /// A struct within the struct.
  template <class V>
  Section& section(std::string_view key, V T::*member, SectionDecl section, std::string_view help) {
    return nested(key, std::move(section), help, part_at(member));
  }

  /// A struct that exists only when its key does.
  template <class V>
  Section& optional_section(std::string_view key, std::optional<V> T::*member, SectionDecl section,
                            std::string_view help) {
    FieldDecl& decl = add(key, section_doc(Shape::section), help);
    decl.child = std::make_shared<const SectionDecl>(std::move(section));
    decl.default_doc = "none";
    decl.may_be_absent = true;
    decl.read = [member, child = decl.child](Reader& reader, const RawNode& node,
                                             const std::string& path, void* object) {
      if (expect_map(reader, node, path)) {
        read_section(reader, *child, node, path, &(static_cast<T*>(object)->*member).emplace());
      }
    };
    decl.write = [member, child = decl.child, name = decl.key](const Writer& writer,
                                                               const void* object, RawNode& into) {
      const std::optional<V>& value = static_cast<const T*>(object)->*member;
      if (value) {
        append_entry(into, name, write_section(writer, *child, &*value));
      }
    };
    return *this;
  }

  /// A list of structs.
  template <class V>
  Section& list(std::string_view key, std::vector<V> T::*member, SectionDecl section,
                std::string_view help) {
    FieldDecl& decl = add(key, section_doc(Shape::section_list), help);
    decl.child = std::make_shared<const SectionDecl>(std::move(section));
    decl.default_doc = "none";
    decl.may_be_absent = true;
    decl.read = [member, child = decl.child](Reader& reader, const RawNode& node,
                                             const std::string& path, void* object) {
      if (!node.is_sequence()) {
        reader.report(node.place, path, "expected a list of maps, " + describe_found(node));
      }
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        const std::string item_path = join_path(path, std::to_string(i));
        if (expect_map(reader, node.items[i], item_path)) {
          V& item = (static_cast<T*>(object)->*member).emplace_back();
          read_section(reader, *child, node.items[i], item_path, &item);
        }
      }
    };
    decl.write = [member, child = decl.child, name = decl.key](const Writer& writer,
                                                               const void* object, RawNode& into) {
      RawNode items;
      items.kind = RawNode::Kind::sequence;
      for (const V& item : static_cast<const T*>(object)->*member) {
        items.items.push_back(write_section(writer, *child, &item));
      }
      if (!items.items.empty()) {
        append_entry(into, name, std::move(items));
      }
    };
    return *this;
  }

  /// A map of names to structs with a `name`; the names become a list to refer to.
  template <class V>
  Section& named(std::string_view key, std::vector<V> T::*member, SectionDecl section,
                 NameList list, std::string_view help) {
    FieldDecl& decl = add(key, section_doc(Shape::named_sections), help);
    decl.child = std::make_shared<const SectionDecl>(std::move(section));
    decl.default_doc = "none";
    decl.may_be_absent = true;
    decl.read = [member, list, child = decl.child](Reader& reader, const RawNode& node,
                                                   const std::string& path, void* object) {
      const RawNode entries = named_entries(reader, node, path);
      std::vector<V>& items = static_cast<T*>(object)->*member;
      std::vector<std::string> names;
      for (const RawEntry& entry : entries.entries) {
        names.push_back(entry.key);
      }
      reader.set_names(list, std::move(names));
      for (const RawEntry& entry : entries.entries) {
        V& item = items.emplace_back();
        item.name = entry.key;
        const std::string item_path = join_path(path, entry.key);
        // An entry whose base is unknown has had its finding: its missing keys are no news.
        if (expect_map(reader, entry.value, item_path) && entry.value.find("extends") == nullptr) {
          read_section(reader, *child, entry.value, item_path, &item);
        }
      }
    };
    decl.write = [member, child = decl.child, name = decl.key](const Writer& writer,
                                                               const void* object, RawNode& into) {
      RawNode entries;
      for (const V& item : static_cast<const T*>(object)->*member) {
        append_entry(entries, item.name, write_section(writer, *child, &item));
      }
      if (entries.is_map()) {
        append_entry(into, name, std::move(entries));
      }
    };
    return *this;
  }

  /// A key that is read and written by its own code.
  Section& custom(FieldDecl decl) {
    decl_.fields.push_back(std::move(decl));
    return *this;
  }

  /// The key stands only where `applies` holds for what was read before it; elsewhere its
  /// presence is a finding and no default is applied. `when` says so, e.g. "kind: lognormal".
  Section& only_when(std::string_view when, bool (*applies)(const T&)) {
    decl_.fields.back().when = when;
    decl_.fields.back().applies = [applies](const void* object) {
      return applies(*static_cast<const T*>(object));
    };
    return *this;
  }

  /// The key may be left out; its default is derived by the section's finish.
  Section& derived(std::string_view how) {
    FieldDecl& decl = decl_.fields.back();
    decl.required = false;
    decl.may_be_absent = true;
    decl.default_text.clear();
    decl.default_doc = how;
    return *this;
  }

  /// Writes the key only where `present` holds.
  Section& written_when(bool (*present)(const T&)) {
    FieldDecl& decl = decl_.fields.back();
    decl.write = [present, write = std::move(decl.write)](const Writer& writer, const void* object,
                                                          RawNode& into) {
      if (present(*static_cast<const T*>(object))) {
        write(writer, object, into);
      }
    };
    return *this;
  }

  /// Runs after the key was read, also when it was absent.
  Section& then(std::function<void(Reader&, T&)> step) {
    FieldDecl& decl = decl_.fields.back();
    decl.may_be_absent = false;
    decl.read = [read = std::move(decl.read), step = std::move(step)](
                    Reader& reader, const RawNode& node, const std::string& path, void* object) {
      read(reader, node, path, object);
      step(reader, *static_cast<T*>(object));
    };
    return *this;
  }

  /// The section must be there (the default for a section is its keys' defaults).
  Section& required() {
    decl_.fields.back().required = true;
    decl_.fields.back().default_doc.clear();
    return *this;
  }

  Section& finish(
      std::function<void(Reader&, const RawNode&, const std::string&, T&, bool)> check) {
    decl_.finish = [check = std::move(check)](Reader& reader, const RawNode& map,
                                              const std::string& path, void* object, bool clean) {
      check(reader, map, path, *static_cast<T*>(object), clean);
    };
    return *this;
  }

  std::vector<std::string> keys() const {
    std::vector<std::string> keys;
    for (const FieldDecl& decl : decl_.fields) {
      keys.push_back(decl.key);
    }
    return keys;
  }

  SectionDecl build() { return std::move(decl_); }

 private:
  static ValueDoc section_doc(Shape shape) {
    ValueDoc doc;
    doc.shape = shape;
    doc.type = shape == Shape::section_list ? "list of maps" : "map";
    return doc;
  }

  template <class V>
  static MemberOf part_at(V T::*member) {
    return [member](void* object) -> void* { return &(static_cast<T*>(object)->*member); };
  }

  FieldDecl& add(std::string_view key, ValueDoc doc, std::string_view help) {
    FieldDecl& decl = decl_.fields.emplace_back();
    decl.key = key;
    decl.doc = std::move(doc);
    decl.help = help;
    return decl;
  }

  Section& nested(std::string_view key, SectionDecl section, std::string_view help, MemberOf part) {
    FieldDecl& decl = add(key, section_doc(Shape::section), help);
    decl.child = std::make_shared<const SectionDecl>(std::move(section));
    decl.read = [part, child = decl.child](Reader& reader, const RawNode& node,
                                           const std::string& path, void* object) {
      if (expect_map(reader, node, path)) {
        read_section(reader, *child, node, path, part(object));
      }
    };
    decl.write = [part, child = decl.child, name = decl.key](const Writer& writer,
                                                             const void* object, RawNode& into) {
      // The part is only read from here on: the cast undoes what the shared accessor asks for.
      RawNode map = write_section(writer, *child, part(const_cast<void*>(object)));
      if (!map.entries.empty()) {
        append_entry(into, name, std::move(map));
      }
    };
    return *this;
  }

  SectionDecl decl_;
};

}  // namespace plimsoll
