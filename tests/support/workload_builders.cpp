// Test support: files for trace tests.
#include "support/workload_builders.hpp"

#include <zlib.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace plimsoll::testing {

void write_plain(const std::string& path, const std::string& content) {
  std::ofstream out{path, std::ios::binary};
  out << content;
  out.close();
  if (!out) {
    throw std::runtime_error{"cannot write " + path};
  }
}

void write_gzip(const std::string& path, const std::string& content) {
  gzFile file = gzopen(path.c_str(), "wb");
  if (file == nullptr) {
    throw std::runtime_error{"cannot open " + path};
  }
  const int written = gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
  if (gzclose(file) != Z_OK || written != static_cast<int>(content.size())) {
    throw std::runtime_error{"cannot write " + path};
  }
}

std::string read_bytes(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return std::string{std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}};
}

}  // namespace plimsoll::testing
