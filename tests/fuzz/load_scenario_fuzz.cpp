// Fuzzes the scenario loader: any text is a scenario or a list of findings, and what was accepted
// resolves to a text that resolves to itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "plimsoll/scenario.hpp"

namespace {

plimsoll::PolicyCatalog catalog() {
  using plimsoll::ParamKind;
  plimsoll::PolicyCatalog policies;
  policies["router"] = {{"least_requests", "", {}},
                        {"power_of_two", "", {{"choices", ParamKind::count, "2", "", 1, 64, {}}}}};
  policies["queue"] = {{"fcfs", "", {}}};
  policies["admission"] = {{"always", "", {}}};
  return policies;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const plimsoll::PolicyCatalog policies = catalog();
  const std::string text{reinterpret_cast<const char*>(data), size};
  try {
    // A folder that does not exist: relative includes cannot be found.
    const auto loaded = plimsoll::load_scenario_text(text, "/nonexistent/fuzz.yaml", {}, policies);
    const auto again =
        plimsoll::load_scenario_text(loaded.resolved_yaml, "/nonexistent/again.yaml", {}, policies);
    if (again.resolved_yaml != loaded.resolved_yaml) {
      std::abort();
    }
  } catch (const plimsoll::ConfigError&) {
  } catch (const plimsoll::IoError&) {
  }
  return 0;
}
