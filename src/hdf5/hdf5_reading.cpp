#include "hdf5/hdf5_reading.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <numeric>

#include "hdf5/hdf5_writing.hpp"
#include "util/error.hpp"

namespace fasweep::hdf5 {
namespace {

/// Throws DamagedError unless there is one value, of the class.
void require_one(hid_t type, hid_t space, H5T_class_t kind, const std::string& name) {
  if (H5Tget_class(type) != kind || H5Sget_simple_extent_type(space) != H5S_SCALAR) {
    throw DamagedError("'" + name + "' is not one " + (kind == H5T_STRING ? "text" : "number"));
  }
}

/// Requires texts of variable length in UTF-8, as fasweep writes them.
void require_text(hid_t type, const std::string& name) {
  if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) <= 0) {
    throw DamagedError("'" + name + "' holds no texts of variable length");
  }
}

/// Takes over what HDF5 allocated.
std::string take_text(char* text) {
  std::string result = text == nullptr ? "" : text;
  H5free_memory(text);
  return result;
}

template <class Number>
Number read_number_attribute(hid_t object, const std::string& name, H5T_class_t kind, hid_t memory_type) {
  const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose, "opening attribute " + name);
  const Handle type(H5Aget_type(attribute.id()), H5Tclose, "reading the type of " + name);
  const Handle space(H5Aget_space(attribute.id()), H5Sclose, "reading the shape of " + name);
  require_one(type.id(), space.id(), kind, name);
  Number number{};
  check(H5Aread(attribute.id(), memory_type, &number), "reading attribute " + name);
  return number;
}

}  // namespace

bool is_being_written(const std::filesystem::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    return false;
  }
  // HDF5 holds an exclusive lock while it may write. Where locks do not work nothing can be told.
  const bool held = flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(file);
  return held;
}

Handle open_file(const std::filesystem::path& path) {
  prepare_library();
  if (is_being_written(path)) {
    throw ConfigError("'" + path.string() +
                      "' is open for writing in another program (a notebook?); close it there and run this again");
  }
  return {H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "opening '" + path.string() + "'"};
}

void require_type(hid_t dataset, hid_t type, const std::string& name) {
  const Handle found(H5Dget_type(dataset), H5Tclose, "reading the type of " + name);
  if (H5Tequal(found.id(), type) <= 0) {
    throw DamagedError("dataset '" + name + "' does not have the type that fasweep gave it");
  }
}

void require_number(hid_t dataset, const std::string& name) {
  const Handle found(H5Dget_type(dataset), H5Tclose, "reading the type of " + name);
  const std::array<hid_t, 6> types{H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_STD_I64LE,
                                   H5T_STD_I32LE,  H5T_STD_U8LE,   H5T_STD_U16LE};
  if (std::none_of(types.begin(), types.end(), [&](hid_t type) { return H5Tequal(found.id(), type) > 0; })) {
    throw DamagedError("dataset '" + name + "' does not have the type that fasweep gives to numbers");
  }
}

std::string write_shape(std::span<const hsize_t> shape) {
  std::string text;
  for (const hsize_t size : shape) {
    text += (text.empty() ? "" : " x ") + std::to_string(size);
  }
  return text.empty() ? "one number" : text;
}

std::string read_text(hid_t group, const std::string& name) {
  const Handle dataset(H5Dopen2(group, name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + name);
  const Handle type(H5Dget_type(dataset.id()), H5Tclose, "reading the type of " + name);
  const Handle space(H5Dget_space(dataset.id()), H5Sclose, "reading the shape of " + name);
  require_one(type.id(), space.id(), H5T_STRING, name);
  require_text(type.id(), name);
  char* text = nullptr;
  check(H5Dread(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, static_cast<void*>(&text)), "reading " + name);
  return take_text(text);
}

std::string read_text_attribute(hid_t object, const std::string& name) {
  const Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose, "opening attribute " + name);
  const Handle type(H5Aget_type(attribute.id()), H5Tclose, "reading the type of " + name);
  const Handle space(H5Aget_space(attribute.id()), H5Sclose, "reading the shape of " + name);
  require_one(type.id(), space.id(), H5T_STRING, name);
  require_text(type.id(), name);
  char* text = nullptr;
  check(H5Aread(attribute.id(), type.id(), static_cast<void*>(&text)), "reading attribute " + name);
  return take_text(text);
}

std::int64_t read_whole_attribute(hid_t object, const std::string& name) {
  return read_number_attribute<std::int64_t>(object, name, H5T_INTEGER, H5T_NATIVE_INT64);
}

double read_real_attribute(hid_t object, const std::string& name) {
  return read_number_attribute<double>(object, name, H5T_FLOAT, H5T_NATIVE_DOUBLE);
}

std::vector<double> read_slab(const Handle& dataset, const std::vector<hsize_t>& start,
                              const std::vector<hsize_t>& shape, const std::string& name) {
  const Handle memory(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose,
                      "making a slab");
  const Handle space(H5Dget_space(dataset.id()), H5Sclose, "placing a slab");
  check(H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, shape.data(), nullptr),
        "placing a slab");
  std::vector<double> values(std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>()));
  check(H5Dread(dataset.id(), H5T_NATIVE_DOUBLE, memory.id(), space.id(), H5P_DEFAULT, values.data()),
        "reading " + name);
  return values;
}

std::vector<std::string> read_texts(hid_t file, const std::string& name, hsize_t rows) {
  const Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + name);
  const Handle type(H5Dget_type(dataset.id()), H5Tclose, "reading the type of " + name);
  require_text(type.id(), name);
  if (shape_of(dataset.id()) != std::vector<hsize_t>{rows}) {
    throw DamagedError("dataset '" + name + "' does not have one text for each run of the plan");
  }
  const Handle space(H5Dget_space(dataset.id()), H5Sclose, "reading the shape of " + name);
  std::vector<char*> pointers(rows);
  check(H5Dread(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()), "reading " + name);
  std::vector<std::string> texts;
  texts.reserve(pointers.size());
  for (const char* text : pointers) {
    texts.emplace_back(text == nullptr ? "" : text);
  }
  check(H5Dvlen_reclaim(type.id(), space.id(), H5P_DEFAULT, pointers.data()), "reading " + name);
  return texts;
}

}  // namespace fasweep::hdf5
