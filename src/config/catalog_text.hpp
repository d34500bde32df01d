// Config: catalog entries as YAML, as they are written by calibration.
#pragma once

#include <string>

#include "plimsoll/config.hpp"

namespace plimsoll {

/// A file with one entry under catalog.profiles or catalog.kernels, every key visible; reading it
/// gives the same entry.
std::string catalog_text(const EngineProfile& profile);
std::string catalog_text(const KernelSpec& kernels);

}  // namespace plimsoll
