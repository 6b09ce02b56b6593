// The whole value for t < T, then 0: sums to T times the value (the paper's Theorem 4.6 with its off-by-one mended).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace fasweep {

struct CutoffSchedule {
  static constexpr std::string_view name = "cutoff";
  static constexpr std::array<std::string_view, 1> parameters{"steps"};
  static constexpr std::string_view accepted = "steps >= 0";
  std::array<double, 1> values{};
  [[nodiscard]] bool valid() const { return values[0] >= 0; }
  [[nodiscard]] double factor(std::int64_t t) const { return static_cast<double>(t) < values[0] ? 1 : 0; }
};

}  // namespace fasweep
