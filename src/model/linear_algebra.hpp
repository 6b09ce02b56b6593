// The dense linear algebra that metrics of a snapshot need, so that Eigen, which is slow to compile, stays in one file
// of this module. Matrices are row-major, float64.
#pragma once

#include <span>
#include <vector>

namespace fasweep {

/// c = a b^T. a: m x depth, b: n x depth, c: m x n; m and n follow from the sizes.
void multiply_transposed(std::span<const double> a, std::span<const double> b, int depth, std::span<double> c);

/// c += a b. a: m x depth, b: depth x n, c: m x n.
void add_product(std::span<const double> a, std::span<const double> b, int depth, std::span<double> c);

/// A symmetric matrix that is made as a sum, by its lower triangle.
class SymmetricMatrix {
 public:
  explicit SymmetricMatrix(int size);

  /// Adds scale a^T a, where a is the first `size` columns of `rows`: count x stride.
  void add_gram(std::span<const double> rows, int stride, double scale);

  /// Adds a^T diag(weights) a, of the same a. weights: count, of any sign.
  void add_weighted_gram(std::span<const double> rows, std::span<const double> weights, int stride);

  /// Entry by entry, with a matrix of the same size.
  SymmetricMatrix& operator+=(const SymmetricMatrix& other);
  SymmetricMatrix& operator-=(const SymmetricMatrix& other);
  SymmetricMatrix& operator*=(const SymmetricMatrix& other);

  [[nodiscard]] double trace() const;
  [[nodiscard]] double frobenius_square() const;
  /// y^T A y. y: size.
  [[nodiscard]] double form(std::span<const double> y) const;
  /// The largest eigenvalue by its absolute value, which is the spectral norm.
  [[nodiscard]] double spectral_norm() const;

  /// From the smallest to the largest; NaN throughout if the matrix is not finite.
  [[nodiscard]] std::vector<double> eigenvalues() const;

 private:
  int size_;
  std::vector<double> numbers_;  // size x size
};

}  // namespace fasweep
