#include "backend/common/gram.hpp"

#include <algorithm>
#include <type_traits>

namespace fasweep {

GramMatrix::GramMatrix(const Problem& problem) {
  const Eigen::Map<const Eigen::MatrixXd> x(problem.x.data(), problem.inputs, problem.samples + problem.test_samples);
  matrix = x.transpose() * x.leftCols(problem.samples);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix.topRows(problem.samples));
  // Rounding leaves some 1e-16 n of the largest eigenvalue where K is singular; random inputs have no others as small.
  constexpr double negligible = 1e-12;
  const double largest = solver.eigenvalues().tail(1)[0];
  Eigen::Index rank = 0;
  while (rank < problem.samples && solver.eigenvalues()[problem.samples - 1 - rank] > negligible * largest) {
    ++rank;
  }
  eigenvalues = solver.eigenvalues().tail(rank);
  eigenvectors = solver.eigenvectors().rightCols(rank);
}

Eigen::MatrixXd GramMatrix::root() const {
  return eigenvalues.cwiseSqrt().asDiagonal() * eigenvectors.transpose();
}

Eigen::MatrixXd GramMatrix::inverse_root() const {
  return eigenvalues.cwiseSqrt().cwiseInverse().asDiagonal() * eigenvectors.transpose();
}

void GramMatrix::solve(std::span<double> moved) const {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Index samples = matrix.cols();
  Eigen::Map<RowMajor> multipliers(moved.data(), static_cast<Eigen::Index>(moved.size()) / samples, samples);
  const Eigen::MatrixXd coordinates = multipliers * eigenvectors;
  multipliers = coordinates * eigenvalues.cwiseInverse().asDiagonal() * eigenvectors.transpose();
}

template <class Scalar>
void make_pre_activation(const Problem& problem, Eigen::Map<Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>> z) {
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  const Matrix x =
      Eigen::Map<const Eigen::MatrixXd>(problem.x.data(), problem.inputs, z.cols()).template cast<Scalar>();
  constexpr int block_units = 96;  // whose weights stay in second-level cache
  Eigen::MatrixXd weights(problem.inputs, block_units);
  Matrix w;
  for (int first = 0; first < problem.width; first += block_units) {
    const int units = std::min(block_units, problem.width - first);
    problem.fill_hidden_weight(first, std::span(weights.data(), static_cast<std::size_t>(weights.size())));
    if constexpr (std::is_same_v<Scalar, double>) {
      z.middleRows(first, units).noalias() = weights.leftCols(units).transpose() * x;
    } else {
      w = weights.template cast<Scalar>();
      z.middleRows(first, units).noalias() = w.leftCols(units).transpose() * x;
    }
  }
}

template void make_pre_activation(const Problem&, Eigen::Map<Eigen::MatrixXf>);
template void make_pre_activation(const Problem&, Eigen::Map<Eigen::MatrixXd>);

}  // namespace fasweep
