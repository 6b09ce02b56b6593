// What training without W starts from: the Gram matrix K = X X^T of a problem's inputs and its roots, in float64, and
// Z(0) = X W(0)^T.
#pragma once

#include <span>

#include <Eigen/Dense>

#include "model/problem.hpp"

namespace fasweep {

struct GramMatrix {
  explicit GramMatrix(const Problem& problem);

  /// R with R^T R = K over the training samples: rank(K) x samples, so that ||R a|| = ||X^T a||.
  [[nodiscard]] Eigen::MatrixXd root() const;

  /// Q with Q^T Q the pseudo-inverse of K: rank(K) x samples, so that ||Q K a|| = ||X^T a||.
  [[nodiscard]] Eigen::MatrixXd inverse_root() const;

  /// The rows of `moved`, units x samples row-major, which are K a_r, become a_r up to what K maps to 0: where z_r(t) -
  /// z_r(0) moved so, w_r(t) - w_r(0) = a_r^T X (NetworkReader).
  void solve(std::span<double> moved) const;

  Eigen::MatrixXd matrix;        // K: (samples + test samples) x samples
  Eigen::VectorXd eigenvalues;   // of K over the training samples that are not zero but for rounding
  Eigen::MatrixXd eigenvectors;  // their eigenvectors, samples x rank
};

/// Z(0), multiplied in `Scalar`. z: width x (samples + test samples).
template <class Scalar>
void make_pre_activation(const Problem& problem, Eigen::Map<Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>> z);

extern template void make_pre_activation(const Problem&, Eigen::Map<Eigen::MatrixXf>);
extern template void make_pre_activation(const Problem&, Eigen::Map<Eigen::MatrixXd>);

}  // namespace fasweep
