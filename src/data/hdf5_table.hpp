// Tables of numbers in HDF5 files: datasets x (n x d) and y (n, or n x k), and x_test and y_test for held-out samples.
#pragma once

#include <optional>
#include <string>

#include "data/samples.hpp"

namespace fasweep {

struct Hdf5Table {
  Samples<double> train;
  std::optional<Samples<double>> test;  // where the file has x_test
};

/// Throws ConfigError naming the file, and row and column of what is not a finite number.
[[nodiscard]] Hdf5Table read_hdf5_table(const std::string& path);

}  // namespace fasweep
