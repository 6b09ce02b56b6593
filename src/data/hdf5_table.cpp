#include "data/hdf5_table.hpp"

#include <array>
#include <cmath>

#include "store/hdf5_handle.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

using hdf5::Handle;

[[noreturn]] void reject_table(const std::string& path, const std::string& why) {
  throw ConfigError("table '" + path + "' cannot be used (" + why +
                    "); write datasets x (n x d) and y (n, or n x k) of finite numbers, and x_test, y_test if any");
}

bool has(const Handle& file, const std::string& name) {
  return H5Lexists(file.id(), name.c_str(), H5P_DEFAULT) > 0;
}

struct Matrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<double> values;
};

/// Rows and columns of a dataset; a vector is one column.
Matrix read_shape(const Handle& dataset, const std::string& name, std::int64_t most_columns, const std::string& path) {
  const Handle space(H5Dget_space(dataset.id()), H5Sclose, "reading the shape of " + name);
  const int rank = H5Sget_simple_extent_ndims(space.id());
  if (rank < 1 || rank > 2) {
    reject_table(path, name + " has " + std::to_string(rank) + " dimensions, not 1 or 2");
  }
  std::array<hsize_t, 2> sizes{1, 1};
  hdf5::check(H5Sget_simple_extent_dims(space.id(), sizes.data(), nullptr), "reading the shape of " + name);
  if (sizes[0] < 1 || sizes[0] > hsize_t{max_samples} || sizes[1] < 1 || sizes[1] > hsize_t(most_columns)) {
    reject_table(path, name + " is " + std::to_string(sizes[0]) + " x " + std::to_string(sizes[1]) +
                           ", accepted are up to " + std::to_string(max_samples) + " x " +
                           std::to_string(most_columns));
  }
  constexpr hsize_t most_values = hsize_t{1} << 31U;
  if (sizes[0] * sizes[1] > most_values) {
    reject_table(path, name + " has more than " + std::to_string(most_values) + " numbers");
  }
  return {static_cast<std::int64_t>(sizes[0]), static_cast<std::int64_t>(sizes[1]), {}};
}

Matrix read_matrix(const Handle& file, const std::string& name, std::int64_t most_columns, const std::string& path) {
  if (!has(file, name)) {
    reject_table(path, "it has no dataset " + name);
  }
  const Handle dataset(H5Dopen2(file.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "opening dataset " + name);
  Matrix matrix = read_shape(dataset, name, most_columns, path);
  const Handle type(H5Dget_type(dataset.id()), H5Tclose, "reading the type of " + name);
  if (const H5T_class_t kind = H5Tget_class(type.id()); kind != H5T_INTEGER && kind != H5T_FLOAT) {
    reject_table(path, name + " holds no numbers");
  }
  matrix.values.resize(static_cast<std::size_t>(matrix.rows * matrix.columns));
  hdf5::check(H5Dread(dataset.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, matrix.values.data()),
              "reading dataset " + name);
  for (std::size_t i = 0; i < matrix.values.size(); ++i) {
    if (!std::isfinite(matrix.values[i])) {
      const auto columns = static_cast<std::size_t>(matrix.columns);
      reject_table(path, "row " + std::to_string(i / columns + 1) + ", column " + std::to_string(i % columns + 1) +
                             " of " + name + " is not a finite number");
    }
  }
  return matrix;
}

Samples<double> read_samples(const Handle& file, const std::string& suffix, const std::string& path) {
  Matrix x = read_matrix(file, "x" + suffix, max_inputs, path);
  Matrix y = read_matrix(file, "y" + suffix, max_outputs, path);
  if (x.rows != y.rows) {
    reject_table(
        path, "x" + suffix + " has " + std::to_string(x.rows) + " rows and y" + suffix + " " + std::to_string(y.rows));
  }
  return {x.rows, x.columns, y.columns, std::move(x.values), std::move(y.values), path};
}

}  // namespace

Hdf5Table read_hdf5_table(const std::string& path) {
  try {
    hdf5::prepare_library();
    if (H5Fis_hdf5(path.c_str()) <= 0) {
      reject_table(path, "not there, or not an HDF5 file");
    }
    const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "opening it");
    Hdf5Table table{read_samples(file, "", path), std::nullopt};
    if (has(file, "x_test")) {
      table.test = read_samples(file, "_test", path);
      if (table.test->inputs != table.train.inputs || table.test->targets != table.train.targets) {
        reject_table(path, "x_test and y_test have other columns than x and y");
      }
    }
    return table;
  } catch (const StoreError& error) {
    throw ConfigError("table '" + path + "' cannot be read (" + error.what() + "); write it again");
  }
}

}  // namespace fasweep
