// s <- alpha s + (1 - alpha) g^2, and along g / (sqrt(s) + 1e-8) (Tieleman and Hinton 2012, as PyTorch has it).
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace fasweep {

struct RmspropOptimizer {
  static constexpr std::string_view name = "rmsprop";
  static constexpr std::array<std::string_view, 1> parameters{"alpha"};
  static constexpr std::string_view accepted = "0 <= alpha < 1";
  static constexpr int moments = 1;
  std::array<double, 1> values{};
  friend bool operator==(const RmspropOptimizer&, const RmspropOptimizer&) = default;
  [[nodiscard]] bool valid() const { return values[0] >= 0 && values[0] < 1; }
  template <class T>
  [[nodiscard]] auto at_step(std::int64_t /*t*/) const {
    return [alpha = static_cast<T>(values[0])](T g, std::array<T, moments>& kept) {
      constexpr T least = 1e-8;
      kept[0] = alpha * kept[0] + (1 - alpha) * g * g;
      return g / (std::sqrt(kept[0]) + least);
    };
  }
};

}  // namespace fasweep
