#include "data/idx.hpp"

#include <array>

#include "util/error.hpp"

namespace fasweep {
namespace {

constexpr std::array<std::string_view, 2> content_names{"images", "labels"};
constexpr std::array<std::size_t, 2> dimensions_of{3, 1};

[[noreturn]] void reject_idx(const std::string& origin, const std::string& why) {
  throw ConfigError("'" + origin + "' is not the IDX file that is expected (" + why +
                    "); check data.path, or fetch the file again");
}

std::string hexadecimal(unsigned value) {
  constexpr std::string_view digits = "0123456789abcdef";
  return {'0', 'x', digits[value / 16 % 16], digits[value % 16]};
}

void check_head(const FileBytes& bytes, IdxContent content, const std::string& origin) {
  if (bytes.size() < 4) {
    reject_idx(origin, "it ends within its first 4 bytes");
  }
  if (bytes[0] != 0 || bytes[1] != 0) {
    reject_idx(origin,
               "it begins with " + hexadecimal(bytes[0]) + " " + hexadecimal(bytes[1]) + " and not with two zeros");
  }
  constexpr unsigned unsigned_byte = 0x08;
  if (bytes[2] != unsigned_byte) {
    reject_idx(origin, "its values have type " + hexadecimal(bytes[2]) + "; only unsigned bytes, type 0x08, are read");
  }
  const auto wanted = static_cast<std::size_t>(content);
  if (bytes[3] != dimensions_of[wanted]) {
    const std::string found = bytes[3] == dimensions_of[1 - wanted] ? std::string(content_names[1 - wanted])
                                                                    : std::to_string(bytes[3]) + " dimensions";
    reject_idx(origin, "it holds " + found + " where " + std::string(content_names[wanted]) + " belong");
  }
}

std::int64_t read_big_endian(const FileBytes& bytes, std::size_t at) {
  std::int64_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    value = value * 256 + bytes[i];
  }
  return value;
}

}  // namespace

IdxFile decode_idx(const FileBytes& bytes, IdxContent content, const std::string& origin) {
  check_head(bytes, content, origin);
  const std::size_t dimensions = bytes[3];
  const std::size_t head = 4 + 4 * dimensions;
  if (bytes.size() < head) {
    reject_idx(origin, "it ends within the sizes of its dimensions");
  }
  IdxFile file;
  std::int64_t announced = 1;
  for (std::size_t i = 0; i < dimensions; ++i) {
    file.sizes.push_back(read_big_endian(bytes, 4 + 4 * i));
    if (file.sizes.back() < 1 || file.sizes.back() > max_samples) {
      reject_idx(origin, "a dimension has size " + std::to_string(file.sizes.back()) + ", not 1.." +
                             std::to_string(max_samples));
    }
    announced *= file.sizes.back();  // at most 10^18
  }
  const auto there = static_cast<std::int64_t>(bytes.size() - head);
  if (there != announced) {
    reject_idx(origin, "it announces " + std::to_string(announced) + " values and has " + std::to_string(there));
  }
  file.values.assign(bytes.begin() + static_cast<std::ptrdiff_t>(head), bytes.end());
  return file;
}

Samples<std::uint8_t> read_idx(const std::string& images, const std::string& labels) {
  IdxFile image_file = decode_idx(read_file(images), IdxContent::images, images);
  const IdxFile label_file = decode_idx(read_file(labels), IdxContent::labels, labels);
  Samples<std::uint8_t> samples;
  samples.rows = image_file.sizes[0];
  samples.inputs = image_file.sizes[1] * image_file.sizes[2];
  samples.targets = 1;
  samples.origin = labels;
  if (label_file.sizes[0] != samples.rows) {
    throw ConfigError("'" + images + "' has " + std::to_string(samples.rows) + " images and '" + labels + "' " +
                      std::to_string(label_file.sizes[0]) +
                      " labels (each image needs one label); fetch the two files again");
  }
  samples.x = std::move(image_file.values);
  samples.y.assign(label_file.values.begin(), label_file.values.end());
  return samples;
}

}  // namespace fasweep
