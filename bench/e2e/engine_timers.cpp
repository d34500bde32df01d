// 1,500 timers that arm themselves again through our Engine: the event loop's own cost, to set
// beside timer_reference. `flow` as an argument keeps a transfer under way, so that every event
// waits for SimGrid's clock. Prints {"events":N,"seconds":S,"rate":R}, rate in events/s.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <vector>

#include "engine/engine.hpp"

namespace {

using plimsoll::Duration;

struct Source {
  plimsoll::Engine* engine = nullptr;
  plimsoll::TimerId timer = 0;
  std::uint64_t state = 0;
};

/// Gaps are uniform below 2^20 ns.
void fire(void* context, std::uint64_t /*argument*/) {
  auto& source = *static_cast<Source*>(context);
  source.state = source.state * 6364136223846793005ULL + 1442695040888963407ULL;
  const Duration gap{1 + static_cast<std::int64_t>(source.state >> 44)};
  source.engine->arm(source.timer, source.engine->now() + gap);
}

plimsoll::PlatformSpec two_nodes() {
  plimsoll::PlatformSpec platform;
  platform.groups.push_back({"node", 2, plimsoll::BytesPerSecond::of(1.0), Duration{0}, {}});
  return platform;
}

}  // namespace

int main(int argc, char** argv) {
  const bool with_flow = argc > 1 && std::string_view{argv[1]} == "flow";
  plimsoll::Engine engine{two_nodes()};
  std::vector<Source> sources(1'500);
  std::uint64_t seed = 0;
  for (Source& source : sources) {
    source.engine = &engine;
    source.state = ++seed;
    source.timer = engine.make_timer(plimsoll::EventPriority::step, &fire, &source, 0);
    engine.arm(source.timer, plimsoll::SimTime{Duration{static_cast<std::int64_t>(seed)}});
  }
  if (with_flow) {
    engine.transfer("node-0", "node-1", plimsoll::Bytes::of(1'000'000), [] {});
  }
  const auto begin = std::chrono::steady_clock::now();
  engine.run_until(plimsoll::SimTime{std::chrono::seconds{with_flow ? 1 : 5}});
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  std::printf("{\"events\":%llu,\"seconds\":%.6f,\"rate\":%.0f}\n",
              static_cast<unsigned long long>(engine.events()), wall.count(),
              static_cast<double>(engine.events()) / wall.count());
  return 0;
}
