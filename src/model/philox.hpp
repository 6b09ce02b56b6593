// Philox4x32-10 (Salmon et al. 2011) and what random.hpp makes of its bits, for host and device, one counter at a time;
// random.cpp has it for consecutive counters in the lanes of a vector.
#pragma once

#include <cstdint>

#include "util/host_device.hpp"

namespace fasweep {

// Random123's PHILOX_M4x32_* and PHILOX_W32_*; random_test.cpp holds them together.
inline constexpr std::uint32_t philox_multiplier_0 = 0xD2511F53U;
inline constexpr std::uint32_t philox_multiplier_1 = 0xCD9E8D57U;
inline constexpr std::uint32_t philox_key_step_0 = 0x9E3779B9U;
inline constexpr std::uint32_t philox_key_step_1 = 0xBB67AE85U;

struct PhiloxWords {
  std::uint32_t a;
  std::uint32_t b;
  std::uint32_t c;
  std::uint32_t d;
};

/// The bits at `position` of the stream (seed, width, purpose).
FASWEEP_HOST_DEVICE inline PhiloxWords philox(std::uint64_t seed, std::uint32_t width, std::uint32_t purpose,
                                              std::uint64_t position) {
  std::uint32_t c0 = static_cast<std::uint32_t>(position);
  std::uint32_t c1 = static_cast<std::uint32_t>(position >> 32U);
  std::uint32_t c2 = width;
  std::uint32_t c3 = purpose;
  auto k0 = static_cast<std::uint32_t>(seed);
  auto k1 = static_cast<std::uint32_t>(seed >> 32U);
#if defined(__CUDACC__)
#pragma unroll
#else
#pragma GCC unroll 10
#endif
  for (int round = 0; round < 10; ++round) {
    // The halves of each product are written apart, which compilers vectorise with half the instructions.
    const std::uint32_t low0 = c0 * philox_multiplier_0;
    const std::uint32_t low1 = c2 * philox_multiplier_1;
    const auto high0 = static_cast<std::uint32_t>(std::uint64_t{c0} * philox_multiplier_0 >> 32U);
    const auto high1 = static_cast<std::uint32_t>(std::uint64_t{c2} * philox_multiplier_1 >> 32U);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += philox_key_step_0;
    k1 += philox_key_step_1;
  }
  return {c0, c1, c2, c3};
}

/// In (0, 1): 53 of 64 bits and a half.
FASWEEP_HOST_DEVICE inline double to_unit(std::uint32_t low, std::uint32_t high) {
  const std::uint64_t bits = (std::uint64_t{high} << 32U | low) >> 11U;
  return static_cast<double>(bits) * 0x1p-53 + 0x1p-54;
}

/// The uniform numbers at positions 2 pair and 2 pair + 1 of a stream, those of RandomStream::fill_uniform.
struct UniformPair {
  double even;
  double odd;
};
FASWEEP_HOST_DEVICE inline UniformPair uniform_pair(std::uint64_t seed, std::uint32_t width, std::uint32_t purpose,
                                                    std::uint64_t pair) {
  const PhiloxWords words = philox(seed, width, purpose, pair);
  return {to_unit(words.a, words.b), to_unit(words.c, words.d)};
}

}  // namespace fasweep
