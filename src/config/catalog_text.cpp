// Config: catalog entries as YAML.
#include "config/catalog_text.hpp"

#include "config/sections.hpp"
#include "plimsoll/scenario.hpp"

namespace plimsoll {
namespace {

std::string text_of(const char* kind, const std::string& name, const SectionDecl& section,
                    const void* object) {
  const Config none;
  const PolicyCatalog no_policies;
  const auto nested = [](std::string key, RawNode value) {
    RawNode map;
    map.kind = RawNode::Kind::map;
    append_entry(map, std::move(key), std::move(value));
    return map;
  };
  RawNode entry = write_section(Writer{none, no_policies}, section, object);
  return to_yaml(nested("catalog", nested(kind, nested(name, std::move(entry)))));
}

}  // namespace

std::string catalog_text(const EngineProfile& profile) {
  return text_of("profiles", profile.name, profile_section(), &profile);
}

std::string catalog_text(const KernelSpec& kernels) {
  return text_of("kernels", kernels.name, kernel_section(), &kernels);
}

}  // namespace plimsoll
