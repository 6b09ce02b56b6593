// r^t: sums to 1 / (1 - r).
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace fasweep {

struct ExponentialSchedule {
  static constexpr std::string_view name = "exponential";
  static constexpr std::array<std::string_view, 1> parameters{"rate"};
  static constexpr std::string_view accepted = "0 < rate <= 1";
  std::array<double, 1> values{};
  [[nodiscard]] bool valid() const { return values[0] > 0 && values[0] <= 1; }
  [[nodiscard]] double factor(std::int64_t t) const { return std::pow(values[0], static_cast<double>(t)); }
};

}  // namespace fasweep
