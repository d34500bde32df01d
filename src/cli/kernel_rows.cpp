// Command line: tables of measured kernels.
#include "cli/kernel_rows.hpp"

#include <charconv>
#include <optional>
#include <string_view>

#include "cli/csv_columns.hpp"

namespace plimsoll::cli {
namespace {

constexpr const char* hint =
    "expected columns hardware,dtype,m,n,k,latency_ms or hardware,phase,heads_per_gpu,"
    "kv_heads_per_gpu,head_dim,batch,context,latency_ms or "
    "op,hardware,topology,workers,nodes,bytes,median_ms,impl";

/// Reads numbers of one row and keeps what is wrong with them.
class Numbers {
 public:
  Numbers(const std::string& file, int line) : file_{file}, line_{line} {}

  double positive(const char* column, const char* text) {
    double value = 0;
    const char* const end = text + std::string_view{text}.size();
    const auto [rest, error] = std::from_chars(text, end, value);
    if (error != std::errc{} || rest != end || !(value > 0)) {
      findings_.push_back(Diagnostic{file_, line_, 0, column,
                                     fmt::format("expected a number above 0, found \"{}\"", text),
                                     "correct the row"});
      return 1;
    }
    return value;
  }

  void throw_if_any() {
    if (!findings_.empty()) {
      throw ConfigError{std::move(findings_)};
    }
  }

 private:
  const std::string& file_;
  int line_;
  std::vector<Diagnostic> findings_;
};

constexpr double ms = 1e-3;

std::optional<Precision> dtype(std::string_view text) {
  if (text == "bfloat16" || text == "bf16") {
    return Precision::bf16;
  }
  if (text == "float16" || text == "fp16") {
    return Precision::fp16;
  }
  if (text.substr(0, 3) == "fp8") {
    return Precision::fp8;
  }
  return text.substr(0, 4) == "int8" ? std::optional{Precision::int8} : std::nullopt;
}

void read_gemms(const std::string& path, const CatalogNames& names, const std::string& gpu,
                std::vector<GemmSample>& samples) {
  CsvColumns<6> table{path,
                      {"hardware", "dtype", "m", "n", "k", "latency_ms"},
                      {"hardware", "dtype", "m", "n", "k", "latency_ms"},
                      hint};
  for (CsvColumns<6>::Fields row{}; table.next(row);) {
    const auto precision = dtype(row[1]);
    if (names.gpu(row[0]) != gpu || !precision) {
      continue;
    }
    Numbers numbers{path, table.line()};
    GemmSample sample;
    sample.precision = *precision;
    sample.m = numbers.positive("m", row[2]);
    sample.n = numbers.positive("n", row[3]);
    sample.k = numbers.positive("k", row[4]);
    sample.seconds = numbers.positive("latency_ms", row[5]) * ms;
    numbers.throw_if_any();
    samples.push_back(sample);
  }
}

void read_attentions(const std::string& path, const CatalogNames& names, const std::string& gpu,
                     std::vector<AttentionSample>& samples) {
  const std::array<const char*, 8> columns = {"hardware",         "phase",     "heads_per_gpu",
                                              "kv_heads_per_gpu", "head_dim",  "batch",
                                              "context",          "latency_ms"};
  CsvColumns<8> table{path, columns, {columns.begin(), columns.end()}, hint};
  for (CsvColumns<8>::Fields row{}; table.next(row);) {
    if (names.gpu(row[0]) != gpu) {
      continue;
    }
    Numbers numbers{path, table.line()};
    AttentionSample sample;
    sample.prefill = std::string_view{row[1]} != "decode";
    sample.heads = numbers.positive("heads_per_gpu", row[2]);
    sample.kv_heads = numbers.positive("kv_heads_per_gpu", row[3]);
    sample.head_dim = numbers.positive("head_dim", row[4]);
    sample.batch = numbers.positive("batch", row[5]);
    sample.context = numbers.positive("context", row[6]);
    sample.seconds = numbers.positive("latency_ms", row[7]) * ms;
    numbers.throw_if_any();
    samples.push_back(sample);
  }
}

bool contains(const char* text, const char* part) {
  return std::string_view{text}.find(part) != std::string_view::npos;
}

void read_collectives(const std::string& path, const CatalogNames& names, const std::string& gpu,
                      std::vector<CollectiveSample>& samples) {
  using Kind = CollectiveSample::Kind;
  const std::array<const char*, 8> columns = {"op",    "hardware", "topology",  "workers",
                                              "nodes", "bytes",    "median_ms", "impl"};
  CsvColumns<8> table{path, columns, {columns.begin(), columns.end()}, hint};
  for (CsvColumns<8>::Fields row{}; table.next(row);) {
    const bool reduces = std::string_view{row[0]} == "all_reduce";
    const bool sends = std::string_view{row[0]} == "send_recv";
    if (names.gpu(row[1]) != gpu || std::string_view{row[4]} != "1" || !(reduces || sends) ||
        contains(row[2], "pairwise")) {
      continue;
    }
    // Profiles that time a library call from the host are too rough for small rings.
    if (reduces && !contains(row[2], "NVSwitch")) {
      continue;
    }
    Numbers numbers{path, table.line()};
    CollectiveSample sample;
    sample.kind = sends ? Kind::send : contains(row[7], "custom") ? Kind::custom : Kind::ring;
    sample.gpus = static_cast<int>(numbers.positive("workers", row[3]));
    sample.bytes = numbers.positive("bytes", row[5]);
    sample.seconds = numbers.positive("median_ms", row[6]) * ms;
    numbers.throw_if_any();
    samples.push_back(sample);
  }
}

/// The first line of a table tells which of the schemas it has.
std::string header_of(const std::string& path) {
  std::string text;
  if (!read_text_file(path, text)) {
    refuse_table(path, 0, "no such file", hint);
  }
  return text.substr(0, text.find('\n'));
}

}  // namespace

KernelSamples read_kernel_samples(const std::vector<std::string>& paths, const CatalogNames& names,
                                  const std::string& gpu) {
  KernelSamples samples;
  for (const std::string& path : paths) {
    const std::string header = header_of(path);
    if (header.find("heads_per_gpu") != std::string::npos) {
      read_attentions(path, names, gpu, samples.attentions);
    } else if (header.find("median_ms") != std::string::npos) {
      read_collectives(path, names, gpu, samples.collectives);
    } else {
      read_gemms(path, names, gpu, samples.gemms);
    }
  }
  return samples;
}

}  // namespace plimsoll::cli
