// Data sets by name: where their files lie, which reader takes them, and whether what was read is what a job expects.
#pragma once

#include "model/dataset.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// Reads the set of `settings`, which is no teacher's. Counts that settings leave to the data are taken from it.
/// Throws ConfigError naming the file if it cannot be used, has less than is asked for, or has another checksum than
/// settings say.
[[nodiscard]] Dataset load_dataset(const DataSettings& settings);

}  // namespace fasweep
