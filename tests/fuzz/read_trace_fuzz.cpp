// Fuzzing the trace reader: any bytes either give checked rows or end in a ConfigError.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>

#include "plimsoll/errors.hpp"
#include "workload/trace_reader.hpp"

namespace {

using plimsoll::MemoryBytes;
using plimsoll::TraceReader;
using plimsoll::TraceRow;

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

struct Ending {
  std::int64_t rows = 0;
  std::int64_t skipped = 0;
  bool failed = false;
};

/// Reads to the end and checks every row's contract.
Ending read_all(std::string_view bytes, bool skip_bad_rows) {
  Ending ending;
  try {
    TraceReader reader{"fuzz.csv", std::make_unique<MemoryBytes>(bytes), skip_bad_rows};
    TraceRow row;
    plimsoll::Duration last{};
    while (reader.next(row)) {
      require(row.at >= last);
      require(row.prompt_tokens >= 1 && row.prompt_tokens <= plimsoll::max_trace_tokens);
      require(row.output_tokens >= 1 && row.output_tokens <= plimsoll::max_trace_tokens);
      require(row.reusable_prefix_tokens >= 0 && row.reusable_prefix_tokens <= row.prompt_tokens);
      require(row.session.size() <= 200 &&
              row.request_class.empty() != reader.columns().request_class);
      require(row.tenant.empty() != reader.columns().tenant);
      require(row.key.empty() != reader.columns().key);
      last = row.at;
      ++ending.rows;
      ending.skipped = reader.skipped_rows();
    }
    ending.skipped = reader.skipped_rows();
  } catch (const plimsoll::ConfigError& error) {
    require(!error.diagnostics().empty() && error.diagnostics().front().line >= 1);
    ending.failed = true;
  }
  return ending;
}

/// libfccp allocates 48 MiB per reader, which AddressSanitizer poisons anew each time: 40 ms a run.
/// One such block is kept and handed out again; all other memory stays under its watch.
class LineBuffer {
 public:
  void* take(std::size_t size) {
    if (size < least_ || taken_ || (block_ != nullptr && size > size_)) {
      return nullptr;
    }
    if (block_ == nullptr) {
      block_ = std::malloc(size);
      size_ = size;
    }
    taken_ = block_ != nullptr;
    return block_;
  }
  bool give_back(void* block) {
    const bool ours = block != nullptr && block == block_;
    taken_ = taken_ && !ours;
    return ours;
  }

 private:
  static constexpr std::size_t least_ = std::size_t{32} << 20;
  void* block_ = nullptr;
  std::size_t size_ = 0;
  bool taken_ = false;
};
LineBuffer line_buffer;

}  // namespace

void* operator new[](std::size_t size) {
  void* block = line_buffer.take(size);
  block = block != nullptr ? block : std::malloc(size);
  if (block == nullptr) {
    throw std::bad_alloc{};
  }
  return block;
}
void operator delete[](void* block) noexcept {
  if (!line_buffer.give_back(block)) {
    std::free(block);
  }
}
void operator delete[](void* block, std::size_t) noexcept {
  operator delete[](block);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const Ending strict = read_all(bytes, false);
  const Ending lenient = read_all(bytes, true);
  // Skipping changes nothing where nothing is bad, and counts where something is.
  if (!strict.failed) {
    require(!lenient.failed && lenient.rows == strict.rows && lenient.skipped == 0);
  } else {
    require(lenient.failed || lenient.skipped > 0);
  }
  return 0;
}
