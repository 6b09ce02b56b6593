#include "data/idx.hpp"

#include <array>

#include "data/file_format.hpp"
#include "util/error.hpp"

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

void check_head(std::span<const std::uint8_t> bytes, IdxContent content, const std::string& origin) {
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
};

Head read_head(std::span<const std::uint8_t> bytes, IdxContent content, const std::string& origin) {
  check_head(bytes, content, origin);
  const std::size_t dimensions = bytes[3];
  Head head;
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
    return head.bytes + static_cast<std::size_t>(head.announced) + 1;  // one more tells a file that is too long
  });
  return decode_idx(bytes, content, path);
}

}  // namespace

IdxFile decode_idx(const FileBytes& bytes, IdxContent content, const std::string& origin) {
  Head head = read_head(bytes, content, origin);
  const auto there = static_cast<std::int64_t>(bytes.size() - head.bytes);
  if (there != head.announced) {
    reject_idx(origin, "it declares " + std::to_string(head.announced) + " values and has " + std::to_string(there) +
                           (there > head.announced ? " or more" : ""));
  }
  return {std::move(head.sizes), {bytes.begin() + static_cast<std::ptrdiff_t>(head.bytes), bytes.end()}};
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
