// Checkpoints that no run saves, in files whose checksums are right.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "train/train_loop.hpp"
#include "util/bytes.hpp"

namespace fasweep::testing {

/// Bytes of a checkpoint after its layout and its mark.
inline constexpr std::size_t step_at = sizeof checkpoint_layout + sizeof cpu_mark;

/// The checkpoint with a number in another's place.
template <class Number>
[[nodiscard]] Bytes with_number(Bytes saved, std::size_t at, Number number) {
  std::memcpy(&saved.at(at), &number, sizeof number);
  return saved;
}

/// Of a run that makes at most `last_step` steps and observes something between the saved step and `other_step`.
inline std::vector<Bytes> forgeries_of(const Bytes& saved, std::int64_t last_step, std::int64_t other_step) {
  std::vector<Bytes> forgeries;
  for (std::size_t size = 0; size < saved.size(); size += size < 64 ? 7 : saved.size() / 4) {
    forgeries.emplace_back(saved.begin(), saved.begin() + static_cast<std::ptrdiff_t>(size));
  }
  forgeries.push_back(saved);
  forgeries.back().push_back(std::byte{0});
  for (const std::int64_t step : {std::int64_t{-1}, last_step + 1, std::int64_t{1} << 62U,
                                  std::numeric_limits<std::int64_t>::min(), other_step}) {
    forgeries.push_back(with_number(saved, step_at, step));
  }
  return forgeries;
}

}  // namespace fasweep::testing
