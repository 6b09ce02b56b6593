// L = -sum_c y_c log softmax(f)_c with softmax(f) as prediction.
//
// The class's own error, softmax(f)_c - 1, is minus the sum of the others: what a confident network lacks of 1 is lost
// in the difference.
#pragma once

#include <cmath>
#include <string_view>
#include <type_traits>

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
  template <class Outputs, class Targets, class Errors>
  static void take_errors(const Outputs& f, const Targets& y, double shared, Errors& e) {
    using Number = std::decay_t<decltype(e[0])>;
    double others = 0;
    for (decltype(f.size()) c = 0; c < f.size(); ++c) {
      const double share = y[c] == 0 ? std::exp(static_cast<double>(f[c]) - shared) : 0;
      e[c] = static_cast<Number>(share);
      others += share;
    }
    for (decltype(f.size()) c = 0; c < f.size(); ++c) {
      e[c] = y[c] == 0 ? e[c] : static_cast<Number>(-others);
    }
  }
  [[nodiscard]] static double part(double f, double y, double shared) { return y == 0 ? 0.0 : -(y * (f - shared)); }
};

}  // namespace fasweep
