// The fixed yardstick of the speed ratios: 1,000 SimGrid kernel timers that arm themselves again
// with exponential gaps of mean 1 s. Frozen for ever: a change here would change every ratio that
// was ever written down. Prints {"events":N,"seconds":S,"rate":R}, rate in events/s.
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>

namespace {

constexpr std::uint64_t event_count = 5'000'000;  // about 2 s
constexpr std::size_t timer_count = 1'000;

std::uint64_t played = 0;
std::uint64_t state = 1;

/// Knuth's MMIX generator, its upper 53 bits as a uniform number in (0, 1], by inversion.
double exponential_gap() {
  state = state * 6364136223846793005ULL + 1442695040888963407ULL;
  return -std::log(static_cast<double>((state >> 11) + 1) * 0x1p-53);
}

void arm_again() {
  const double date = simgrid::s4u::Engine::get_clock() + exponential_gap();
  simgrid::kernel::timer::Timer::set(date, [] {
    ++played;
    if (played + timer_count <= event_count) {
      arm_again();
    }
  });
}

}  // namespace

int main() {
  std::array<char, 16> name = {"timer_reference"};
  std::array<char*, 2> argv = {name.data(), nullptr};
  int argc = 1;
  simgrid::s4u::Engine engine{&argc, argv.data()};
  simgrid::s4u::create_star_zone("core")->create_host("host", 1e9);
  for (std::size_t i = 0; i < timer_count; ++i) {
    arm_again();
  }
  const auto begin = std::chrono::steady_clock::now();
  engine.run();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  std::printf("{\"events\":%llu,\"seconds\":%.6f,\"rate\":%.0f}\n",
              static_cast<unsigned long long>(played), wall.count(),
              static_cast<double>(played) / wall.count());
  return played == event_count ? 0 : 1;
}
