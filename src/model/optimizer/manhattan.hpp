// The sign of the gradient of the whole batch: every weight moves by eta (Liao, Leibo, Poggio 2016: batch Manhattan).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace fasweep {

struct ManhattanOptimizer {
  static constexpr std::string_view name = "manhattan";
  static constexpr std::array<std::string_view, 0> parameters{};
  static constexpr std::string_view accepted = "no parameters";
  static constexpr int moments = 0;
  std::array<double, 0> values{};
  friend bool operator==(const ManhattanOptimizer&, const ManhattanOptimizer&) = default;
  [[nodiscard]] bool valid() const { return true; }
  template <class T>
  [[nodiscard]] auto at_step(std::int64_t /*t*/) const {
    return [](T g, std::array<T, moments>& /*kept*/) { return static_cast<T>((g > 0) - (g < 0)); };
  }
};

}  // namespace fasweep
