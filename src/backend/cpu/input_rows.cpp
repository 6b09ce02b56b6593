#include "backend/cpu/input_rows.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

#include <unistd.h>

namespace fasweep {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

/// Rows of a block that fill three quarters of the first-level cache. They decide how fast products are, not their
/// bits.
template <class Scalar>
int group_rows() {
  static const long cache = std::max(sysconf(_SC_LEVEL1_DCACHE_SIZE), 32 * 1024L);  // not all systems know
  constexpr int row_bytes = sparse_block_units<Scalar> * static_cast<int>(sizeof(Scalar));
  return static_cast<int>(cache / 4 * 3 / row_bytes);
}

constexpr int divide_up(int a, int b) {
  return (a + b - 1) / b;
}

/// Inputs x rows of a data set, normalised.
template <class Scalar>
Matrix<Scalar> expand(const Dataset& dataset) {
  Matrix<Scalar> x(dataset.inputs, dataset.samples + dataset.test_samples);
  for (Eigen::Index i = 0; i < x.cols(); ++i) {
    dataset.expand_row(i, x.col(i).data());
  }
  return x;
}

/// Asks for what will be read soon: rows of a batch are anywhere in memory.
template <class T>
void prefetch(const T* first, std::int64_t count) {
  constexpr int line_bytes = 64;
  for (const auto* at = reinterpret_cast<const char*>(first); at < reinterpret_cast<const char*>(first + count);
       at += line_bytes) {
    __builtin_prefetch(at);
  }
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

/// out_i = start_i + sum_j a_ij in_j; see SparseFactor. start(i, u): the vector of start_i from unit u on.
template <class Scalar, class Start>
void add_product(const SparseFactor<Scalar>& factor, const Scalar* in, Start start, Scalar* out) {
  using P = Pack<Scalar>;
  constexpr int vectors = sparse_block_units<Scalar> / P::lanes;
  const std::int64_t* begin = factor.begin.data();
  for (int group = 0; group < factor.groups; ++group) {
    for (int row = 0; row < factor.rows; ++row, ++begin) {
      if (group > 0 && begin[0] == begin[1]) {
        continue;
      }
      Scalar* target = out + static_cast<std::ptrdiff_t>(row) * sparse_block_units<Scalar>;
      std::array<P, vectors> sum;
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) {
        sum[static_cast<std::size_t>(v)] = group == 0 ? start(row, v * P::lanes) : P::load(target + v * P::lanes);
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
    find_groups();
  } else {
    dense_ = expand<Scalar>(*problem.dataset);
  }
}

/// Columns of a row rise, so that its entries of one group are a run.
template <class Scalar>
void InputRows<Scalar>::find_groups() {
  const int group = group_rows<Scalar>();
  groups_ = divide_up(inputs_, group);
  const std::size_t rows = sparse_->row_begin.size() - 1;
  group_begins_.reserve(rows * static_cast<std::size_t>(groups_ + 1));
  for (std::size_t row = 0; row < rows; ++row) {
    const std::int32_t* const first = sparse_->column.data() + sparse_->row_begin[row];
    const std::int32_t* const end = first + (sparse_->row_begin[row + 1] - sparse_->row_begin[row]);
    const std::int32_t* at = first;
    for (int g = 0; g <= groups_; ++g) {
      at = std::find_if(at, end, [&](std::int32_t column) { return column >= g * group; });
      group_begins_.push_back(static_cast<std::int32_t>(at - first));
    }
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

template <class Scalar>
void InputBatch<Scalar>::take(std::span<const double> x) {
  const Eigen::Index inputs = inputs_->inputs();
  size_ = static_cast<int>(static_cast<Eigen::Index>(x.size()) / inputs);
  gathered_ = Eigen::Map<const Eigen::MatrixXd>(x.data(), inputs, size_).template cast<Scalar>();
  dense_ = gathered_.data();
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
  // Local copies: the compiler cannot know that storing entries leaves the members alone.
  const InputRows<Scalar>& inputs = *inputs_;
  const Dataset& data = inputs.sparse();
  const double* const scale = data.scale.data();
  const int size = size_;
  const int groups = inputs.groups();
  const int group = group_rows<Scalar>();
  const auto first_of = [&](int i) {
    return data.row_begin[static_cast<std::size_t>(rows[static_cast<std::size_t>(i)])];
  };
  const auto begins_of = [&](int i) { return inputs.group_begins(rows[static_cast<std::size_t>(i)]); };

  std::vector<std::int64_t> forward_at(static_cast<std::size_t>(groups) * static_cast<std::size_t>(size));
  std::vector<std::int64_t> transposed_at(static_cast<std::size_t>(divide_up(size, group)) * data.inputs, 0);
  for (int i = 0; i < size; ++i) {
    const std::int32_t* const begins = begins_of(i);
    for (int g = 0; g < groups; ++g) {
      forward_at[static_cast<std::size_t>(g * size + i)] = begins[g + 1] - begins[g];
    }
    if (i + 1 < size) {
      prefetch(data.column.data() + first_of(i + 1), begins_of(i + 1)[groups]);
    }
    const std::int32_t* const column = data.column.data() + first_of(i);
    std::int64_t* const counts = &transposed_at[static_cast<std::size_t>(i / group) * data.inputs];
    for (int k = 0; k < begins[groups]; ++k) {
      ++counts[column[k]];
    }
  }
  make_room(size, forward_at, forward_);
  make_room(data.inputs, transposed_at, transposed_);
  for (int i = 0; i < size; ++i) {
    if (i + 1 < size) {
      prefetch(data.raw.data() + first_of(i + 1), begins_of(i + 1)[groups]);
    }
    const std::int32_t* const begins = begins_of(i);
    const std::int32_t* const column = data.column.data() + first_of(i);
    const double* const raw = data.raw.data() + first_of(i);
    const auto value = [&](int k) { return static_cast<Scalar>(raw[k] * scale[column[k]]); };
    for (int g = 0; g < groups; ++g) {
      auto* entry = forward_.entries.data() + forward_at[static_cast<std::size_t>(g * size + i)];
      for (int k = begins[g]; k < begins[g + 1]; ++k) {
        *entry++ = {column[k] * sparse_block_units<Scalar>, value(k)};
      }
    }
    if (use == BatchUse::training) {
      std::int64_t* const places = &transposed_at[static_cast<std::size_t>(i / group) * data.inputs];
      auto* const entries = transposed_.entries.data();
      for (int k = 0; k < begins[groups]; ++k) {
        entries[places[column[k]]++] = {i * sparse_block_units<Scalar>, value(k)};
      }
    }
  }
}

template <class Scalar>
void InputBatch<Scalar>::multiply(const Scalar* w, int units, Scalar* z) const {
  const int inputs = inputs_->inputs();
  if (!inputs_->is_sparse()) {
    Block<Scalar>(z, units, size_).noalias() =
        ConstBlock<Scalar>(w, units, inputs) * ConstBlock<Scalar>(dense_, inputs, size_);
    return;
  }
  alignas(64) std::array<Scalar, static_cast<std::size_t>(sparse_block_units<Scalar>)> start{};  // -W shift
  for (int j = 0; j < inputs; ++j) {
    const auto shift = static_cast<Scalar>(inputs_->sparse().shift[static_cast<std::size_t>(j)]);
    for (int u = 0; u < sparse_block_units<Scalar>; ++u) {
      start[static_cast<std::size_t>(u)] -= shift * w[j * sparse_block_units<Scalar> + u];
    }
  }
  add_product(
      forward_, w, [&](int, int u) { return Pack<Scalar>::load(&start[static_cast<std::size_t>(u)]); }, z);
}

template <class Scalar>
void InputBatch<Scalar>::add_transposed(const Scalar* signal, int units, Scalar* w) const {
  const int inputs = inputs_->inputs();
  if (!inputs_->is_sparse()) {
    Block<Scalar>(w, units, inputs).noalias() +=
        ConstBlock<Scalar>(signal, units, size_) * ConstBlock<Scalar>(dense_, inputs, size_).transpose();
    return;
  }
  alignas(64) std::array<Scalar, static_cast<std::size_t>(sparse_block_units<Scalar>)> sum{};  // of the rows
  for (int i = 0; i < size_; ++i) {
    for (int u = 0; u < sparse_block_units<Scalar>; ++u) {
      sum[static_cast<std::size_t>(u)] += signal[i * sparse_block_units<Scalar> + u];
    }
  }
  const double* const shift = inputs_->sparse().shift.data();
  const auto shifted = [&](int j, int u) {
    using P = Pack<Scalar>;
    return multiply_add(P::broadcast(static_cast<Scalar>(-shift[j])), P::load(&sum[static_cast<std::size_t>(u)]),
                        P::load(w + static_cast<std::ptrdiff_t>(j) * sparse_block_units<Scalar> + u));
  };
  add_product(transposed_, signal, shifted, w);
}

template class InputRows<float>;
template class InputRows<double>;
template class InputBatch<float>;
template class InputBatch<double>;

}  // namespace fasweep
