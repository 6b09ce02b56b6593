// Training of networks with any number of hidden layers (model/layers.hpp), by dense products layer by layer; precision
// is `Scalar` throughout, recorded sums are float64.
#pragma once

#include "model/run_spec.hpp"
#include "train/trainer.hpp"

namespace fasweep {

/// Trains a run of request.problem. Scalar: float or double.
template <class Scalar>
[[nodiscard]] RunRecord train_layered(const TrainingRequest& request, const RunSpec& run);

extern template RunRecord train_layered<float>(const TrainingRequest&, const RunSpec&);
extern template RunRecord train_layered<double>(const TrainingRequest&, const RunSpec&);

}  // namespace fasweep
