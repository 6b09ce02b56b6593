// The weights of a network of several hidden layers (model/layers.hpp), and what it makes of any samples. Copies can be
// evaluated while the original keeps training.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <Eigen/Dense>

#include "backend/cpu/blocked_network.hpp"
#include "backend/cpu/input_rows.hpp"
#include "backend/cpu/network_state.hpp"
#include "backend/cpu/output_layer.hpp"
#include "model/activation/list.hpp"
#include "model/layers.hpp"
#include "model/problem.hpp"
#include "model/run_spec.hpp"
#include "util/bytes.hpp"

namespace fasweep {

/// fill(first, rows) for all of a matrix, some rows at a time; take(first, rows) gets them, row-major.
template <class Fill, class Take>
void for_row_blocks(int rows, int columns, Fill fill, Take take) {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  constexpr int most = 64;  // even, as streams of random numbers are read
  RowMajor block(std::min(most, rows), columns);
  for (int first = 0; first < rows; first += most) {
    const int count = std::min(most, rows - first);
    fill(first, std::span(block.data(), static_cast<std::size_t>(count) * static_cast<std::size_t>(columns)));
    take(first, block.topRows(count));
  }
}

/// Units x samples throughout. Layer 1, the output weights and the outputs' biases are those of a BlockedNetwork, which
/// multiplies sparse inputs.
template <class Scalar>
class LayeredNetwork {
 public:
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  /// As it is at step 0. psi: position in Activations. All arguments outlive the network and its copies.
  LayeredNetwork(const Problem& problem, const TrainingSettings& training, int psi, const InputRows<Scalar>& inputs)
      : width_(problem.width), biases_(training.biases), psi_(psi), ends_(problem, training, psi, inputs) {
    for (int layer = 2; layer <= training.depth; ++layer) {
      Matrix& w = weight_.emplace_back(width_, width_);
      for_row_blocks(width_, width_, inner_weight(problem, training, layer), [&](int first, const auto& rows) {
        w.middleRows(first, rows.rows()) = rows.template cast<Scalar>();
      });
      const std::vector<double> bias = inner_bias(problem, training, layer);
      bias_.emplace_back(Eigen::Map<const Eigen::VectorXd>(bias.data(), width_).template cast<Scalar>());
    }
  }

  [[nodiscard]] int depth() const { return static_cast<int>(weight_.size()) + 1; }
  [[nodiscard]] BlockedNetwork<Scalar>& ends() { return ends_; }
  [[nodiscard]] const BlockedNetwork<Scalar>& ends() const { return ends_; }
  /// s.
  [[nodiscard]] double scale() const { return ends_.output_scale(); }
  /// W_layer and its biases, layer >= 2.
  [[nodiscard]] Matrix& weight(int layer) { return weight_[static_cast<std::size_t>(layer - 2)]; }
  [[nodiscard]] const Matrix& weight(int layer) const { return weight_[static_cast<std::size_t>(layer - 2)]; }
  [[nodiscard]] Vector& bias(int layer) { return bias_[static_cast<std::size_t>(layer - 2)]; }
  [[nodiscard]] const Vector& bias(int layer) const { return bias_[static_cast<std::size_t>(layer - 2)]; }
  /// beta: width x outputs.
  [[nodiscard]] auto output_weight() const { return ends_.output_weight().topRows(width_); }

  /// Z_1 and H_1 of a batch.
  void activate_first(const InputBatch<Scalar>& batch, Matrix& z, Matrix& h) const {
    const int units = ends_.units();
    z.resize(width_, batch.size());
    h.resize(width_, batch.size());
    if (ends_.padded_width() == width_ && ends_.blocks() == 1) {
      ends_.activate(0, batch, h.data(), z.data());
      return;
    }
    AlignedNumbers<Scalar> block_z(static_cast<std::size_t>(units) * batch.size());
    AlignedNumbers<Scalar> block_h(block_z.size());
    for (int block = 0; block < ends_.blocks(); ++block) {
      const int real = ends_.real_units(block);
      ends_.activate(block, batch, block_h.data(), block_z.data());
      z.middleRows(block * units, real) = Eigen::Map<const Matrix>(block_z.data(), units, batch.size()).topRows(real);
      h.middleRows(block * units, real) = Eigen::Map<const Matrix>(block_h.data(), units, batch.size()).topRows(real);
    }
  }

  /// Z_layer and H_layer of a layer >= 2. below: H_{layer-1}, as the layer sees it.
  void activate(int layer, const Matrix& below, Matrix& z, Matrix& h) const {
    z.noalias() = static_cast<Scalar>(scale()) * weight(layer) * below;
    if (biases_) {
      z.colwise() += bias_[static_cast<std::size_t>(layer - 2)];
    }
    h.resize(z.rows(), z.cols());
    Activations::visit(psi_, [&](auto type) {
      for (Eigen::Index i = 0; i < z.size(); ++i) {
        h.data()[i] = decltype(type)::type::value(z.data()[i]);
      }
    });
  }

  /// Sums over `count` rows from `first` on, without dropout.
  [[nodiscard]] OutputSums evaluate(int first, int count) const {
    Matrix z;
    Matrix h;
    Matrix below;
    return ends_.evaluate(first, count, [&](const InputBatch<Scalar>& batch) -> Matrix {
      activate_first(batch, z, h);
      for (int layer = 2; layer <= depth(); ++layer) {
        below.swap(h);
        activate(layer, below, z, h);
      }
      return output_weight().transpose() * h;
    });
  }

  void save(ByteWriter& out) const {
    ends_.save(out);
    for (const Matrix& w : weight_) {
      out.put_array(numbers(w));
    }
    for (const Vector& bias : bias_) {
      out.put_array(numbers(bias));
    }
  }
  void restore(ByteReader& in) {
    ends_.restore(in);
    for (Matrix& w : weight_) {
      get_finite(in, numbers(w));
    }
    for (Vector& bias : bias_) {
      get_finite(in, numbers(bias));
    }
  }

  /// All numbers of a matrix.
  template <class Dense>
  [[nodiscard]] static auto numbers(Dense& dense) {
    return std::span(dense.data(), static_cast<std::size_t>(dense.size()));
  }

 private:
  int width_;
  bool biases_;
  int psi_;
  BlockedNetwork<Scalar> ends_;
  std::vector<Matrix> weight_;  // W_2, ...: units x units of the layer below
  std::vector<Vector> bias_;
};

}  // namespace fasweep
