// The angle of what comes back to a hidden layer by the rule and by backprop, before psi', of each sample of the step's
// batch; with several outputs that of the only layer is signal_alignment, of rules that send b.
#pragma once

#include <string_view>

#include "model/metric/layer_traits.hpp"

namespace fasweep {

struct LayerSignalAlignmentMetric : OfLayers<&LayerNumbers::signal_cosine> {
  static constexpr std::string_view name = "layer_signal_alignment";
  static constexpr std::string_view long_name =
      "mean over the step's batch of the cosine of what the rule and backprop send back to each hidden layer";
};

}  // namespace fasweep
