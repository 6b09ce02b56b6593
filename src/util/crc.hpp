// Cyclic redundancy checks of reflected polynomials, eight bytes at a time ("slicing by 8", Kounavis and Berry 2008): a
// long journal and a large file are read at the memory's speed rather than a table lookup a byte.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace fasweep {

/// Word: 32 or 64 bits. polynomial: without its highest power, the bit of x^0 lowest, as the literature has it. Starts
/// from all ones, which are also what the result is inverted by.
template <class Word, Word polynomial>
class Crc {
 public:
  void add(std::span<const std::byte> bytes) {
    static_assert(std::endian::native == std::endian::little);
    while (bytes.size() >= slices) {
      std::uint64_t next = 0;
      std::memcpy(&next, bytes.data(), slices);
      next ^= state_;
      state_ = 0;
      for (std::size_t i = 0; i < slices; ++i) {
        state_ ^= tables[slices - 1 - i][next >> (8 * i) & 0xffU];
      }
      bytes = bytes.subspan(slices);
    }
    for (const std::byte byte : bytes) {
      state_ = tables[0][(state_ ^ std::to_integer<Word>(byte)) & 0xffU] ^ state_ >> 8U;
    }
  }

  [[nodiscard]] Word value() const { return ~state_; }

 private:
  static constexpr std::size_t slices = 8;
  using Tables = std::array<std::array<Word, 256>, slices>;

  static constexpr Word reflect(Word word) {
    Word reflected = 0;
    for (std::size_t bit = 0; bit < 8 * sizeof(Word); ++bit) {
      reflected = reflected << 1U | (word >> bit & 1U);
    }
    return reflected;
  }

  /// What a byte makes of the state, with as many zero bytes after it as the slice's number.
  static constexpr Tables make_tables() {
    constexpr Word reflected = reflect(polynomial);
    Tables made{};
    for (std::size_t byte = 0; byte < 256; ++byte) {
      auto state = static_cast<Word>(byte);
      for (int bit = 0; bit < 8; ++bit) {
        state = state >> 1U ^ ((state & 1U) != 0 ? reflected : 0);
      }
      made[0][byte] = state;
    }
    for (std::size_t slice = 1; slice < slices; ++slice) {
      for (std::size_t byte = 0; byte < 256; ++byte) {
        const Word before = made[slice - 1][byte];
        made[slice][byte] = made[0][before & 0xffU] ^ before >> 8U;
      }
    }
    return made;
  }

  static constexpr Tables tables = make_tables();

  Word state_ = ~Word{0};
};

/// Castagnoli's, as in iSCSI.
using Crc32c = Crc<std::uint32_t, 0x1EDC6F41>;
/// ECMA-182's, reflected, as xz has it.
using Crc64 = Crc<std::uint64_t, 0x42F0E1EBA9EA3693>;

}  // namespace fasweep
