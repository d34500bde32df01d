// Workload: bytes from files through zlib, which reads plain files as they are.
#include "workload/byte_source.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "plimsoll/errors.hpp"

namespace plimsoll {
namespace {

// Small enough that a damaged stream is noticed near the rows that precede the damage.
constexpr unsigned chunk_bytes = 1U << 16;

[[noreturn]] void fail_open(const std::string& path, int error) {
  throw ConfigError{{Diagnostic{
      path, 0, 0, "workload.trace",
      fmt::format("the trace file cannot be read: {}", std::generic_category().message(error)),
      "give the path of a .csv or .csv.gz file; on the command line it is relative to the working "
      "directory"}}};
}

class GzipFile : public ByteSource {
 public:
  explicit GzipFile(const std::string& path) : path_{path} {
    errno = 0;
    file_.reset(gzopen(path.c_str(), "rb"));
    if (!file_) {
      fail_open(path, errno != 0 ? errno : ENOMEM);
    }
    gzbuffer(file_.get(), chunk_bytes);
  }

  std::size_t read(char* buffer, std::size_t size) override {
    const auto wanted = static_cast<unsigned>(std::min<std::size_t>(size, chunk_bytes));
    errno = 0;
    const int got = gzread(file_.get(), buffer, wanted);
    if (got > 0) {
      return static_cast<std::size_t>(got);
    }
    check();
    return 0;
  }

 private:
  struct Close {
    void operator()(gzFile file) const { gzclose_r(file); }
  };

  void check() const {
    const int error_number = errno;
    int code = Z_OK;
    const char* text = gzerror(file_.get(), &code);
    if (code == Z_OK || code == Z_STREAM_END) {
      return;
    }
    if (code == Z_ERRNO) {
      if (error_number == EISDIR) {
        fail_open(path_, error_number);
      }
      throw IoError{fmt::format("{}: {}", path_, std::generic_category().message(error_number))};
    }
    throw DamagedInput{code == Z_BUF_ERROR ? std::string{"the gzip data end too early"}
                                           : fmt::format("the gzip data are damaged: {}", text)};
  }

  std::string path_;
  std::unique_ptr<gzFile_s, Close> file_;
};

}  // namespace

std::unique_ptr<ByteSource> open_byte_file(const std::string& path) {
  return std::make_unique<GzipFile>(path);
}

std::size_t MemoryBytes::read(char* buffer, std::size_t size) {
  const std::size_t count = std::min(size, rest_.size());
  std::copy_n(rest_.data(), count, buffer);
  rest_.remove_prefix(count);
  return count;
}

}  // namespace plimsoll
