// Command line: tables of measured kernels: products, attention, collectives.
#pragma once

#include <string>
#include <vector>

#include "cli/catalog_names.hpp"
#include "perf/kernel_fit.hpp"

namespace plimsoll::cli {

/// The samples of one GPU of the catalog in tables of three schemas, told apart by their columns:
///   hardware, dtype, m, n, k, latency_ms                       products
///   hardware, phase, heads_per_gpu, kv_heads_per_gpu, head_dim, batch, context, latency_ms
///   op, hardware, topology, workers, nodes, bytes, median_ms, impl   messages within a node
/// Collectives of a node without a switch, between nodes, and all_gather are left out. Of
/// all_reduce, `impl` says whether it is a one-shot kernel ("custom") or a ring; where both a
/// library's profile and a switched node's table exist, the switched node's counts.
/// Throws ConfigError with file and line of everything that is wrong.
KernelSamples read_kernel_samples(const std::vector<std::string>& paths, const CatalogNames& names,
                                  const std::string& gpu);

}  // namespace plimsoll::cli
