// The weights of a network in blocks of hidden units, and what the network makes of any samples. Copies are cheap
// compared to a pass over many samples, so that a copy can be evaluated while the original keeps training.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include <Eigen/Dense>

#include "backend/cpu/input_rows.hpp"
#include "backend/cpu/network_state.hpp"
#include "backend/cpu/output_layer.hpp"
#include "model/activation/list.hpp"
#include "model/problem.hpp"
#include "model/run_spec.hpp"
#include "model/step_samples.hpp"
#include "util/bytes.hpp"

namespace fasweep {

/// Blocks have as many units as the inputs multiply at once: W is [block][input][unit], Z and H are
/// [block][sample][unit]. Units that fill the last block have weights 0 throughout and no part in anything. The
/// activation is looked up a block at a time, so that products are compiled once per precision.
template <class Scalar>
class BlockedNetwork {
 public:
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  /// As it is at step 0. psi: position in Activations. All arguments outlive the network and its copies.
  BlockedNetwork(const Problem& problem, const TrainingSettings& training, int psi, const InputRows<Scalar>& inputs)
      : problem_(&problem),
        training_(&training),
        inputs_(&inputs),
        psi_(psi),
        units_(inputs.block_units(problem.width)),
        blocks_((problem.width + units_ - 1) / units_),
        output_scale_(fasweep::output_scale(training.output_scale, problem.width)),
        hidden_weight_(static_cast<std::size_t>(blocks_) * block_weights()),
        output_weight_(padded(problem.output_weight)),
        hidden_bias_(Vector::Zero(padded_width())),
        output_bias_(Vector::Zero(problem.outputs)) {
    copy_start(problem.hidden_bias, hidden_bias_);
    copy_start(problem.output_bias, output_bias_);
    for_hidden_weights([&](std::size_t at, double start) { hidden_weight_[at] = static_cast<Scalar>(start); },
                       [](int) {});
  }

  [[nodiscard]] int units() const { return units_; }  // of a block
  [[nodiscard]] int blocks() const { return blocks_; }
  [[nodiscard]] int padded_width() const { return blocks_ * units_; }
  [[nodiscard]] int real_units(int block) const { return std::min(units_, problem_->width - block * units_); }
  [[nodiscard]] std::size_t block_weights() const { return static_cast<std::size_t>(units_) * problem_->inputs; }
  /// 1, or 1/sqrt(p): f = output_scale beta^T h + bias.
  [[nodiscard]] double output_scale() const { return output_scale_; }

  /// [input][unit] of a block.
  [[nodiscard]] Scalar* hidden_weight(int block) { return &hidden_weight_[block * block_weights()]; }
  [[nodiscard]] const Scalar* hidden_weight(int block) const { return &hidden_weight_[block * block_weights()]; }
  [[nodiscard]] const AlignedNumbers<Scalar>& hidden_weights() const { return hidden_weight_; }
  /// beta, padded width x outputs.
  [[nodiscard]] Matrix& output_weight() { return output_weight_; }
  [[nodiscard]] const Matrix& output_weight() const { return output_weight_; }
  /// beta of a block, units x outputs.
  [[nodiscard]] auto output_weight(int block) const { return output_weight_.middleRows(block * units_, units_); }
  [[nodiscard]] Vector& hidden_bias() { return hidden_bias_; }  // padded width
  [[nodiscard]] Vector& output_bias() { return output_bias_; }  // outputs
  [[nodiscard]] const Vector& hidden_bias() const { return hidden_bias_; }
  [[nodiscard]] const Vector& output_bias() const { return output_bias_; }

  /// W of the hidden units first, first + 1, ... as many as `rows` holds, widened: units x inputs.
  void copy_hidden_weight(int first, std::span<double> rows) const {
    const auto inputs = static_cast<std::size_t>(problem_->inputs);
    for (std::size_t u = 0; u * inputs < rows.size(); ++u) {
      const int r = first + static_cast<int>(u);
      const Scalar* w = hidden_weight(r / units_) + r % units_;
      for (std::size_t j = 0; j < inputs; ++j) {
        rows[u * inputs + j] = static_cast<double>(w[j * static_cast<std::size_t>(units_)]);
      }
    }
  }

  /// Width x outputs, filled up to whole blocks with zeros.
  [[nodiscard]] Matrix padded(const std::vector<double>& weight) const {
    using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    Matrix result = Matrix::Zero(padded_width(), problem_->outputs);
    result.topRows(problem_->width) =
        Eigen::Map<const RowMajor>(weight.data(), problem_->width, problem_->outputs).template cast<Scalar>();
    return result;
  }

  /// visit(position in hidden_weights(), W(0) there) for the inputs of each unit, then unit_done(unit).
  template <class Visit, class UnitDone>
  void for_hidden_weights(Visit visit, UnitDone unit_done) const {
    constexpr int units_at_once = 16;
    std::vector<double> start(static_cast<std::size_t>(units_at_once) * problem_->inputs);
    for (int r = 0; r < problem_->width; ++r) {
      if (r % units_at_once == 0) {
        const int units = std::min(units_at_once, problem_->width - r);
        problem_->fill_hidden_weight(r, std::span(start).first(static_cast<std::size_t>(units) * problem_->inputs));
      }
      const std::size_t first = static_cast<std::size_t>(r / units_) * block_weights() + r % units_;
      const double* unit = &start[static_cast<std::size_t>(r % units_at_once) * problem_->inputs];
      for (int j = 0; j < problem_->inputs; ++j) {
        visit(first + static_cast<std::size_t>(j) * units_, unit[j]);
      }
      unit_done(r);
    }
  }

  /// h = psi(W x + bias) of a block, [sample][unit]; z, unless nullptr: the argument of psi, in the same layout.
  void activate(int block, const InputBatch<Scalar>& rows, Scalar* h, Scalar* z = nullptr) const {
    rows.multiply(hidden_weight(block), units_, h);
    const auto size = static_cast<std::ptrdiff_t>(units_) * rows.size();
    if (training_->biases) {
      Eigen::Map<Matrix>(h, units_, rows.size()).colwise() += hidden_bias_.segment(block * units_, units_);
    }
    if (z != nullptr) {
      std::copy_n(h, size, z);
    }
    Activations::visit(psi_, [&](auto type) {
      for (std::ptrdiff_t i = 0; i < size; ++i) {
        h[i] = decltype(type)::type::value(h[i]);
      }
    });
  }

  /// From beta^T h to the outputs.
  void finish_outputs(Matrix& outputs) const {
    outputs *= static_cast<Scalar>(output_scale_);
    if (training_->biases) {
      outputs.colwise() += output_bias_;
    }
  }

  /// Targets of these rows, outputs x rows.
  [[nodiscard]] Matrix targets_of(std::span<const std::int32_t> rows) const {
    const std::span<const double> y =
        problem_->dataset == nullptr ? std::span<const double>(problem_->y) : problem_->dataset->y;
    const int outputs = problem_->outputs;
    Matrix result(outputs, static_cast<Eigen::Index>(rows.size()));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double* row = &y[static_cast<std::size_t>(rows[i]) * outputs];
      result.col(static_cast<Eigen::Index>(i)) =
          Eigen::Map<const Eigen::VectorXd>(row, outputs).template cast<Scalar>();
    }
    return result;
  }

  /// Sums over `count` rows from `first` on, without dropout; some rows at a time, which bounds the memory.
  [[nodiscard]] OutputSums evaluate(int first, int count) const {
    AlignedNumbers<Scalar> h(static_cast<std::size_t>(units_) * std::min(most_evaluated_rows, count));
    return evaluate(first, count, [&](const InputBatch<Scalar>& batch) {
      Matrix outputs = Matrix::Zero(problem_->outputs, batch.size());
      for (int block = 0; block < blocks_; ++block) {
        activate(block, batch, h.data());
        outputs.noalias() +=
            output_weight(block).transpose() * Eigen::Map<const Matrix>(h.data(), units_, batch.size());
      }
      return outputs;
    });
  }

  /// The same where outputs_of(batch) gives the outputs, not finished.
  template <class OutputsOf>
  [[nodiscard]] OutputSums evaluate(int first, int count, OutputsOf outputs_of) const {
    InputBatch<Scalar> batch(*inputs_);
    OutputSums sums;
    for (int done = 0; done < count; done += most_evaluated_rows) {
      std::vector<std::int32_t> rows(static_cast<std::size_t>(std::min(most_evaluated_rows, count - done)));
      std::iota(rows.begin(), rows.end(), first + done);
      batch.load(rows, BatchUse::evaluation);
      Matrix outputs = outputs_of(batch);
      finish_outputs(outputs);
      Matrix error(outputs.rows(), outputs.cols());
      sums += take_errors(training_->loss, outputs, targets_of(rows), error);
    }
    return sums;
  }

  /// As it lies in memory, including padding, which depends on the length of a vector.
  void save(ByteWriter& out) const {
    put_numbers(out, hidden_weight_);
    out.put_array(numbers(output_weight_));
    out.put_array(numbers(hidden_bias_));
    out.put_array(numbers(output_bias_));
  }
  void restore(ByteReader& in) {
    get_numbers(in, hidden_weight_);
    get_finite(in, numbers(output_weight_));
    get_finite(in, numbers(hidden_bias_));
    get_finite(in, numbers(output_bias_));
  }

 private:
  /// `start`, which is empty where all of them are 0.
  static void copy_start(const std::vector<double>& start, Vector& biases) {
    biases.head(static_cast<Eigen::Index>(start.size())) =
        Eigen::Map<const Eigen::VectorXd>(start.data(), static_cast<Eigen::Index>(start.size()))
            .template cast<Scalar>();
  }

  static constexpr int most_evaluated_rows = 512;

  template <class Dense>
  static auto numbers(Dense& dense) {
    return std::span(dense.data(), static_cast<std::size_t>(dense.size()));
  }

  const Problem* problem_;
  const TrainingSettings* training_;
  const InputRows<Scalar>* inputs_;
  int psi_;
  int units_;
  int blocks_;
  double output_scale_;
  AlignedNumbers<Scalar> hidden_weight_;
  Matrix output_weight_;
  Vector hidden_bias_;
  Vector output_bias_;
};

}  // namespace fasweep
