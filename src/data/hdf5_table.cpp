#include "data/hdf5_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <span>
#include <utility>

#include "data/file_bytes.hpp"
#include "data/file_format.hpp"
#include "hdf5/hdf5_handle.hpp"
#include "hdf5/hdf5_reading.hpp"
#include "hdf5/hdf5_writing.hpp"
#include "util/error.hpp"
#include "util/machine_limits.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

using hdf5::Handle;
using hdf5::shape_of;
using hdf5::write_shape;

[[noreturn]] void reject_table(const std::string& path, const std::string& why) {
  throw ConfigError("table '" + path + "' cannot be used (" + why +
                    "); write datasets x (n x d) and y (n, or n x k) of finite numbers, and x_test, y_test if any");
}

bool has(const Handle& file, const std::string& name) {
  return H5Lexists(file.id(), name.c_str(), H5P_DEFAULT) > 0;
}

/// Names of one kind of dataset; those of samples to train on and of held-out ones go together by their places.
using Names = std::span<const std::string_view>;
constexpr std::array<std::string_view, 11> input_names{"X",       "x_train",     "X_train",      "train_x",
                                                       "train_X", "train_set_x", "train_images", "images",
                                                       "data",    "features",    "inputs"};
constexpr std::array<std::string_view, 12> target_names{"y",       "Y",           "y_train",      "Y_train",
                                                        "train_y", "train_set_y", "train_labels", "labels",
                                                        "label",   "targets",     "target",       "classes"};
constexpr std::array<std::string_view, 6> test_input_names{"x_test", "X_test",     "test_x",
                                                           "test_X", "test_set_x", "test_images"};
constexpr std::array<std::string_view, 5> test_target_names{"y_test", "Y_test", "test_y", "test_set_y", "test_labels"};

Handle open_dataset(const Handle& file, const std::string& name) {
  return {H5Dopen2(file.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "opening dataset " + name};
}

/// "'images' (20 x 4 x 4), 'labels' (20), group 'meta'": what stands at the top of the file.
std::string list_contents(const Handle& file) {
  constexpr hsize_t most_listed = 20;
  H5G_info_t info{};
  hdf5::check(H5Gget_info(file.id(), &info), "listing datasets");
  std::string list;
  for (hsize_t i = 0; i < std::min(info.nlinks, most_listed); ++i) {
    std::array<char, 256> name{};
    H5Lget_name_by_idx(file.id(), ".", H5_INDEX_NAME, H5_ITER_INC, i, name.data(), name.size(), H5P_DEFAULT);
    list += i == 0 ? "" : ", ";
    const hid_t object = H5Oopen(file.id(), name.data(), H5P_DEFAULT);
    const bool is_dataset = H5Iget_type(object) == H5I_DATASET;
    static_cast<void>(H5Oclose(object));  // a link to nothing opens nothing
    list += (is_dataset ? "'" : "group '") + printable(name.data()) + "'";
    list += is_dataset ? " (" + write_shape(shape_of(open_dataset(file, name.data()).id())) + ")" : "";
  }
  return info.nlinks == 0 ? "nothing" : info.nlinks > most_listed ? list + ", ..." : list;
}

/// The one of `names` that the file has, empty if it has none.
std::string find_name(const Handle& file, Names names, const std::string& path) {
  std::vector<std::string> found;
  for (const std::string_view name : names) {
    if (has(file, std::string(name))) {
      found.emplace_back(name);
    }
  }
  if (found.size() > 1) {
    reject_table(path, "'" + found[0] + "' and '" + found[1] + "' could both be meant");
  }
  return found.empty() ? std::string() : found.front();
}

/// Names of the datasets of a file; test: empty if there are none.
struct Parts {
  std::string x;
  std::string y;
  std::string test_x;
  std::string test_y;
};

Parts find_parts(const Handle& file, const std::string& path) {
  if (has(file, "x") && has(file, "y")) {  // fasweep's own names, whatever else exists
    return {"x", "y", has(file, "x_test") ? "x_test" : "", has(file, "y_test") ? "y_test" : ""};
  }
  const auto find = [&](Names names) { return find_name(file, names, path); };
  Parts parts{has(file, "x") ? "x" : find(input_names), find(target_names), find(test_input_names),
              find(test_target_names)};
  for (const auto& [name, what] : {std::pair(parts.x, "x"), std::pair(parts.y, "y")}) {
    if (name.empty()) {
      reject_table(path,
                   "it has no dataset " + std::string(what) + " nor one of a usual name, but " + list_contents(file));
    }
  }
  return parts;
}

/// Numbers of a dataset as they stand in the file.
struct Array {
  std::string name;
  std::vector<hsize_t> sizes;
  std::vector<double> values;

  [[nodiscard]] hsize_t rows() const { return sizes.front(); }
  [[nodiscard]] hsize_t columns() const { return values.size() / rows(); }
};

/// Whole and real numbers, and the booleans of h5py, an enumeration.
void read_values(const Handle& dataset, Array& array, const std::string& path) {
  const Handle type(H5Dget_type(dataset.id()), H5Tclose, "reading the type of " + array.name);
  const H5T_class_t kind = H5Tget_class(type.id());
  if (kind == H5T_ENUM) {
    const Handle own(H5Tget_native_type(type.id(), H5T_DIR_ASCEND), H5Tclose, "reading the type of " + array.name);
    const Handle base(H5Tget_super(own.id()), H5Tclose, "reading the type of " + array.name);
    hdf5::check(H5Dread(dataset.id(), own.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()),
                "reading dataset " + array.name);
    hdf5::check(
        H5Tconvert(base.id(), H5T_NATIVE_DOUBLE, array.values.size(), array.values.data(), nullptr, H5P_DEFAULT),
        "reading dataset " + array.name);
  } else if (kind == H5T_INTEGER || kind == H5T_FLOAT) {
    hdf5::check(H5Dread(dataset.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()),
                "reading dataset " + array.name);
  } else {
    reject_table(path, array.name + " holds no numbers");
  }
}

Array read_array(const Handle& file, const std::string& name, const std::string& path) {
  const Handle dataset = open_dataset(file, name);
  Array array{name, shape_of(dataset.id()), {}};
  if (array.sizes.empty()) {
    reject_table(path, name + " is one number");
  }
  const hsize_t most_values =
      std::min(std::size_t{1} << 31U, static_cast<std::size_t>(memory_limit().value / 2 / sizeof(double)));
  hsize_t values = 1;
  for (const hsize_t size : array.sizes) {
    if (size < 1 || size > most_values / values) {
      reject_table(path, name + " is " + write_shape(array.sizes) + ", accepted are up to " +
                             std::to_string(max_samples) + " x " + std::to_string(max_inputs) + " and " +
                             std::to_string(most_values) + " numbers in all, half of this machine's memory");
    }
    values *= size;
  }
  array.values.resize(values);
  read_values(dataset, array, path);
  return array;
}

/// Rows become columns, as of an array that MATLAB stored; the dimensions turn around with the numbers.
void transpose(Array& array) {
  const std::size_t columns = array.sizes.back();
  const std::size_t rows = array.values.size() / columns;
  std::vector<double> turned(array.values.size());
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      turned[j * rows + i] = array.values[i * columns + j];
    }
  }
  array.values = std::move(turned);
  array.sizes = {columns, rows};
}

void check_samples(const Array& array, std::int64_t most_columns, const std::string& path) {
  if (array.rows() > hsize_t{max_samples} || array.columns() > static_cast<hsize_t>(most_columns)) {
    reject_table(path, array.name + " is " + write_shape(array.sizes) + ", accepted are up to " +
                           std::to_string(max_samples) + " x " + std::to_string(most_columns));
  }
  const std::size_t columns = array.columns();
  for (std::size_t i = 0; i < array.values.size(); ++i) {
    if (!std::isfinite(array.values[i])) {
      reject_table(path, "row " + std::to_string(i / columns + 1) + ", column " + std::to_string(i % columns + 1) +
                             " of " + array.name + " is not a finite number");
    }
  }
}

/// x and y with a sample a row each. MATLAB stores d x n and 1 x n (or k x n) of what it shows as n x d and n x 1.
Samples<double> read_samples(const Handle& file, const std::string& x_name, const std::string& y_name,
                             const std::string& path) {
  Array x = read_array(file, x_name, path);
  Array y = read_array(file, y_name, path);
  const std::string shapes = x_name + " is " + write_shape(x.sizes) + " and " + y_name + " " + write_shape(y.sizes);
  std::string reading = "inputs '" + x_name + "'" + (x.sizes.size() > 2 ? " (" + write_shape(x.sizes) + ")" : "");
  const bool y_is_a_row = y.sizes.size() == 2 && y.rows() == 1 && y.sizes[1] > 1;
  const hsize_t samples = y.sizes.size() == 1 ? y.rows() : y.sizes.back();
  if (x.sizes.size() > 1 && y_is_a_row && x.rows() == samples && x.sizes.back() == samples) {
    reject_table(path, shapes + ": rows or columns of x could be the samples; give y the shape n");
  }
  const bool x_fits = x.rows() == y.rows() || (y_is_a_row && x.rows() == samples);
  if (!x_fits && x.sizes.size() > 1 && x.sizes.back() == samples) {
    transpose(x);
    reading += " transposed, as MATLAB stores it";
  }
  if (x.rows() != y.rows() && y.sizes.size() == 2 && x.rows() == y.sizes[1]) {
    transpose(y);
  }
  if (x.rows() != y.rows()) {
    reject_table(path, shapes + "; " + x_name + " has " + std::to_string(x.rows()) + " rows and " + y_name + " " +
                           std::to_string(y.rows()));
  }
  check_samples(x, max_inputs, path);
  check_samples(y, max_outputs, path);
  const auto integer = [](hsize_t size) { return static_cast<std::int64_t>(size); };
  return {integer(x.rows()),
          integer(x.columns()),
          integer(y.columns()),
          std::move(x.values),
          std::move(y.values),
          path,
          reading + ", target '" + y_name + "'"};
}

Hdf5Table read_open_file(const Handle& file, const std::string& path) {
  const Parts parts = find_parts(file, path);
  Hdf5Table table{read_samples(file, parts.x, parts.y, path), std::nullopt};
  if (parts.test_x.empty() != parts.test_y.empty()) {
    const bool has_x = parts.test_y.empty();
    const std::string there = has_x ? parts.test_x : parts.test_y;
    const std::string why = "it has " + there + " and no test " + (has_x ? "targets" : "inputs");
    if (has_x) {
      reject_table(path, why);
    }
    table.train.doubts.push_back(why + ", so " + there + " is not read; add x_test");
  } else if (!parts.test_x.empty()) {
    table.test = read_samples(file, parts.test_x, parts.test_y, path);
    if (table.test->inputs != table.train.inputs || table.test->targets != table.train.targets) {
      reject_table(path,
                   parts.test_x + " and " + parts.test_y + " have other columns than " + parts.x + " and " + parts.y);
    }
  }
  return table;
}

/// A file that lies in memory.
Handle open_image(FileBytes& bytes) {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "opening it");
  constexpr std::size_t growth = 1U << 16U;
  constexpr hbool_t writes_back = 0;
  hdf5::check(H5Pset_fapl_core(access.id(), growth, writes_back), "opening it");
  hdf5::check(H5Pset_file_image(access.id(), bytes.data(), bytes.size()), "opening it");
  return {H5Fopen("unpacked", H5F_ACC_RDONLY, access.id()), H5Fclose, "opening it"};
}

/// Whether HDF5's signature is at one of its places, of which those beyond the first leave room for a block of the
/// user's.
bool begins_as_hdf5(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const std::size_t place : {0U, 512U, 1024U, 2048U}) {
    if (text.substr(std::min<std::size_t>(place, text.size())).starts_with(signature)) {
      return true;
    }
  }
  return false;
}

FileBytes read_head(const std::string& path) {
  constexpr std::size_t head_bytes = 4096;
  std::ifstream file(path, std::ios::binary);
  FileBytes head(head_bytes);
  file.read(reinterpret_cast<char*>(head.data()), head_bytes);
  head.resize(static_cast<std::size_t>(file.gcount()));
  return head;
}

}  // namespace

Hdf5Table read_hdf5_table(const std::string& path) {
  require_regular_file(path);
  try {
    hdf5::prepare_library();
    const FileBytes head = read_head(path);
    if (is_gzip(head)) {
      FileBytes bytes = read_file(path, [&](std::span<const std::uint8_t> begin) {
        refuse_foreign(begin, FileFormat::hdf5, path);
        if (!begins_as_hdf5(begin)) {
          reject_table(path, "its compressed content is not HDF5");
        }
        return std::numeric_limits<std::size_t>::max();
      });
      return read_open_file(open_image(bytes), path);
    }
    if (H5Fis_hdf5(path.c_str()) <= 0) {
      refuse_foreign(head, FileFormat::hdf5, path);
      reject_table(path, "not an HDF5 file, or no permission");
    }
    return read_open_file(Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "opening it"), path);
  } catch (const StoreError& error) {
    throw ConfigError("table '" + path + "' cannot be read (" + error.what() + "); write it again");
  }
}

}  // namespace fasweep
