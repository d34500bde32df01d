// Workload: where the bytes of a trace come from: a file (plain or gzip) or memory.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace plimsoll {

/// The bytes themselves are broken (a gzip stream that ends early): the user's fault, but only the
/// reader above knows at which line.
class DamagedInput : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A stream of bytes, read once from front to back.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills up to `size` bytes and returns their number; 0 at the end. Throws DamagedInput or
  /// IoError.
  virtual std::size_t read(char* buffer, std::size_t size) = 0;
};

/// A file, decompressed on the way when it is gzip. Throws ConfigError naming `path` when there is
/// no such readable file.
std::unique_ptr<ByteSource> open_byte_file(const std::string& path);

/// Bytes that the caller keeps alive.
class MemoryBytes : public ByteSource {
 public:
  explicit MemoryBytes(std::string_view bytes) : rest_{bytes} {}
  std::size_t read(char* buffer, std::size_t size) override;

 private:
  std::string_view rest_;
};

}  // namespace plimsoll
