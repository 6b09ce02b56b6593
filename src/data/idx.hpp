// IDX files, the format of MNIST and its kin: two zero bytes, a type, the number of dimensions, their sizes as
// big-endian 32-bit numbers, then the values, big-endian too: bytes, signed or not, 16 or 32 bit integers, float32 or
// float64.
#pragma once

#include <string>

#include "data/file_bytes.hpp"
#include "data/samples.hpp"

namespace fasweep {

enum class IdxContent { images, labels };  // 3 dimensions and 1

struct IdxFile {
  std::vector<std::int64_t> sizes;
  FileBytes values;  // as many as the product of the sizes, of whatever type in the file
};

/// Throws ConfigError on anything but the announced values of the expected content, whole numbers 0..255. `origin`
/// names them in messages.
[[nodiscard]] IdxFile decode_idx(const FileBytes& bytes, IdxContent content, const std::string& origin);

/// Images (inputs 0..255) and their labels. Throws ConfigError if they do not match in number.
[[nodiscard]] Samples<std::uint8_t> read_idx(const std::string& images, const std::string& labels);

}  // namespace fasweep
