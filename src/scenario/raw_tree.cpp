// Scenario: the raw tree itself: looking things up in it and writing it down again.
#include "scenario/raw_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace plimsoll {

const RawNode* RawNode::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const RawEntry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &found->value;
}

RawNode* RawNode::find(std::string_view key) {
  return const_cast<RawNode*>(std::as_const(*this).find(key));
}

void RawNode::erase(std::string_view key) {
  std::erase_if(entries, [&](const RawEntry& entry) { return entry.key == key; });
}

std::string_view describe_kind(RawNode::Kind kind) {
  switch (kind) {
    case RawNode::Kind::scalar:
      return "a single value";
    case RawNode::Kind::sequence:
      return "a list";
    case RawNode::Kind::map:
      return "a map";
    case RawNode::Kind::null:
      break;
  }
  return "nothing";
}

RawNode scalar_node(std::string text) {
  RawNode node;
  node.kind = RawNode::Kind::scalar;
  node.text = std::move(text);
  return node;
}

void append_entry(RawNode& map, std::string key, RawNode value) {
  map.kind = RawNode::Kind::map;
  map.entries.push_back(RawEntry{std::move(key), Place{}, std::move(value)});
}

Diagnostic finding_at(const Place& place, std::string key_path, std::string message,
                      std::string hint) {
  return Diagnostic{place.file ? *place.file : std::string{},
                    place.line,
                    place.column,
                    std::move(key_path),
                    std::move(message),
                    std::move(hint)};
}

std::string join_path(std::string_view parent, std::string_view key) {
  std::string path{parent};
  if (!path.empty()) {
    path += '.';
  }
  path += key;
  return path;
}

namespace {

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Texts that mean themselves without quotes. Narrower than YAML allows, so that nobody has to
/// know its rules by heart.
bool is_plain(const std::string& text) {
  constexpr std::string_view inner = " _.$/%+()=<>-";
  if (text.empty() || text == "null" || text == "Null" || text == "NULL" || text.back() == ' ') {
    return false;
  }
  const bool starts_well = is_alphanumeric(text.front()) || text.front() == '$' ||
                           text.front() == '/' ||
                           (text.front() == '-' && text.size() > 1 && is_alphanumeric(text[1]));
  return starts_well && std::all_of(text.begin(), text.end(), [&](char c) {
           return is_alphanumeric(c) || inner.find(c) != std::string_view::npos;
         });
}

std::string quoted(const std::string& text) {
  if (is_plain(text)) {
    return text;
  }
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

bool has_map(const RawNode& node) {
  return node.is_map() || std::any_of(node.items.begin(), node.items.end(), has_map);
}

void write_flow(std::string& out, const RawNode& node) {
  if (!node.is_sequence()) {
    out += quoted(node.text);
    return;
  }
  out += '[';
  for (const RawNode& item : node.items) {
    out += &item == &node.items.front() ? "" : ", ";
    write_flow(out, item);
  }
  out += ']';
}

void write_block(std::string& out, const RawNode& node, std::size_t indent, bool first_inline);

/// What follows "key:" or "-": on the same line when it is no block.
void write_value(std::string& out, const RawNode& node, std::size_t indent) {
  if (node.kind == RawNode::Kind::null) {
    out += '\n';
  } else if (node.is_map() && node.entries.empty()) {
    out += " {}\n";
  } else if (node.is_scalar() || (node.is_sequence() && !has_map(node))) {
    out += ' ';
    write_flow(out, node);
    out += '\n';
  } else {
    out += '\n';
    write_block(out, node, indent + 2, false);
  }
}

void write_block(std::string& out, const RawNode& node, std::size_t indent, bool first_inline) {
  for (const RawEntry& entry : node.entries) {
    const bool stands_inline = first_inline && &entry == &node.entries.front();
    out += stands_inline ? std::string{} : std::string(indent, ' ');
    out += quoted(entry.key) + ":";
    write_value(out, entry.value, indent);
  }
  for (const RawNode& item : node.items) {
    out += std::string(indent, ' ') + "-";
    if (item.is_map() && !item.entries.empty()) {
      out += ' ';
      write_block(out, item, indent + 2, true);
    } else {
      write_value(out, item, indent);
    }
  }
}

}  // namespace

std::string to_yaml(const RawNode& root) {
  std::string out;
  write_block(out, root, 0, false);
  return out.empty() ? "{}\n" : out;
}

}  // namespace plimsoll
