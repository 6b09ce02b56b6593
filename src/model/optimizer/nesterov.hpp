// v <- mu v + g, and along g + mu v (Nesterov 1983 in the form of Sutskever et al. 2013, as PyTorch has it).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace fasweep {

struct NesterovOptimizer {
  static constexpr std::string_view name = "nesterov";
  static constexpr std::array<std::string_view, 1> parameters{"mu"};
  static constexpr std::string_view accepted = "0 <= mu < 1";
  static constexpr int moments = 1;
  std::array<double, 1> values{};
  friend bool operator==(const NesterovOptimizer&, const NesterovOptimizer&) = default;
  [[nodiscard]] bool valid() const { return values[0] >= 0 && values[0] < 1; }
  template <class T>
  [[nodiscard]] auto at_step(std::int64_t /*t*/) const {
    return [mu = static_cast<T>(values[0])](T g, std::array<T, moments>& kept) {
      kept[0] = mu * kept[0] + g;
      return g + mu * kept[0];
    };
  }
};

}  // namespace fasweep
