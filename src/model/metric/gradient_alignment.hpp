// The angle of the rule's gradient of W and backprop's.
#pragma once

#include <string_view>

#include "model/metric/traits.hpp"
#include "model/observation.hpp"

namespace fasweep {

struct GradientAlignmentMetric {
  static constexpr std::string_view name = "gradient_alignment";
  static constexpr std::string_view long_name =
      "cosine of the rule's and backprop's gradients of W in the step's batch";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_gradients;
  static double value(const Observation& o) {
    return cosine(o.gradient_dot, o.rule_gradient_square, o.backprop_gradient_square);
  }
};

}  // namespace fasweep
