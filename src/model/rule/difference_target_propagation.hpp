// Targets come back through learned inverse layers in place of errors (model/target_propagation.hpp): the last one from
// the gradient of the loss (Lee et al. 2015), or through an inverse of the output layer too (Bartunov et al. 2018).
#pragma once

#include <string_view>

#include "model/rule/backprop.hpp"
#include "model/rule/feedback_alignment.hpp"

namespace fasweep {

struct DifferenceTargetPropagation : Backprop {
  static constexpr std::string_view name = "difference-target-propagation";
  static constexpr std::string_view meaning =
      "v = beta, and targets for the layers below, through learned inverses of the layers (Lee et al. 2015)";
  static constexpr bool learns_feedback = true;
  static constexpr bool propagates_targets = true;
};

struct SimplifiedDifferenceTargetPropagation : FeedbackAlignment {
  static constexpr std::string_view name = "simplified-difference-target-propagation";
  static constexpr std::string_view meaning =
      "a target for every hidden layer, through learned inverses of the layers above (SDTP of Bartunov et al. 2018)";
  static constexpr bool learns_feedback = true;
  static constexpr bool propagates_targets = true;
  static constexpr bool inverts_outputs = true;
};

}  // namespace fasweep
