// The Gram matrix K = X X^T of a problem's inputs and its roots, in float64.
#pragma once

#include <Eigen/Dense>

#include "model/problem.hpp"

namespace fasweep {

struct GramMatrix {
  explicit GramMatrix(const Problem& problem);

  /// R with R^T R = K over the training samples: rank(K) x samples, so that ||R a|| = ||X^T a||.
  [[nodiscard]] Eigen::MatrixXd root() const;

  /// Q with Q^T Q the pseudo-inverse of K: rank(K) x samples, so that ||Q K a|| = ||X^T a||.
  [[nodiscard]] Eigen::MatrixXd inverse_root() const;

  Eigen::MatrixXd matrix;        // K: (samples + test samples) x samples
  Eigen::VectorXd eigenvalues;   // of K over the training samples that are not zero but for rounding
  Eigen::MatrixXd eigenvectors;  // their eigenvectors, samples x rank
};

}  // namespace fasweep
