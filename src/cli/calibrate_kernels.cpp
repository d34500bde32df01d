// Command line: `plimsoll calibrate --kernels`: what the kernels of a GPU reach.
#include <fmt/format.h>

#include "cli/calibration_report.hpp"
#include "cli/catalog_names.hpp"
#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/kernel_rows.hpp"
#include "cli/prediction.hpp"
#include "config/catalog_text.hpp"
#include "perf/kernel_fit.hpp"
#include "plimsoll/errors.hpp"
#include "reports/output_file.hpp"

namespace plimsoll::cli {
namespace {

/// The GPU as the catalog has it; the smallest model serves to load it.
Config config_with(const std::string& gpu, const CatalogNames& names) {
  Point point;
  point.model = "llama2-7b";
  point.gpu = gpu;
  point.profile = "vllm-modern";
  return config_of(point, names.files(), 0);
}

void round_to_six_digits(KernelSpec& kernels) {
  const auto round = [](FineDuration& duration) {
    duration = FineDuration{six_digits(duration.count())};
  };
  for (GemmKernels* gemm : {&kernels.gemm, &kernels.gemm_8bit}) {
    gemm->efficiency = six_digits(gemm->efficiency);
    gemm->read_efficiency = six_digits(gemm->read_efficiency);
    gemm->overlap = six_digits(gemm->overlap);
    round(gemm->latency);
  }
  for (double* number :
       {&kernels.attention_efficiency, &kernels.attention_extra_keys, &kernels.kv_read_efficiency,
        &kernels.nccl_efficiency, &kernels.custom_efficiency, &kernels.send_efficiency}) {
    *number = six_digits(*number);
  }
  for (FineDuration* duration :
       {&kernels.attention_latency, &kernels.kv_read_latency, &kernels.nccl_latency,
        &kernels.nccl_latency_per_doubling, &kernels.custom_latency,
        &kernels.custom_latency_per_doubling, &kernels.send_latency}) {
    round(*duration);
  }
}

}  // namespace

int calibrate_kernels_command(const CalibrateArguments& arguments) {
  const CatalogNames names{arguments.catalogs};
  const std::string gpu_name = names.gpu(arguments.gpu);
  if (gpu_name.empty()) {
    Diagnostic finding;
    finding.key_path = "--gpu";
    finding.message = arguments.gpu.empty() ? "missing: name the GPU that was measured"
                                            : "there is no such GPU in the catalog";
    finding.hint = names.gpu_hint(arguments.gpu);
    throw ConfigError{{finding}};
  }
  const Config config = config_with(gpu_name, names);
  const GpuSpec& gpu = config.gpus.front();
  KernelSpec start = config.kernels.at(gpu.kernels);
  const KernelSamples samples = read_kernel_samples(arguments.kernels, names, gpu_name);
  KernelFit fit = fit_kernels(gpu, start, samples);
  if (fit.parts.empty()) {
    Diagnostic finding;
    finding.key_path = "--kernels";
    finding.message = fmt::format("no row is of {}", gpu_name);
    finding.hint = "see the column hardware";
    throw ConfigError{{finding}};
  }
  std::vector<FigureSource> figures;
  for (const KernelFitPart& part : fit.parts) {
    fmt::print("{}\n{}\n{}\n", part.what, error_text(summarize_errors(part.fit.residuals)),
               parameter_table(part.parameters, part.fit));
    if (part.impossible > 0) {
      fmt::print("rows that beat the peak of {}, left out: {}\n\n", gpu_name, part.impossible);
    }
    const auto more = undetermined_figures(part.parameters, part.fit);
    figures.insert(figures.end(), more.begin(), more.end());
  }
  figures.push_back({"grouped_share",
                     "no row has experts: prompts of Mixtral 8x7B on two A100 "
                     "(vllm-project/vllm, pull request 3240)",
                     Provenance::assumed});
  std::sort(figures.begin(), figures.end(),
            [](const FigureSource& a, const FigureSource& b) { return a.name < b.name; });
  KernelSpec& kernels = fit.kernels;
  round_to_six_digits(kernels);
  kernels.figures = figures;
  kernels.provenance = Provenance::calibrated;
  kernels.source = arguments.source.empty()
                       ? fmt::format(
                             "fitted by plimsoll calibrate to {} products, {} attentions "
                             "and {} messages on {}",
                             samples.gemms.size(), samples.attentions.size(),
                             samples.collectives.size(), gpu_name)
                       : arguments.source;
  write_text_file(arguments.out, catalog_text(kernels));
  return ok;
}

}  // namespace plimsoll::cli
