// In how many directions the values of a hidden layer spread over the samples of the step's batch: tr(K)^2 / ||K||^2 of
// K = H_l H_l^T.
#pragma once

#include <string_view>

#include "model/metric/layer_traits.hpp"

namespace fasweep {

struct LayerEffectiveRankMetric : OfLayers<&LayerNumbers::effective_rank> {
  static constexpr std::string_view name = "layer_effective_rank";
  static constexpr std::string_view long_name = "effective rank of the values of each hidden layer in the step's batch";
};

}  // namespace fasweep
