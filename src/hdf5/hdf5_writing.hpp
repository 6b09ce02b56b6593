// Writing HDF5 datasets and attributes as all of fasweep's files have them: little-endian, chunked, with checksums,
// texts of variable length in UTF-8, nothing that depends on the clock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <hdf5.h>

#include "hdf5/hdf5_handle.hpp"

namespace fasweep::hdf5 {

/// Little-endian type of a number on disk and in memory.
template <class Number>
[[nodiscard]] hid_t number_type() {
  if constexpr (std::is_same_v<Number, float>) {
    return H5T_IEEE_F32LE;
  } else if constexpr (std::is_same_v<Number, double>) {
    return H5T_IEEE_F64LE;
  } else if constexpr (std::is_same_v<Number, std::int64_t>) {
    return H5T_STD_I64LE;
  } else if constexpr (std::is_same_v<Number, std::int32_t>) {
    return H5T_STD_I32LE;
  } else {
    static_assert(std::is_same_v<Number, std::uint8_t>);
    return H5T_STD_U8LE;
  }
}

[[nodiscard]] Handle make_text_type();

void write_attribute(hid_t object, const char* name, const std::string& text);
void write_attribute(hid_t object, const char* name, std::int64_t number);
void write_attribute(hid_t object, const char* name, double number);
template <class Number>
void write_attribute(hid_t object, const char* name, const std::vector<Number>& numbers) {
  const hsize_t size = numbers.size();
  const Handle space(H5Screate_simple(1, &size, nullptr), H5Sclose, "making an attribute's shape");
  const Handle attribute(H5Acreate2(object, name, number_type<Number>(), space.id(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose, std::string("writing attribute ") + name);
  check(H5Awrite(attribute.id(), number_type<Number>(), numbers.data()), std::string("writing attribute ") + name);
}

/// A dataset of one text.
void write_text(hid_t group, const char* name, const std::string& text);

/// Creates a file whose objects keep their order and have checksums in their headers. Throws if something of that name
/// exists, including a symbolic link.
[[nodiscard]] Handle create_file(const std::string& path);

/// Extents of a dataset.
[[nodiscard]] std::vector<hsize_t> shape_of(hid_t dataset);

/// Chunked, shuffled, deflated, with a checksum, no time stamps; what has not been written reads as `fill`.
template <class Number>
[[nodiscard]] Handle create_dataset(hid_t file, const std::string& name, std::vector<hsize_t> shape, Number fill,
                                    const std::string& long_name, const std::string& units) {
  constexpr hsize_t chunk_bytes = 512 * 1024;
  const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose,
                     "making the shape of " + name);
  std::vector<hsize_t> chunk = shape;
  hsize_t below_bytes = sizeof(Number);  // of what one index of a dimension holds
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (i == 0 || shape.size() > 2) {  // rows over (run, step) stay whole
      chunk[i] = std::clamp<hsize_t>(chunk_bytes / below_bytes, 1, shape[i]);
    }
    below_bytes *= chunk[i];
  }
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "preparing " + name);
  constexpr unsigned deflate_level = 4;
  check(H5Pset_chunk(properties.id(), static_cast<int>(chunk.size()), chunk.data()), "preparing " + name);
  check(H5Pset_shuffle(properties.id()), "preparing " + name);
  check(H5Pset_deflate(properties.id(), deflate_level), "preparing " + name);
  check(H5Pset_fletcher32(properties.id()), "preparing " + name);
  check(H5Pset_fill_value(properties.id(), number_type<Number>(), &fill), "preparing " + name);
  check(H5Pset_obj_track_times(properties.id(), false), "preparing " + name);
  Handle dataset(
      H5Dcreate2(file, name.c_str(), number_type<Number>(), space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT),
      H5Dclose, "creating " + name);
  write_attribute(dataset.id(), "long_name", long_name);
  write_attribute(dataset.id(), "units", units);
  if constexpr (std::is_floating_point_v<Number>) {
    write_attribute(dataset.id(), "_FillValue", std::vector<Number>{fill});
  }
  return dataset;
}

template <class Number>
void write_all(const Handle& dataset, const std::vector<Number>& values, const std::string& name) {
  check(H5Dwrite(dataset.id(), number_type<Number>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "writing " + name);
}

/// A block of a dataset. start, shape: one entry per dimension.
template <class Number>
void write_slab(const Handle& dataset, const std::vector<hsize_t>& start, const std::vector<hsize_t>& shape,
                std::span<const Number> values) {
  const Handle memory(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose,
                      "making a slab");
  const Handle space(H5Dget_space(dataset.id()), H5Sclose, "placing a slab");
  check(H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, shape.data(), nullptr),
        "placing a slab");
  check(H5Dwrite(dataset.id(), number_type<Number>(), memory.id(), space.id(), H5P_DEFAULT, values.data()),
        "writing a slab");
}

}  // namespace fasweep::hdf5
