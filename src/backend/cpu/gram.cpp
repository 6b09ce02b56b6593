#include "backend/cpu/gram.hpp"

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

}  // namespace fasweep
