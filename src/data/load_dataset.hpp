// Data sets by name: where their files lie, which reader takes them, and whether what was read is what a job expects.
#pragma once

#include "data/data_report.hpp"
#include "model/dataset.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

struct LoadedDataset {
  Dataset dataset;
  DataReport report;
};

/// Reads the set that the settings name (not a teacher); "~/" is the home folder. Counts that settings leave to
/// the data are taken from it. Throws ConfigError naming the file if it cannot be used, has less than is asked for, has
/// another checksum than settings say, or, where they say none, could mean different things.
[[nodiscard]] LoadedDataset load_dataset(const DataSettings& named);

}  // namespace fasweep
