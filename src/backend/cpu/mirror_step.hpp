// The step of feedback weights that mirror the forward weights beside them (model/mirror.hpp).
#pragma once

#include <cstdint>
#include <vector>

#include <Eigen/Dense>

#include "model/mirror.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// Of weights that send from hidden layer `layer` to its outputs: width x outputs both; b may be a part of a matrix.
template <class Weights, class Feedback>
void mirror_step(const Problem& problem, const TrainingSettings& training, int layer, std::int64_t step,
                 const Weights& w, Feedback&& b) {
  using Scalar = typename Weights::Scalar;
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  const std::vector<double> drawn = noise_of_step(problem, training, layer, step);
  const Matrix noise =
      Eigen::Map<const Eigen::MatrixXd>(drawn.data(), problem.width, training.mirror_samples).template cast<Scalar>();
  const Matrix answers = noise.transpose() * w;
  b *= static_cast<Scalar>(1 - training.mirror_step_size * training.mirror_decay);
  b += static_cast<Scalar>(training.mirror_step_size / training.mirror_samples) * noise * answers;
}

}  // namespace fasweep
