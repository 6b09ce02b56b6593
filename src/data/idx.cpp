#include "data/idx.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>

#include "data/file_format.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

constexpr std::array<std::string_view, 2> content_names{"images", "labels"};
constexpr std::array<std::size_t, 2> dimensions_of{3, 1};

[[noreturn]] void reject_idx(const std::string& origin, const std::string& why) {
  throw ConfigError("'" + origin + "' is not the expected IDX file (" + why +
                    "); check data.path, or fetch the file again");
}

std::string hexadecimal(unsigned value) {
  constexpr std::string_view digits = "0123456789abcdef";
  return {'0', 'x', digits[value / 16 % 16], digits[value % 16]};
}

/// The bytes of a value as a number; they are big-endian.
template <class Number, std::unsigned_integral Bits>
double number_of(const std::uint8_t* bytes) {
  static_assert(sizeof(Number) == sizeof(Bits));
  Bits bits = 0;
  for (std::size_t i = 0; i < sizeof bits; ++i) {
    bits = static_cast<Bits>(std::uint64_t{bits} << 8U | bytes[i]);
  }
  return static_cast<double>(std::bit_cast<Number>(bits));
}

struct ValueType {
  std::uint8_t code;
  std::size_t bytes;
  double (*number)(const std::uint8_t*);
};

constexpr std::array value_types{
    ValueType{0x08, 1, &number_of<std::uint8_t, std::uint8_t>},
    ValueType{0x09, 1, &number_of<std::int8_t, std::uint8_t>},
    ValueType{0x0b, 2, &number_of<std::int16_t, std::uint16_t>},
    ValueType{0x0c, 4, &number_of<std::int32_t, std::uint32_t>},
    ValueType{0x0d, 4, &number_of<float, std::uint32_t>},
    ValueType{0x0e, 8, &number_of<double, std::uint64_t>},
};

const ValueType* find_value_type(std::uint8_t code) {
  const auto* found =
      std::find_if(value_types.begin(), value_types.end(), [&](const ValueType& type) { return type.code == code; });
  return found == value_types.end() ? nullptr : found;
}

void check_head(std::span<const std::uint8_t> bytes, IdxContent content, const std::string& origin) {
  if (bytes.size() < 4) {
    reject_idx(origin, "it ends within its first 4 bytes");
  }
  if (bytes[0] != 0 || bytes[1] != 0) {
    reject_idx(origin,
               "it begins with " + hexadecimal(bytes[0]) + " " + hexadecimal(bytes[1]) + " and not with two zeros");
  }
  if (find_value_type(bytes[2]) == nullptr) {
    reject_idx(origin, "its values have type " + hexadecimal(bytes[2]) +
                           ", which there is not; 0x08, 0x09, 0x0b, 0x0c, 0x0d and 0x0e are read");
  }
  const auto wanted = static_cast<std::size_t>(content);
  if (bytes[3] != dimensions_of[wanted]) {
    const std::string found = bytes[3] == dimensions_of[1 - wanted] ? std::string(content_names[1 - wanted])
                                                                    : std::to_string(bytes[3]) + " dimensions";
    reject_idx(origin, "it holds " + found + " where " + std::string(content_names[wanted]) + " belong");
  }
}

std::int64_t read_big_endian(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::int64_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    value = value * 256 + bytes[i];
  }
  return value;
}

/// What comes before the values.
struct Head {
  std::vector<std::int64_t> sizes;
  std::size_t bytes = 0;
  std::int64_t announced = 1;  // values
  const ValueType* type = nullptr;
};

Head read_head(std::span<const std::uint8_t> bytes, IdxContent content, const std::string& origin) {
  check_head(bytes, content, origin);
  const std::size_t dimensions = bytes[3];
  Head head;
  head.type = find_value_type(bytes[2]);
  head.bytes = 4 + 4 * dimensions;
  if (bytes.size() < head.bytes) {
    reject_idx(origin, "it ends within the sizes of its dimensions");
  }
  for (std::size_t i = 0; i < dimensions; ++i) {
    head.sizes.push_back(read_big_endian(bytes, 4 + 4 * i));
    if (head.sizes.back() < 1 || head.sizes.back() > max_samples) {
      reject_idx(origin, "a dimension has size " + std::to_string(head.sizes.back()) + ", not 1.." +
                             std::to_string(max_samples));
    }
    head.announced *= head.sizes.back();  // at most 10^18
  }
  return head;
}

IdxFile read_idx_file(const std::string& path, IdxContent content) {
  const FileBytes bytes = read_file(path, [&](std::span<const std::uint8_t> begin) {
    refuse_foreign(begin, FileFormat::idx, path);
    const Head head = read_head(begin, content, path);
    const std::size_t values = static_cast<std::size_t>(head.announced) * head.type->bytes;  // at most 8 x 10^18
    return head.bytes + values + 1;  // one more tells a file that is too long
  });
  return decode_idx(bytes, content, path);
}

/// Pixels and labels as bytes, whatever type they have in the file.
FileBytes read_values(std::span<const std::uint8_t> bytes, const ValueType& type, const std::string& origin) {
  if (type.code == value_types[0].code) {
    return {bytes.begin(), bytes.end()};
  }
  constexpr double largest = 255;
  FileBytes values(bytes.size() / type.bytes);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = type.number(&bytes[i * type.bytes]);
    if (!(value >= 0 && value <= largest) || value != std::floor(value)) {
      throw ConfigError("'" + origin + "' cannot be used (value " + std::to_string(i + 1) + " is " +
                        format_real(value) +
                        "; pixels and labels of IDX files are whole numbers 0..255); write other " +
                        "numbers to HDF5 and set data.source = hdf5");
    }
    values[i] = static_cast<std::uint8_t>(value);
  }
  return values;
}

}  // namespace

IdxFile decode_idx(const FileBytes& bytes, IdxContent content, const std::string& origin) {
  Head head = read_head(bytes, content, origin);
  const std::size_t there = bytes.size() - head.bytes;
  const std::size_t announced = static_cast<std::size_t>(head.announced) * head.type->bytes;
  if (there != announced) {
    reject_idx(origin, "it declares " + std::to_string(announced) + " bytes of values and has " +
                           std::to_string(there) + (there > announced ? " or more" : ""));
  }
  return {std::move(head.sizes), read_values(std::span(bytes).subspan(head.bytes), *head.type, origin)};
}

Samples<std::uint8_t> read_idx(const std::string& images, const std::string& labels) {
  IdxFile image_file = read_idx_file(images, IdxContent::images);
  const IdxFile label_file = read_idx_file(labels, IdxContent::labels);
  Samples<std::uint8_t> samples;
  samples.rows = image_file.sizes[0];
  samples.inputs = image_file.sizes[1] * image_file.sizes[2];
  if (samples.inputs > max_inputs) {
    reject_idx(images,
               "an image has " + std::to_string(samples.inputs) + " pixels, more than " + std::to_string(max_inputs));
  }
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
