// The angle of the rule's gradient of W and backprop's. NaN where there is none: one of them is zero, or the errors
// have shrunk to the rounding of the outputs, and their gradients with them.
#pragma once

#include <string_view>

#include "model/loss/list.hpp"
#include "model/metric/traits.hpp"
#include "model/observation.hpp"
#include "model/run_spec.hpp"

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

/// The loss of a step's batch, as a share of that of step 0, up to which the errors are taken for rounding: that of
/// errors of 16 units in the last place of the outputs they began with. 0 where errors are no differences of outputs
/// and targets and keep their digits.
[[nodiscard]] inline double vanished_loss_share(LossFunction loss, Precision arithmetic) {
  constexpr double units = 16;
  const double error = units * (arithmetic == Precision::float64 ? 0x1p-52 : 0x1p-23);
  const bool is_difference = visit_loss(loss, [](auto type) { return decltype(type)::type::is_half_square; });
  return is_difference ? error * error : 0;
}

}  // namespace fasweep
