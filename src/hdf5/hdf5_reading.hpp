// Reads HDF5 files of any origin: class, space and size of everything are checked before it is read into our memory.
// This is the one place where result files are opened.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <hdf5.h>

#include "hdf5/hdf5_handle.hpp"

namespace fasweep::hdf5 {

/// Opens a file to read. Throws ConfigError if another program has it open for writing, StoreError if it cannot be
/// read.
[[nodiscard]] Handle open_file(const std::filesystem::path& path);

/// Whether another program has the file open to write to it, as far as locks tell.
[[nodiscard]] bool is_being_written(const std::filesystem::path& path);

/// A dataset's type must be this; its bytes then mean what they should, down to the sign of a number.
void require_type(hid_t dataset, hid_t type, const std::string& name);
/// A dataset's type must be one of the little-endian ones that files of any version have. For numbers read as double.
void require_number(hid_t dataset, const std::string& name);

/// Extents of a dataset for people: "20 x 4 x 4".
[[nodiscard]] std::string write_shape(std::span<const hsize_t> shape);

/// Throw DamagedError if the attribute or dataset holds anything but one text, or one number of the kind.
[[nodiscard]] std::string read_text(hid_t group, const std::string& name);
[[nodiscard]] std::string read_text_attribute(hid_t object, const std::string& name);
[[nodiscard]] std::int64_t read_whole_attribute(hid_t object, const std::string& name);
[[nodiscard]] double read_real_attribute(hid_t object, const std::string& name);

/// A block of a dataset of numbers, row-major. start, shape: one entry per dimension.
[[nodiscard]] std::vector<double> read_slab(const Handle& dataset, const std::vector<hsize_t>& start,
                                            const std::vector<hsize_t>& shape, const std::string& name);

/// A column of texts of variable length, `rows` of them.
[[nodiscard]] std::vector<std::string> read_texts(hid_t file, const std::string& name, hsize_t rows);

}  // namespace fasweep::hdf5
