// How a rule treats one hidden layer at a step, as the metrics of layers record it (model/metric/layer_*.hpp).
#pragma once

#include "model/observation.hpp"

namespace fasweep {

/// Of a hidden layer and the step's batch. The feedback weights that what teaches takes last on its way to the layer
/// are held to the forward weights in whose place they stand: from the layer to the next, or to all that follows on a
/// direct route.
struct LayerNumbers {
  double weight_cosine = not_a_number;
  double weight_ratio = not_a_number;     // norm of the feedback weights over that of the forward weights
  double signal_cosine = not_a_number;    // mean over samples, of what comes to the layer by the rule and by backprop
  double gradient_cosine = not_a_number;  // of the gradients of the weights into the layer
  double effective_rank = not_a_number;   // of the layer's values
};

}  // namespace fasweep
