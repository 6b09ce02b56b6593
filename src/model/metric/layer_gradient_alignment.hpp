// The angle of the rule's and backprop's gradients of the weights into a hidden layer, by the step's batch; that of the
// only layer is gradient_alignment.
#pragma once

#include <string_view>

#include "model/metric/layer_traits.hpp"

namespace fasweep {

struct LayerGradientAlignmentMetric : OfLayers<&LayerNumbers::gradient_cosine> {
  static constexpr std::string_view name = "layer_gradient_alignment";
  static constexpr std::string_view long_name =
      "cosine of the rule's and backprop's gradients of the weights into each hidden layer in the step's batch";
};

}  // namespace fasweep
