// Hardware, models and pools for tests, built in code so that no test depends on a catalog file.
#pragma once

#include <string>

#include "plimsoll/config.hpp"

namespace plimsoll::test {

GpuSpec a100_80gb();
GpuSpec a100_40gb();
GpuSpec h100_80gb();
GpuSpec v100_32gb();

ModelSpec llama2_70b();
ModelSpec gpt3_175b();
ModelSpec mixtral_8x7b();
ModelSpec llama2_7b();

EngineProfile eager_2023();
/// Everything at the hardware's peak and nothing beside: the roofline itself, added up.
EngineProfile ideal_profile();

/// A configuration of one pool, named "pool", with one replica of tp x pp GPUs.
Config one_pool(const GpuSpec& gpu, const ModelSpec& model, const EngineProfile& profile,
                int tp = 1, int pp = 1);

}  // namespace plimsoll::test
