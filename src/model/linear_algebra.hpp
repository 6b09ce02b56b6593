// The dense linear algebra that metrics of a snapshot need, so that Eigen, which is slow to compile, stays in one file
// of this module. Matrices are row-major, float64.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace fasweep {

/// c = a b^T. a: m x depth, b: n x depth, c: m x n; m and n follow from the sizes.
void multiply_transposed(std::span<const double> a, std::span<const double> b, int depth, std::span<double> c);

/// c += a b. a: m x depth, b: depth x n, c: m x n.
void add_product(std::span<const double> a, std::span<const double> b, int depth, std::span<double> c);

/// The Euclidean norm.
[[nodiscard]] double norm(std::span<const double> numbers);

/// A symmetric matrix that is made as a sum, by its lower triangle.
class SymmetricMatrix {
 public:
  explicit SymmetricMatrix(int size);

  [[nodiscard]] int size() const { return size_; }
  /// Row i, column j, in any order.
  [[nodiscard]] double at(int i, int j) const { return numbers_[place(i, j)]; }
  void set(int i, int j, double number) { numbers_[place(i, j)] = number; }

  /// Adds scale a^T a, where a is the first `size` columns of `rows`: count x stride.
  void add_gram(std::span<const double> rows, int stride, double scale);

  /// Adds a^T diag(weights) a, of the same a. weights: count, of any sign.
  void add_weighted_gram(std::span<const double> rows, std::span<const double> weights, int stride);

  /// Entry by entry, with a matrix of the same size.
  SymmetricMatrix& operator+=(const SymmetricMatrix& other);
  SymmetricMatrix& operator-=(const SymmetricMatrix& other);
  SymmetricMatrix& operator*=(const SymmetricMatrix& other);
  SymmetricMatrix& operator*=(double factor);

  [[nodiscard]] double trace() const;
  [[nodiscard]] double frobenius_square() const;
  /// A y. y: size.
  [[nodiscard]] std::vector<double> product(std::span<const double> y) const;
  /// y^T A y. y: size.
  [[nodiscard]] double form(std::span<const double> y) const;
  /// The largest eigenvalue by its absolute value, which is the spectral norm.
  [[nodiscard]] double spectral_norm() const;

  /// From the smallest to the largest; NaN throughout if the matrix is not finite.
  [[nodiscard]] std::vector<double> eigenvalues() const;

 private:
  [[nodiscard]] std::size_t place(int i, int j) const {
    return static_cast<std::size_t>(std::max(i, j)) * static_cast<std::size_t>(size_) +
           static_cast<std::size_t>(std::min(i, j));
  }

  int size_;
  std::vector<double> numbers_;  // size x size
};

}  // namespace fasweep
