// Config: reading and writing a section by its declarations.
#include "config/declarations.hpp"

#include <fmt/format.h>

#include "scenario/read_scenario.hpp"

namespace plimsoll {

namespace {

void report_unknown_keys(Reader& reader, const SectionDecl& section, const RawNode& map,
                         const std::string& path) {
  for (const RawEntry& entry : map.entries) {
    const bool known = std::any_of(section.fields.begin(), section.fields.end(),
                                   [&](const FieldDecl& field) { return field.key == entry.key; });
    if (!known) {
      std::vector<std::string> keys;
      for (const FieldDecl& field : section.fields) {
        keys.push_back(field.key);
      }
      reader.report(entry.key_place, join_path(path, entry.key), "unknown key",
                    name_hint(entry.key, keys, "keys here"));
    }
  }
}

void read_absent(Reader& reader, const FieldDecl& field, const RawNode& map,
                 const std::string& path, void* object) {
  if (field.required) {
    reader.report(map.place, path, "missing key",
                  fmt::format("{}: {}", field.help, field.doc.type));
    return;
  }
  if (field.may_be_absent) {
    return;
  }
  RawNode node = scalar_node(field.default_text);
  if (field.child) {
    node = RawNode{};
    node.kind = RawNode::Kind::map;
  }
  node.place = map.place;
  field.read(reader, node, path, object);
}

}  // namespace

void read_section(Reader& reader, const SectionDecl& section, const RawNode& map,
                  const std::string& path, void* object) {
  const std::size_t findings_before = reader.findings().size();
  report_unknown_keys(reader, section, map, path);
  // A word with a finding decides nothing: the keys that depend on it are left alone.
  std::string undecided;
  for (const FieldDecl& field : section.fields) {
    const RawNode* const node = map.find(field.key);
    const std::string key_path = join_path(path, field.key);
    const std::string deciding = field.when.substr(0, field.when.find(':'));
    if (!deciding.empty() && deciding == undecided) {
      continue;
    }
    const bool applies = !field.applies || field.applies(object);
    const std::size_t findings_so_far = reader.findings().size();
    if (node != nullptr && applies) {
      field.read(reader, *node, key_path, object);
    } else if (node != nullptr) {
      reader.report(node->place, key_path,
                    "this key is not read here: it has a meaning only with " + field.when,
                    fmt::format("remove it ({}: null, if another file says it) or change {}",
                                field.key, deciding));
    } else if (applies) {
      read_absent(reader, field, map, key_path, object);
    }
    if (reader.findings().size() != findings_so_far && field.doc.shape == Shape::word) {
      undecided = field.key;
    }
  }
  if (section.finish) {
    section.finish(reader, map, path, object, reader.findings().size() == findings_before);
  }
}

RawNode write_section(const Writer& writer, const SectionDecl& section, const void* object) {
  RawNode map;
  map.kind = RawNode::Kind::map;
  for (const FieldDecl& field : section.fields) {
    if (!field.applies || field.applies(object)) {
      field.write(writer, object, map);
    }
  }
  return map;
}

bool expect_map(Reader& reader, const RawNode& node, const std::string& path) {
  if (!node.is_map()) {
    reader.report(node.place, path, "expected a map of keys, " + describe_found(node));
  }
  return node.is_map();
}

RawNode named_entries(Reader& reader, const RawNode& node, const std::string& path) {
  if (!node.is_map()) {
    reader.report(node.place, path,
                  "expected a map of names to their descriptions, " + describe_found(node));
    return RawNode{};
  }
  RawNode entries = node;
  resolve_extends(entries, path, reader.findings());
  constexpr std::string_view alphabet =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  for (const RawEntry& entry : entries.entries) {
    if (entry.key.empty() || entry.key.find_first_not_of(alphabet) != std::string::npos ||
        entry.key.front() == '.' || entry.key.front() == '-') {
      reader.report(entry.key_place, join_path(path, entry.key), "not a name",
                    "names have letters, digits, '_', '-' and '.'");
    }
  }
  std::sort(entries.entries.begin(), entries.entries.end(),
            [](const RawEntry& a, const RawEntry& b) { return a.key < b.key; });
  return entries;
}

void set_value(FieldDecl& decl, AnyKind kind, MemberOf member) {
  decl.read = [read = std::move(kind.read), member](Reader& reader, const RawNode& node,
                                                    const std::string& path, void* object) {
    read(reader, node, path, member(object));
  };
  decl.write = [write = std::move(kind.write), member, name = decl.key](
                   const Writer& writer, const void* object, RawNode& into) {
    // The member is only read from here on: the cast undoes what the shared accessor asks for.
    append_entry(into, name, write(writer, member(const_cast<void*>(object))));
  };
}

void set_optional(FieldDecl& decl, AnyKind kind, OptionalOf member) {
  decl.read = [read = std::move(kind.read), member](Reader& reader, const RawNode& node,
                                                    const std::string& path, void* object) {
    if (node.is_scalar() && node.text == "none") {
      member(object, OptionalUse::clear);
    } else {
      read(reader, node, path, member(object, OptionalUse::renew));
    }
  };
  decl.write = [write = std::move(kind.write), member, name = decl.key](
                   const Writer& writer, const void* object, RawNode& into) {
    // It is only looked at: the cast undoes what the shared accessor asks for.
    const void* const value = member(const_cast<void*>(object), OptionalUse::look);
    if (value != nullptr) {
      append_entry(into, name, write(writer, value));
    }
  };
}

}  // namespace plimsoll
