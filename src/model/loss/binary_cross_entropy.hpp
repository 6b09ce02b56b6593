// L = -sum_c y_c log sigmoid(f_c) + (1 - y_c) log(1 - sigmoid(f_c)) = sum_c log(1 + e^f_c) - y_c f_c: each output tells
// whether the sample is of its class, and sigmoid(f_c) is the prediction.
#pragma once

#include <algorithm>
#include <cmath>
#include <string_view>
#include <type_traits>

namespace fasweep {

struct BinaryCrossEntropyLoss {
  static constexpr std::string_view name = "binary-cross-entropy";
  static constexpr bool needs_classes = true;
  static constexpr bool is_half_square = false;
  template <class Outputs>
  [[nodiscard]] static double shared(const Outputs& /*f*/) {
    return 0;
  }
  template <class Outputs, class Targets, class Errors>
  static void take_errors(const Outputs& f, const Targets& y, double /*shared*/, Errors& e) {
    using Number = std::decay_t<decltype(e[0])>;
    for (decltype(f.size()) c = 0; c < f.size(); ++c) {
      const double output = static_cast<double>(f[c]);
      e[c] = static_cast<Number>(y[c] == 0 ? 1 / (1 + std::exp(-output)) : -1 / (1 + std::exp(output)));
    }
  }
  [[nodiscard]] static double part(double f, double y, double /*shared*/) {
    return std::max(f, 0.0) + std::log1p(std::exp(-std::abs(f))) - y * f;
  }
};

}  // namespace fasweep
