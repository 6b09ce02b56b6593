#include "backend/cpu/input_rows.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

namespace fasweep {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

/// Rows of a block that fill three quarters of a first-level cache of 32 KiB.
template <class Scalar>
constexpr int group_rows = 24 * 1024 / (sparse_block_units<Scalar> * static_cast<int>(sizeof(Scalar)));

constexpr int divide_up(int a, int b) {
  return (a + b - 1) / b;
}

/// Inputs x rows of a data set, normalised.
template <class Scalar>
Matrix<Scalar> expand(const Dataset& dataset) {
  const Eigen::Map<const Eigen::VectorXd> shift(dataset.shift.data(), dataset.inputs);
  Matrix<Scalar> x = (-shift).template cast<Scalar>().replicate(1, dataset.samples + dataset.test_samples);
  for (Eigen::Index i = 0; i < x.cols(); ++i) {
    const auto row = static_cast<std::size_t>(i);
    for (auto at = static_cast<std::size_t>(dataset.row_begin[row]);
         at < static_cast<std::size_t>(dataset.row_begin[row + 1]); ++at) {
      const auto j = static_cast<std::size_t>(dataset.column[at]);
      x(dataset.column[at], i) = static_cast<Scalar>(dataset.raw[at] * dataset.scale[j] - dataset.shift[j]);
    }
  }
  return x;
}

/// An empty factor whose row i of group g has counts[g * rows + i] entries; counts become where each row begins.
template <class Scalar>
void make_room(int rows, std::vector<std::int64_t>& counts, SparseFactor<Scalar>& factor) {
  factor.rows = rows;
  factor.groups = static_cast<int>(counts.size()) / rows;
  factor.begin.resize(counts.size() + 1);
  factor.begin[0] = 0;
  std::inclusive_scan(counts.begin(), counts.end(), factor.begin.begin() + 1);
  std::copy(factor.begin.begin(), factor.begin.end() - 1, counts.begin());
  factor.entries.resize(static_cast<std::size_t>(factor.begin.back()));
}

/// out_i += sum_j a_ij in_j; see SparseFactor.
template <class Scalar>
void add_product(const SparseFactor<Scalar>& factor, const Scalar* in, Scalar* out) {
  using P = Pack<Scalar>;
  constexpr int vectors = sparse_block_units<Scalar> / P::lanes;
  const std::int64_t* begin = factor.begin.data();
  for (int group = 0; group < factor.groups; ++group) {
    for (int row = 0; row < factor.rows; ++row, ++begin) {
      if (begin[0] == begin[1]) {
        continue;
      }
      Scalar* target = out + static_cast<std::ptrdiff_t>(row) * sparse_block_units<Scalar>;
      std::array<P, vectors> sum;
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) {
        sum[static_cast<std::size_t>(v)] = P::load(target + v * P::lanes);
      }
      const auto* end = factor.entries.data() + begin[1];
      for (const auto* entry = factor.entries.data() + begin[0]; entry < end; ++entry) {
        const P value = P::broadcast(entry->value);
        const Scalar* source = in + entry->offset;
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) {
          P& s = sum[static_cast<std::size_t>(v)];
          s = multiply_add(value, P::load(source + v * P::lanes), s);
        }
      }
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) {
        sum[static_cast<std::size_t>(v)].store(target + v * P::lanes);
      }
    }
  }
}

template <class Scalar>
using Block = Eigen::Map<Matrix<Scalar>>;
template <class Scalar>
using ConstBlock = Eigen::Map<const Matrix<Scalar>>;

}  // namespace

template <class Scalar>
InputRows<Scalar>::InputRows(const Problem& problem) : inputs_(problem.inputs) {
  if (problem.dataset == nullptr) {
    const int rows = problem.samples + problem.test_samples;
    dense_ = Eigen::Map<const Eigen::MatrixXd>(problem.x.data(), problem.inputs, rows).template cast<Scalar>();
  } else if (density(*problem.dataset) < sparse_density) {
    sparse_ = problem.dataset;
  } else {
    dense_ = expand<Scalar>(*problem.dataset);
  }
}

template <class Scalar>
void InputBatch<Scalar>::load(std::span<const std::int32_t> rows, BatchUse use) {
  size_ = static_cast<int>(rows.size());
  if (inputs_->is_sparse()) {
    load_sparse(rows, use);
  } else {
    load_dense(rows);
  }
}

/// Rows in their own order are used where they are.
template <class Scalar>
void InputBatch<Scalar>::load_dense(std::span<const std::int32_t> rows) {
  const Matrix<Scalar>& x = inputs_->dense();
  if (rows.back() - rows.front() == size_ - 1 && std::is_sorted(rows.begin(), rows.end())) {
    dense_ = x.col(rows.front()).data();
    return;
  }
  gathered_.resize(x.rows(), size_);
  for (int i = 0; i < size_; ++i) {
    gathered_.col(i) = x.col(rows[static_cast<std::size_t>(i)]);
  }
  dense_ = gathered_.data();
}

template <class Scalar>
void InputBatch<Scalar>::load_sparse(std::span<const std::int32_t> rows, BatchUse use) {
  const Dataset& data = inputs_->sparse();
  constexpr int group = group_rows<Scalar>;
  const auto for_entries = [&](auto visit) {
    for (int i = 0; i < size_; ++i) {
      const auto row = static_cast<std::size_t>(rows[static_cast<std::size_t>(i)]);
      for (auto at = data.row_begin[row]; at < data.row_begin[row + 1]; ++at) {
        const int j = data.column[static_cast<std::size_t>(at)];
        visit(at, static_cast<std::size_t>(j / group * size_ + i),
              static_cast<std::size_t>(i / group * data.inputs + j), i, j);
      }
    }
  };
  std::vector<std::int64_t> forward_at(static_cast<std::size_t>(divide_up(data.inputs, group) * size_), 0);
  std::vector<std::int64_t> transposed_at(static_cast<std::size_t>(divide_up(size_, group) * data.inputs), 0);
  for_entries([&](auto, std::size_t forward, std::size_t transposed, int, int) {
    ++forward_at[forward];
    ++transposed_at[transposed];
  });
  make_room(size_, forward_at, forward_);
  make_room(data.inputs, transposed_at, transposed_);
  for_entries([&](auto at, std::size_t forward, std::size_t transposed, int i, int j) {
    const auto value =
        static_cast<Scalar>(data.raw[static_cast<std::size_t>(at)] * data.scale[static_cast<std::size_t>(j)]);
    forward_.entries[static_cast<std::size_t>(forward_at[forward]++)] = {j * sparse_block_units<Scalar>, value};
    if (use == BatchUse::training) {
      transposed_.entries[static_cast<std::size_t>(transposed_at[transposed]++)] = {i * sparse_block_units<Scalar>,
                                                                                    value};
    }
  });
}

template <class Scalar>
void InputBatch<Scalar>::multiply(const Scalar* w, int units, Scalar* z) const {
  const int inputs = inputs_->inputs();
  if (!inputs_->is_sparse()) {
    Block<Scalar>(z, units, size_).noalias() =
        ConstBlock<Scalar>(w, units, inputs) * ConstBlock<Scalar>(dense_, inputs, size_);
    return;
  }
  std::array<Scalar, static_cast<std::size_t>(sparse_block_units<Scalar>)> start{};  // -W shift
  for (int j = 0; j < inputs; ++j) {
    const auto shift = static_cast<Scalar>(inputs_->sparse().shift[static_cast<std::size_t>(j)]);
    for (int u = 0; u < sparse_block_units<Scalar>; ++u) {
      start[static_cast<std::size_t>(u)] -= shift * w[j * sparse_block_units<Scalar> + u];
    }
  }
  for (int i = 0; i < size_; ++i) {
    std::copy(start.begin(), start.end(), z + static_cast<std::ptrdiff_t>(i) * units);
  }
  add_product(forward_, w, z);
}

template <class Scalar>
void InputBatch<Scalar>::add_transposed(const Scalar* signal, int units, Scalar* w) const {
  const int inputs = inputs_->inputs();
  if (!inputs_->is_sparse()) {
    Block<Scalar>(w, units, inputs).noalias() +=
        ConstBlock<Scalar>(signal, units, size_) * ConstBlock<Scalar>(dense_, inputs, size_).transpose();
    return;
  }
  std::array<Scalar, static_cast<std::size_t>(sparse_block_units<Scalar>)> sum{};  // of the rows
  for (int i = 0; i < size_; ++i) {
    for (int u = 0; u < sparse_block_units<Scalar>; ++u) {
      sum[static_cast<std::size_t>(u)] += signal[i * sparse_block_units<Scalar> + u];
    }
  }
  for (int j = 0; j < inputs; ++j) {
    const auto shift = static_cast<Scalar>(inputs_->sparse().shift[static_cast<std::size_t>(j)]);
    for (int u = 0; u < sparse_block_units<Scalar>; ++u) {
      w[j * sparse_block_units<Scalar> + u] -= shift * sum[static_cast<std::size_t>(u)];
    }
  }
  add_product(transposed_, signal, w);
}

template class InputRows<float>;
template class InputRows<double>;
template class InputBatch<float>;
template class InputBatch<double>;

}  // namespace fasweep
