#include "model/linear_algebra.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include <Eigen/Dense>

namespace fasweep {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::Map<const RowMajor> matrix(std::span<const double> numbers, Eigen::Index columns) {
  return {numbers.data(), static_cast<Eigen::Index>(numbers.size()) / columns, columns};
}

}  // namespace

void multiply_transposed(std::span<const double> a, std::span<const double> b, int depth, std::span<double> c) {
  const auto left = matrix(a, depth);
  const auto right = matrix(b, depth);
  Eigen::Map<RowMajor>(c.data(), left.rows(), right.rows()).noalias() = left * right.transpose();
}

void add_product(std::span<const double> a, std::span<const double> b, int depth, std::span<double> c) {
  const auto left = matrix(a, depth);
  const auto right = matrix(b, static_cast<Eigen::Index>(b.size()) / depth);
  Eigen::Map<RowMajor>(c.data(), left.rows(), right.cols()).noalias() += left * right;
}

// Sums over vectors run in order: Eigen's depend on where the vectors lie in memory, which bits of results must not.

double norm(std::span<const double> numbers) {
  return std::sqrt(std::inner_product(numbers.begin(), numbers.end(), numbers.begin(), 0.0));
}

SymmetricMatrix::SymmetricMatrix(int size)
    : size_(size), numbers_(static_cast<std::size_t>(size) * static_cast<std::size_t>(size)) {}

void SymmetricMatrix::add_gram(std::span<const double> rows, int stride, double scale) {
  const auto a = matrix(rows, stride).leftCols(size_);
  Eigen::Map<RowMajor> sum(numbers_.data(), size_, size_);
  sum.selfadjointView<Eigen::Lower>().rankUpdate(a.transpose(), scale);
}

void SymmetricMatrix::add_weighted_gram(std::span<const double> rows, std::span<const double> weights, int stride) {
  const auto a = matrix(rows, stride).leftCols(size_);
  const Eigen::Map<const Eigen::VectorXd> w(weights.data(), static_cast<Eigen::Index>(weights.size()));
  Eigen::Map<RowMajor> sum(numbers_.data(), size_, size_);
  sum.triangularView<Eigen::Lower>() += a.transpose() * (w.asDiagonal() * a);
}

SymmetricMatrix& SymmetricMatrix::operator+=(const SymmetricMatrix& other) {
  std::ranges::transform(numbers_, other.numbers_, numbers_.begin(), std::plus<>());
  return *this;
}

SymmetricMatrix& SymmetricMatrix::operator-=(const SymmetricMatrix& other) {
  std::ranges::transform(numbers_, other.numbers_, numbers_.begin(), std::minus<>());
  return *this;
}

SymmetricMatrix& SymmetricMatrix::operator*=(const SymmetricMatrix& other) {
  std::ranges::transform(numbers_, other.numbers_, numbers_.begin(), std::multiplies<>());
  return *this;
}

SymmetricMatrix& SymmetricMatrix::operator*=(double factor) {
  for (double& number : numbers_) {
    number *= factor;
  }
  return *this;
}

double SymmetricMatrix::trace() const {
  return matrix(numbers_, size_).trace();
}

double SymmetricMatrix::frobenius_square() const {
  const auto whole = matrix(numbers_, size_);
  const double diagonal = whole.diagonal().squaredNorm();
  const RowMajor below = whole.triangularView<Eigen::StrictlyLower>();
  return diagonal + 2 * below.squaredNorm();
}

std::vector<double> SymmetricMatrix::product(std::span<const double> y) const {
  const auto size = static_cast<std::size_t>(size_);
  std::vector<double> result(size, 0.0);
  for (std::size_t i = 0; i < size; ++i) {
    const double* row = &numbers_[i * size];
    for (std::size_t j = 0; j < i; ++j) {
      result[i] += row[j] * y[j];
      result[j] += row[j] * y[i];
    }
    result[i] += row[i] * y[i];
  }
  return result;
}

double SymmetricMatrix::form(std::span<const double> y) const {
  const std::vector<double> product_with_y = product(y);
  return std::inner_product(y.begin(), y.end(), product_with_y.begin(), 0.0);
}

double SymmetricMatrix::spectral_norm() const {
  const std::vector<double> values = eigenvalues();
  return std::max(std::abs(values.front()), std::abs(values.back()));
}

std::vector<double> SymmetricMatrix::eigenvalues() const {
  std::vector<double> values(static_cast<std::size_t>(size_), std::numeric_limits<double>::quiet_NaN());
  if (!std::all_of(numbers_.begin(), numbers_.end(), [](double number) { return std::isfinite(number); })) {
    return values;
  }
  const Eigen::Map<const RowMajor> sum(numbers_.data(), size_, size_);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(sum, Eigen::EigenvaluesOnly);  // reads the lower triangle
  if (solver.info() == Eigen::Success) {
    Eigen::Map<Eigen::VectorXd>(values.data(), size_) = solver.eigenvalues();
  }
  return values;
}

}  // namespace fasweep
