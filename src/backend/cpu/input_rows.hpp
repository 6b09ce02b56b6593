// The inputs of a problem, in the form that multiplies fastest: their non-zeros, or a dense matrix. Batches of rows
// multiply blocks of hidden units, forwards and transposed; blocks of sparse inputs are sized so that what a batch
// reads again and again stays in the first-level cache.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <Eigen/Dense>

#include "backend/cpu/pack.hpp"
#include "model/problem.hpp"

namespace fasweep {

/// Hidden units of a block when inputs are sparse: their sums fill half of the 16 vector registers.
template <class Scalar>
inline constexpr int sparse_block_units = 8 * Pack<Scalar>::lanes;

template <class Scalar>
class InputRows {
 public:
  /// The problem outlives it. Sparse rows are read where they are, dense ones are copied once.
  explicit InputRows(const Problem& problem);

  [[nodiscard]] bool is_sparse() const { return sparse_ != nullptr; }
  [[nodiscard]] int inputs() const { return inputs_; }
  /// Hidden units that a batch multiplies at once.
  [[nodiscard]] int block_units(int width) const { return is_sparse() ? sparse_block_units<Scalar> : width; }
  /// Only one of them exists.
  [[nodiscard]] const Dataset& sparse() const { return *sparse_; }
  [[nodiscard]] const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>& dense() const { return dense_; }
  /// For sparse inputs: the number of groups (SparseFactor), and the number of a row's entries before each group and
  /// before the end.
  [[nodiscard]] int groups() const { return groups_; }
  [[nodiscard]] const std::int32_t* group_begins(int row) const {
    return &group_begins_[static_cast<std::size_t>(row) * (groups_ + 1)];
  }

 private:
  void find_groups();

  int inputs_;
  const Dataset* sparse_ = nullptr;
  int groups_ = 0;
  std::vector<std::int32_t> group_begins_;
  Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> dense_;  // inputs x rows
};

/// A sparse matrix that is added to blocks: out_i += sum_j a_ij in_j, with rows i in order for one group of j's after
/// the other, so that the group's in_j stay in cache. The sums of a row run over increasing j all the same.
template <class Scalar>
struct SparseFactor {
  struct Entry {
    std::int32_t offset;  // of in_j, in numbers
    Scalar value;         // a_ij
  };
  int rows = 0;
  int groups = 0;
  std::vector<std::int64_t> begin;  // [group][row], and the end: where the entries are
  std::vector<Entry> entries;
};

enum class BatchUse { evaluation, training };  // training: transposed products too

template <class Scalar>
class InputBatch {
 public:
  explicit InputBatch(const InputRows<Scalar>& inputs) : inputs_(&inputs) {}

  void load(std::span<const std::int32_t> rows, BatchUse use);
  /// Samples that are none of the rows, where these are dense. x: samples x inputs.
  void take(std::span<const double> x);
  [[nodiscard]] int size() const { return size_; }

  /// z = X W^T of a block. z: [row][unit]; w: [input][unit]; block_units() units, aligned to the vector.
  void multiply(const Scalar* w, int units, Scalar* z) const;

  /// w += X^T signal of a block, loaded for training. signal: [row][unit].
  void add_transposed(const Scalar* signal, int units, Scalar* w) const;

 private:
  void load_dense(std::span<const std::int32_t> rows);
  void load_sparse(std::span<const std::int32_t> rows, BatchUse use);

  const InputRows<Scalar>* inputs_;
  int size_ = 0;
  const Scalar* dense_ = nullptr;  // inputs x size, in the inputs themselves or gathered
  Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic> gathered_;
  SparseFactor<Scalar> forward_;     // rows of the batch from inputs
  SparseFactor<Scalar> transposed_;  // inputs from rows of the batch
};

extern template class InputRows<float>;
extern template class InputRows<double>;
extern template class InputBatch<float>;
extern template class InputBatch<double>;

}  // namespace fasweep
