// Reports room: writing with every failure noticed.
#include "reports/output_file.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "plimsoll/errors.hpp"

namespace plimsoll {

OutputFile::OutputFile(const std::string& path) : path_{path}, written_path_{path + ".tmp"} {
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    written_path_ = path;
  }
  file_ = std::fopen(written_path_.c_str(), "wb");
  if (file_ == nullptr) {
    fail("create");
  }
}

OutputFile::~OutputFile() {
  if (file_ != nullptr) {
    std::fclose(file_);
  }
}

void OutputFile::write(std::string_view text) {
  if (!text.empty() && std::fwrite(text.data(), 1, text.size(), file_) != text.size()) {
    fail("write");
  }
}

void OutputFile::close() {
  if (std::fflush(file_) != 0) {
    fail("write");
  }
  std::FILE* const closing = file_;
  file_ = nullptr;
  if (std::fclose(closing) != 0) {
    fail("close");
  }
  if (written_path_ != path_ && std::rename(written_path_.c_str(), path_.c_str()) != 0) {
    fail("rename");
  }
}

void OutputFile::fail(const char* action) const {
  throw IoError(fmt::format("cannot {} {}: {}", action, path_, std::strerror(errno)));
}

void write_text_file(const std::string& path, std::string_view text) {
  OutputFile file{path};
  file.write(text);
  file.close();
}

}  // namespace plimsoll
