// Whether the weights that send back to a hidden layer point where the forward weights do: cos(B_{l+1}, W_{l+1}) of
// each layer, of the last cos(b, beta), which is the alignment. On a direct route (model/rule/readout.hpp) B_l stands
// in the place of all forward weights that follow, and is held to their product.
#pragma once

#include <string_view>

#include "model/metric/layer_traits.hpp"

namespace fasweep {

struct LayerWeightAlignmentMetric : OfLayers<&LayerNumbers::weight_cosine> {
  static constexpr std::string_view name = "layer_weight_alignment";
  static constexpr std::string_view long_name =
      "cosine of the feedback weights to each hidden layer and the forward weights in whose place they stand";
};

}  // namespace fasweep
