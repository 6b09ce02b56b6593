// Cyclic redundancy checks of reflected polynomials, eight bytes at a time ("slicing by 8", Kounavis and Berry 2008, or
// the processor's own instruction for Castagnoli's): a long journal and a large file are read at the memory's speed
// rather than a table lookup a byte.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace fasweep {

/// Castagnoli's polynomial, as in iSCSI.
inline constexpr std::uint32_t castagnoli = 0x1EDC6F41;

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
      state_ = after(state_, next);
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

  /// The state after eight more bytes.
  static Word after(Word state, std::uint64_t next) {
#ifdef __SSE4_2__
    if constexpr (sizeof(Word) == sizeof castagnoli && polynomial == castagnoli) {
      return static_cast<Word>(_mm_crc32_u64(state, next));
    }
#endif
    next ^= state;
    Word result = 0;
    for (std::size_t i = 0; i < slices; ++i) {
      result ^= tables[slices - 1 - i][next >> (8 * i) & 0xffU];
    }
    return result;
  }

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

using Crc32c = Crc<std::uint32_t, castagnoli>;
/// ECMA-182's, reflected, as xz has it.
using Crc64 = Crc<std::uint64_t, 0x42F0E1EBA9EA3693>;

}  // namespace fasweep
