// Reports room: a file that is either wholly there under its name or not at all.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace plimsoll {

/// Writes to `path`.tmp and renames on close. What exists and is no regular file (a pipe, a
/// device) is written directly. Every failure is an IoError that names the file.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view text);
  /// Flushes, closes, renames. Without it the file keeps its temporary name.
  void close();

 private:
  [[noreturn]] void fail(const char* action) const;

  std::string path_;
  std::string written_path_;
  std::FILE* file_ = nullptr;
};

/// All of `text` as the file `path`.
void write_text_file(const std::string& path, std::string_view text);

}  // namespace plimsoll
