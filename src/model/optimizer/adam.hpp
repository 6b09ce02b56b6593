// m <- beta1 m + (1 - beta1) g, s <- beta2 s + (1 - beta2) g^2, and along m^ / (sqrt(s^) + 1e-8) with
// m^ = m / (1 - beta1^(t + 1)) and s^ = s / (1 - beta2^(t + 1)) (Kingma and Ba 2015).
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace fasweep {

struct AdamOptimizer {
  static constexpr std::string_view name = "adam";
  static constexpr std::array<std::string_view, 2> parameters{"beta1", "beta2"};
  static constexpr std::string_view accepted = "0 <= beta1 < 1 and 0 <= beta2 < 1";
  static constexpr int moments = 2;
  std::array<double, 2> values{};
  friend bool operator==(const AdamOptimizer&, const AdamOptimizer&) = default;
  [[nodiscard]] bool valid() const { return values[0] >= 0 && values[0] < 1 && values[1] >= 0 && values[1] < 1; }
  template <class T>
  [[nodiscard]] auto at_step(std::int64_t t) const {
    const auto steps = static_cast<double>(t + 1);
    return [beta1 = static_cast<T>(values[0]), beta2 = static_cast<T>(values[1]),
            first = static_cast<T>(1 / (1 - std::pow(values[0], steps))),
            second = static_cast<T>(1 / (1 - std::pow(values[1], steps)))](T g, std::array<T, moments>& kept) {
      constexpr T least = 1e-8;
      kept[0] = beta1 * kept[0] + (1 - beta1) * g;
      kept[1] = beta2 * kept[1] + (1 - beta2) * g * g;
      return first * kept[0] / (std::sqrt(second * kept[1]) + least);
    };
  }
};

}  // namespace fasweep
