// L = 1/2 sum_c e_c^2 with the outputs f as prediction.
#pragma once

#include <string_view>

namespace fasweep {

struct SquaredLoss {
  static constexpr std::string_view name = "squared";
  static constexpr bool needs_classes = false;
  static constexpr bool is_half_square = true;
  template <class Outputs>
  [[nodiscard]] static double shared(const Outputs& /*f*/) {
    return 0;
  }
  [[nodiscard]] static double prediction(double f, double /*shared*/) { return f; }
  [[nodiscard]] static double part(double f, double y, double /*shared*/) { return 0.5 * (f - y) * (f - y); }
};

}  // namespace fasweep
