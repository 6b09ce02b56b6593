// How the weights that send back to a hidden layer compare in size with the forward weights in whose place they stand
// (layer_weight_alignment.hpp).
#pragma once

#include <string_view>

#include "model/metric/layer_traits.hpp"

namespace fasweep {

struct LayerFeedbackNormRatioMetric : OfLayers<&LayerNumbers::weight_ratio> {
  static constexpr std::string_view name = "layer_feedback_norm_ratio";
  static constexpr std::string_view long_name =
      "norm of the feedback weights to each hidden layer over that of the forward weights in whose place they stand";
};

}  // namespace fasweep
