// JSON Schema and reference come from the declarations: same keys everywhere.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "config/sections.hpp"
#include "plimsoll/scenario.hpp"
#include "unit/config/test_policies.hpp"

namespace plimsoll {
namespace {

using Json = nlohmann::json;

/// The object schema behind a field's schema, through lists, named maps and alternatives.
const Json& object_of(const Json& schema) {
  if (schema.contains("properties")) {
    return schema;
  }
  if (schema.contains("items")) {
    return object_of(schema["items"]);
  }
  return object_of(schema.at("additionalProperties"));
}

/// Keys that files or named entries have beside the declared ones.
bool is_file_key(const std::string& key) {
  return key == "include" || key == "extends" || key == "variants";
}

void expect_same_keys(const SectionDecl& section, const Json& schema, const std::string& path) {
  const Json& properties = schema.at("properties");
  std::size_t declared = 0;
  for (const FieldDecl& field : section.fields) {
    const std::string field_path = join_path(path, field.key);
    ASSERT_TRUE(properties.contains(field.key)) << field_path;
    EXPECT_FALSE(properties[field.key].at("description").get<std::string>().empty()) << field_path;
    ++declared;
    if (field.child && field.doc.shape != Shape::policy) {
      expect_same_keys(*field.child, object_of(properties[field.key]), field_path);
    }
  }
  for (const auto& item : properties.items()) {
    declared += is_file_key(item.key()) ? 1 : 0;
  }
  EXPECT_EQ(properties.size(), declared) << path;
  EXPECT_EQ(schema.at("additionalProperties"), Json(false)) << path;
}

TEST(ScenarioSchema, HasTheDeclaredKeysAndNoOthers) {
  const Json schema = Json::parse(scenario_schema(test_policies()));
  EXPECT_EQ(schema.at("$schema"), "http://json-schema.org/draft-07/schema#");
  expect_same_keys(scenario_section(), schema, "");
}

TEST(ScenarioSchema, ListsEveryPolicyWithItsParameters) {
  const Json schema = Json::parse(scenario_schema(test_policies()));
  const Json& routers = schema.at("properties").at("service").at("properties").at("router");
  ASSERT_EQ(routers.at("anyOf").size(), 3U);
  EXPECT_EQ(routers["anyOf"][1]["properties"]["policy"]["const"], "power_of_two");
  EXPECT_EQ(routers["anyOf"][1]["properties"]["choices"]["maximum"], 64);
}

TEST(ScenarioReference, HasARowForEveryKey) {
  const std::string reference = scenario_reference(test_policies());
  const std::function<void(const SectionDecl&)> expect_rows = [&](const SectionDecl& section) {
    for (const FieldDecl& field : section.fields) {
      EXPECT_NE(reference.find("| `" + field.key + "` |"), std::string::npos) << field.key;
      EXPECT_FALSE(field.help.empty()) << field.key;
      if (field.child) {
        expect_rows(*field.child);
      }
    }
  };
  expect_rows(scenario_section());
}

}  // namespace
}  // namespace plimsoll
