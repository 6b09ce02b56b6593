// The gradient itself.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace fasweep {

struct GradientDescent {
  static constexpr std::string_view name = "sgd";
  static constexpr std::array<std::string_view, 0> parameters{};
  static constexpr std::string_view accepted = "no parameters";
  static constexpr int moments = 0;
  std::array<double, 0> values{};
  friend bool operator==(const GradientDescent&, const GradientDescent&) = default;
  [[nodiscard]] bool valid() const { return true; }
  template <class T>
  [[nodiscard]] auto at_step(std::int64_t /*t*/) const {
    return [](T g, std::array<T, moments>& /*kept*/) { return g; };
  }
};

}  // namespace fasweep
