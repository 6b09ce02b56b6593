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
  template <class Outputs, class Targets, class Errors>
  static void take_errors(const Outputs& f, const Targets& y, double /*shared*/, Errors& e) {
    for (decltype(f.size()) c = 0; c < f.size(); ++c) {
      e[c] = f[c] - y[c];
    }
  }
  [[nodiscard]] static double part(double f, double y, double /*shared*/) { return 0.5 * (f - y) * (f - y); }
};

}  // namespace fasweep
