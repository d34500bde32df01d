// The registries of policies, and what policies cannot see.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "plimsoll/policies/builtin.hpp"

namespace plimsoll {
namespace {

// The oracle boundary: no policy can read how long an output will be.
template <class View>
concept KnowsTheOutput = requires(View view) {
  view.output_tokens;
};
struct Oracle {
  int output_tokens = 0;
};
static_assert(KnowsTheOutput<Oracle>, "the concept recognizes what it looks for");
static_assert(!KnowsTheOutput<RequestView>, "policies do not know a request's output length");

PolicyEntry<QueuePolicy> entry_named(const std::string& name) {
  PolicyEntry<QueuePolicy> entry;
  entry.doc.name = name;
  entry.make = [](const PolicyParams&) { return std::unique_ptr<QueuePolicy>{}; };
  return entry;
}

std::vector<std::string> names_of(const std::vector<PolicyDoc>& docs) {
  std::vector<std::string> names;
  for (const PolicyDoc& doc : docs) {
    names.push_back(doc.name);
  }
  return names;
}

TEST(Registry, SortsByNameWhateverTheOrderOfRegistration) {
  Registry<QueuePolicy> registry;
  for (const char* name : {"b", "c", "a"}) {
    registry.add(entry_named(name));
  }
  EXPECT_EQ(names_of(registry.docs()), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Registry, ANameTwiceIsABug) {
  Registry<QueuePolicy> registry;
  registry.add(entry_named("a"));
  EXPECT_THROW(registry.add(entry_named("a")), InternalError);
}

TEST(Registry, AnUnknownNameIsABug) {
  PolicyConfig config;
  config.policy = "no_such_policy";
  EXPECT_THROW(builtin_policies().queues.make(config), InternalError);
}

TEST(BuiltinPolicies, AreSortedAndDescribed) {
  const PolicyCatalog catalog = policy_catalog(builtin_policies());
  ASSERT_EQ(catalog.size(), 5U);
  for (const char* kind : {"admission", "autoscaler", "placement", "queue", "router"}) {
    const std::vector<PolicyDoc>& docs = catalog.at(kind);
    EXPECT_FALSE(docs.empty());
    const std::vector<std::string> names = names_of(docs);
    EXPECT_TRUE(std::is_sorted(names.begin(), names.end())) << kind;
    for (const PolicyDoc& doc : docs) {
      EXPECT_FALSE(doc.summary.empty()) << doc.name;
      for (const ParamDoc& param : doc.params) {
        EXPECT_FALSE(param.help.empty()) << doc.name << "." << param.key;
        EXPECT_FALSE(param.default_text.empty()) << doc.name << "." << param.key;
      }
    }
  }
}

}  // namespace
}  // namespace plimsoll
