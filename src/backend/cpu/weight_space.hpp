// The reference solver: keeps W and beta and takes the steps as the paper writes them, by dense or sparse products.
// 4 n d p flop a step. Precision is `Scalar` throughout; recorded sums are float64.
#pragma once

#include "train/trainer.hpp"

namespace fasweep {

/// Trains a run of request.problem. Scalar: float or double.
template <class Scalar>
[[nodiscard]] RunRecord train_weight_space(const TrainingRequest& request, const RunSpec& run);

extern template RunRecord train_weight_space<float>(const TrainingRequest&, const RunSpec&);
extern template RunRecord train_weight_space<double>(const TrainingRequest&, const RunSpec&);

}  // namespace fasweep
