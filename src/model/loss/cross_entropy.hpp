// L = -sum_c y_c log softmax(f)_c with softmax(f) as prediction.
#pragma once

#include <cmath>
#include <string_view>

namespace fasweep {

struct CrossEntropyLoss {
  static constexpr std::string_view name = "cross-entropy";
  static constexpr bool needs_classes = true;
  static constexpr bool is_half_square = false;
  /// log sum_c exp(f_c), without overflow however large the outputs.
  template <class Outputs>
  [[nodiscard]] static double shared(const Outputs& f) {
    auto largest = static_cast<double>(f[0]);
    for (decltype(f.size()) c = 1; c < f.size(); ++c) {
      largest = static_cast<double>(f[c]) > largest ? static_cast<double>(f[c]) : largest;
    }
    double sum = 0;
    for (decltype(f.size()) c = 0; c < f.size(); ++c) {
      sum += std::exp(static_cast<double>(f[c]) - largest);
    }
    return largest + std::log(sum);
  }
  [[nodiscard]] static double prediction(double f, double shared) { return std::exp(f - shared); }
  [[nodiscard]] static double part(double f, double y, double shared) { return y == 0 ? 0.0 : -(y * (f - shared)); }
};

}  // namespace fasweep
