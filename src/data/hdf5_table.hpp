// Tables of numbers in HDF5 files as programs leave them: inputs x (n x d, or n images) and targets y (n, or n x k),
// and held-out samples of the same shapes, under the names that people use.
#pragma once

#include <optional>
#include <string>

#include "data/samples.hpp"

namespace fasweep {

struct Hdf5Table {
  Samples<double> train;
  std::optional<Samples<double>> test;  // where the file has them
};

/// Images become rows, booleans 0 and 1; what MATLAB stored columns first is transposed. The file may be gzipped as a
/// whole. Throws ConfigError naming the file and what it holds, and row and column of what is not a finite number.
[[nodiscard]] Hdf5Table read_hdf5_table(const std::string& path);

}  // namespace fasweep
