// 1 / (1 + t / tau)^2: sums to tau^2 trigamma(tau).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace fasweep {

struct InverseSquareSchedule {
  static constexpr std::string_view name = "inverse-square";
  static constexpr std::array<std::string_view, 1> parameters{"tau"};
  static constexpr std::string_view accepted = "tau > 0 (steps)";
  std::array<double, 1> values{};
  [[nodiscard]] bool valid() const { return values[0] > 0; }
  [[nodiscard]] double factor(std::int64_t t) const {
    const double base = 1 + static_cast<double>(t) / values[0];
    return 1 / (base * base);
  }
};

}  // namespace fasweep
