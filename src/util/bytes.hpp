// Flat little-endian encoding of numbers and strings, used by the wire messages and the journal alike. The reader
// checks every length against the rest and throws TransportError, so hostile or torn bytes cannot make it read or
// allocate beyond them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "util/error.hpp"

namespace fasweep {

static_assert(std::endian::native == std::endian::little, "fasweep's files and messages are little-endian");

using Bytes = std::vector<std::byte>;

/// Stands for how a struct lies in memory, for files that hold structs as they lie: its size, and a version of its own
/// for changes that leave the size alone. Never 0 nor a small number.
template <class Struct>
[[nodiscard]] constexpr std::uint64_t layout_of(std::uint32_t version) {
  static_assert(std::is_trivially_copyable_v<Struct>);
  return std::uint64_t{0x4c41594f} << 32U ^ std::uint64_t{version} << 24U ^ sizeof(Struct);
}

class ByteWriter {
 public:
  template <class Number>
  void put(Number value) {
    static_assert(std::is_arithmetic_v<Number> || std::is_enum_v<Number>);
    append(&value, sizeof value);
  }

  /// Length (uint32), then the bytes of the text.
  void put_text(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    append(text.data(), text.size());
  }

  /// The numbers alone; their count must follow from what was written before.
  template <class Number>
  void put_array(std::span<const Number> values) {
    append(values.data(), values.size_bytes());
  }

  [[nodiscard]] Bytes take() { return std::move(bytes_); }
  [[nodiscard]] std::span<const std::byte> view() const { return bytes_; }

 private:
  void append(const void* data, std::size_t size) {
    if (size > 0) {
      const std::size_t end = bytes_.size();
      bytes_.resize(end + size);
      std::memcpy(bytes_.data() + end, data, size);
    }
  }

  Bytes bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class Number>
  [[nodiscard]] Number get() {
    static_assert(std::is_arithmetic_v<Number> || std::is_enum_v<Number>);
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  [[nodiscard]] std::string get_text() {
    const std::span<const std::byte> text = take(get<std::uint32_t>());
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }

  template <class Number>
  [[nodiscard]] std::vector<Number> get_array(std::size_t count) {
    if (count > left() / sizeof(Number)) {
      throw TransportError("message cut short (" + std::to_string(count) + " numbers announced, " +
                           std::to_string(left()) + " bytes left); run the same version of fasweep on every rank");
    }
    std::vector<Number> values(count);
    const std::span<const std::byte> raw = take(count * sizeof(Number));
    if (count > 0) {
      std::memcpy(values.data(), raw.data(), raw.size());
    }
    return values;
  }

  /// Fills `values` with the next numbers.
  template <class Number>
  void get_into(std::span<Number> values) {
    const std::span<const std::byte> raw = take(values.size_bytes());
    if (!raw.empty()) {
      std::memcpy(values.data(), raw.data(), raw.size());
    }
  }

  /// The next `size` bytes, which stay owned by the buffer being read.
  [[nodiscard]] std::span<const std::byte> take(std::size_t size) {
    if (size > left()) {
      throw TransportError("message cut short (" + std::to_string(size) + " bytes announced, " +
                           std::to_string(left()) + " left); run the same version of fasweep on every rank");
    }
    const std::span<const std::byte> result = bytes_.subspan(position_, size);
    position_ += size;
    return result;
  }

  [[nodiscard]] std::size_t left() const { return bytes_.size() - position_; }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
};

}  // namespace fasweep
