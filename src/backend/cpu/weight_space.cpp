#include "backend/cpu/weight_space.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include <Eigen/Dense>

#include "backend/cpu/input_rows.hpp"
#include "backend/cpu/network_state.hpp"
#include "backend/cpu/output_layer.hpp"
#include "model/batch_order.hpp"
#include "model/random.hpp"
#include "train/train_loop.hpp"

namespace fasweep {
namespace {

/// Hidden units lie in blocks, as many in each as the inputs multiply at once: W is [block][input][unit], Z and H are
/// [block][sample][unit]. Units that fill the last block have weights 0 throughout and no part in anything. A step
/// takes each block through its update and the next batch's forward pass while its weights are in cache. Activation and
/// rule are looked up a block at a time, so that products are compiled once a precision.
template <class Scalar>
class WeightSpaceState {
 public:
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  WeightSpaceState(const TrainingRequest& request, const RunSpec& run)
      : problem_(request.problem),
        training_(request.training),
        psi_(run.activation),
        rule_(run.rule),
        traits_(traits_of(request.record.metrics)),
        is_classes_(request.data.targets == Targets::classes),
        masks_{run.seed, run.width, Purpose::masks},
        order_(request.training, request.data, run),
        inputs_(problem_),
        units_(inputs_.block_units(problem_.width)),
        blocks_((problem_.width + units_ - 1) / units_),
        most_samples_(static_cast<int>(order_.rows(0).size())),
        output_scale_(training_.output_scale == OutputScale::one ? 1 : 1 / std::sqrt(problem_.width)),
        batches_(takes_minibatches(training_, request.data) ? 2 : 1, InputBatch<Scalar>(inputs_)),
        feedback_(padded(problem_.feedback)),
        output_weight_(padded(problem_.output_weight)),
        hidden_weight_(blocked_hidden_weight()),
        hidden_bias_(Vector::Zero(padded_width())),
        output_bias_(Vector::Zero(problem_.outputs)),
        activation_(make_numbers<Scalar>(static_cast<std::size_t>(blocks_) * block_numbers())),
        mask_(make_numbers<Scalar>(drops() ? static_cast<std::size_t>(blocks_) * block_numbers() : 0)),
        signal_(make_numbers<Scalar>(block_numbers())) {
    load_batch();
    forward();
  }

  [[nodiscard]] double loss() const { return sums_.loss * loss_share(batch().size()); }
  [[nodiscard]] double decayed_square() const {
    const double square = output_weight_.template cast<double>().squaredNorm();
    return training_.decay == Decay::output ? square : square + hidden_square();
  }

  /// All blocks learn from the batch of step t and see that of step t + 1.
  void advance(double step_size, double ridge) {
    const double share = step_size * loss_share(batch().size());
    const Matrix error = error_;
    const InputBatch<Scalar>& learned = batch();
    ++step_;
    if (batches_.size() > 1) {
      load_batch();
    }
    if (training_.biases) {
      output_bias_ -= static_cast<Scalar>(share) * error.rowwise().sum();
    }
    outputs_.setZero(problem_.outputs, batch().size());
    for (int block = 0; block < blocks_; ++block) {
      update(block, learned, error, static_cast<Scalar>(share * output_scale_),
             static_cast<Scalar>(1 - step_size * ridge));
      forward(block);
    }
    take_errors_of_batch();
  }

  [[nodiscard]] Observation observe() const {
    Observation o;
    o.batch_loss = loss();
    observe_samples(o);
    const Eigen::MatrixXd beta = output_weight_.topRows(problem_.width).template cast<double>();
    const Eigen::MatrixXd b = feedback_.topRows(problem_.width).template cast<double>();
    o.decayed_square = decayed_square();
    o.output_square = beta.squaredNorm();
    o.feedback_square = b.squaredNorm();
    o.feedback_dot_output = (b.array() * beta.array()).sum();
    o.max_output_change = (output_weight_ - padded(problem_.output_weight)).cwiseAbs().maxCoeff();
    if ((traits_ & for_several_outputs) != 0) {
      observe_signals(beta, b, error_.template cast<double>(), o);
    }
    if ((traits_ & sees_hidden_change) != 0) {
      observe_hidden_change(o);
    }
    if ((traits_ & sees_gradients) != 0) {
      observe_gradients(o);
    }
    return o;
  }

  /// Padding and all, as it lies in memory, which depends on the length of a vector.
  void save(ByteWriter& out) const {
    put_lanes(out, Pack<Scalar>::lanes);
    out.put(step_);
    put_numbers(out, hidden_weight_, hidden_numbers());
    out.put_array(numbers(output_weight_));
    out.put_array(numbers(hidden_bias_));
    out.put_array(numbers(output_bias_));
  }

  void restore(ByteReader& in) {
    check_lanes(in, Pack<Scalar>::lanes);
    step_ = in.get<std::int64_t>();
    get_numbers(in, hidden_weight_, hidden_numbers());
    get(in, output_weight_);
    get(in, hidden_bias_);
    get(in, output_bias_);
    load_batch();
    forward();
  }

 private:
  // Shapes of a block.
  [[nodiscard]] int padded_width() const { return blocks_ * units_; }
  [[nodiscard]] int real_units(int block) const { return std::min(units_, problem_.width - block * units_); }
  [[nodiscard]] std::size_t block_numbers() const { return static_cast<std::size_t>(units_) * most_samples_; }
  [[nodiscard]] std::size_t block_weights() const { return static_cast<std::size_t>(units_) * problem_.inputs; }
  [[nodiscard]] std::size_t hidden_numbers() const { return static_cast<std::size_t>(blocks_) * block_weights(); }
  [[nodiscard]] Scalar* hidden_weight(int block) const { return &hidden_weight_[block * block_weights()]; }
  [[nodiscard]] Scalar* activation(int block) const { return &activation_[block * block_numbers()]; }
  [[nodiscard]] Scalar* mask(int block) const { return &mask_[block * block_numbers()]; }
  /// Units x samples of a block.
  [[nodiscard]] Eigen::Map<Matrix> samples(Scalar* first, int count) const { return {first, units_, count}; }

  template <class Dense>
  static std::span<const Scalar> numbers(const Dense& dense) {
    return {dense.data(), static_cast<std::size_t>(dense.size())};
  }
  template <class Dense>
  static void get(ByteReader& in, Dense& dense) {
    in.get_into(std::span<Scalar>(dense.data(), static_cast<std::size_t>(dense.size())));
  }
  /// Width x outputs, filled up to whole blocks with zeros.
  [[nodiscard]] Matrix padded(const std::vector<double>& weight) const {
    using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    Matrix result = Matrix::Zero(padded_width(), problem_.outputs);
    result.topRows(problem_.width) =
        Eigen::Map<const RowMajor>(weight.data(), problem_.width, problem_.outputs).template cast<Scalar>();
    return result;
  }
  [[nodiscard]] AlignedNumbers<Scalar> blocked_hidden_weight() const {
    AlignedNumbers<Scalar> result = make_numbers<Scalar>(hidden_numbers());
    for_hidden_weights([&](std::size_t at, double start) { result[at] = static_cast<Scalar>(start); }, [](int) {});
    return result;
  }
  /// visit(position in hidden_weight_, W(0) there) for the inputs of each unit, then unit_done(unit).
  template <class Visit, class UnitDone>
  void for_hidden_weights(Visit visit, UnitDone unit_done) const {
    constexpr int units_at_once = 16;
    std::vector<double> start(static_cast<std::size_t>(units_at_once) * problem_.inputs);
    for (int r = 0; r < problem_.width; ++r) {
      if (r % units_at_once == 0) {
        const int units = std::min(units_at_once, problem_.width - r);
        problem_.fill_hidden_weight(r, std::span(start).first(static_cast<std::size_t>(units) * problem_.inputs));
      }
      const std::size_t first = static_cast<std::size_t>(r / units_) * block_weights() + r % units_;
      const double* unit = &start[static_cast<std::size_t>(r % units_at_once) * problem_.inputs];
      for (int j = 0; j < problem_.inputs; ++j) {
        visit(first + static_cast<std::size_t>(j) * units_, unit[j]);
      }
      unit_done(r);
    }
  }

  [[nodiscard]] bool drops() const { return training_.dropout > 0; }
  [[nodiscard]] double loss_share(int samples) const {
    return training_.reduction == Reduction::mean ? 1.0 / samples : 1;
  }
  [[nodiscard]] const InputBatch<Scalar>& batch() const { return batches_[step_ % batches_.size()]; }
  void load_batch() {
    const std::span<const std::int32_t> rows = order_.rows(step_);
    batches_[step_ % batches_.size()].load(rows, BatchUse::training);
    targets_ = targets_of(rows);
  }
  /// Outputs x rows.
  [[nodiscard]] Matrix targets_of(std::span<const std::int32_t> rows) const {
    const std::span<const double> y =
        problem_.dataset == nullptr ? std::span<const double>(problem_.y) : problem_.dataset->y;
    const int outputs = problem_.outputs;
    Matrix result(outputs, static_cast<Eigen::Index>(rows.size()));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double* row = &y[static_cast<std::size_t>(rows[i]) * outputs];
      result.col(static_cast<Eigen::Index>(i)) =
          Eigen::Map<const Eigen::VectorXd>(row, outputs).template cast<Scalar>();
    }
    return result;
  }

  void forward() {
    outputs_.setZero(problem_.outputs, batch().size());
    for (int block = 0; block < blocks_; ++block) {
      forward(block);
    }
    take_errors_of_batch();
  }

  /// H of a block and its part of the outputs, without scale. Never inlined: a restored state comes through the same
  /// instructions as one that was never saved.
  [[gnu::noinline]] void forward(int block) {
    Scalar* h = activation(block);
    activate(block, batch(), h);
    if (drops()) {
      draw_mask(block);
    }
    outputs_.noalias() += output_weight_.middleRows(block * units_, units_).transpose() * seen(block, batch().size());
  }

  /// h = psi(W x + bias) of a block for any batch.
  void activate(int block, const InputBatch<Scalar>& rows, Scalar* h) const {
    rows.multiply(hidden_weight(block), units_, h);
    const auto size = static_cast<std::ptrdiff_t>(units_) * rows.size();
    if (training_.biases) {
      samples(h, rows.size()).colwise() += hidden_bias_.segment(block * units_, units_);
    }
    Activations::visit(psi_, [&](auto type) {
      for (std::ptrdiff_t i = 0; i < size; ++i) {
        h[i] = decltype(type)::type::value(h[i]);
      }
    });
  }

  /// H as the output layer sees it. Valid until the next call.
  [[nodiscard]] Eigen::Map<Matrix> seen(int block, int count) {
    if (!drops()) {
      return samples(activation(block), count);
    }
    dropped_ = samples(activation(block), count).cwiseProduct(samples(mask(block), count));
    return samples(dropped_.data(), count);
  }

  /// 0 or 1 / (1 - q) for each unit and sample, by the position of the sample in the step's batch.
  void draw_mask(int block) {
    const auto keep = static_cast<Scalar>(1 / (1 - training_.dropout));
    const auto stride = static_cast<std::uint64_t>((problem_.width + 1) / 2 * 2);  // streams are read at even positions
    std::vector<double> uniform(static_cast<std::size_t>(units_));
    for (int i = 0; i < batch().size(); ++i) {
      const auto sample = static_cast<std::uint64_t>(step_) * static_cast<std::uint64_t>(most_samples_) + i;
      masks_.fill_uniform(uniform, sample * stride + static_cast<std::uint64_t>(block) * units_);
      Scalar* m = mask(block) + static_cast<std::ptrdiff_t>(i) * units_;
      for (int u = 0; u < units_; ++u) {
        m[u] = uniform[static_cast<std::size_t>(u)] < training_.dropout ? Scalar(0) : keep;
      }
    }
  }

  void take_errors_of_batch() {
    scale_outputs(outputs_);
    error_.resize(outputs_.rows(), outputs_.cols());
    sums_ = take_errors(training_.loss, outputs_, targets_, error_);
  }
  void scale_outputs(Matrix& outputs) const {
    outputs *= static_cast<Scalar>(output_scale_);
    if (training_.biases) {
      outputs.colwise() += output_bias_;
    }
  }

  /// v of a block's units, units x outputs.
  [[nodiscard]] Matrix rule_feedback(int block) const {
    Matrix v(units_, problem_.outputs);
    Rules::visit(rule_, [&](auto type) {
      for (Eigen::Index c = 0; c < v.cols(); ++c) {
        for (int u = 0; u < units_; ++u) {
          v(u, c) =
              decltype(type)::type::feedback(feedback_(block * units_ + u, c), output_weight_(block * units_ + u, c));
        }
      }
    });
    return v;
  }

  /// signal = (v E) .* psi'(Z) .* mask of a block, units x samples: what each unit is told about each sample.
  void make_signal(int block, const Matrix& v, const Matrix& error, Scalar* signal) const {
    Eigen::Map<Matrix> told = samples(signal, static_cast<int>(error.cols()));
    if (error.rows() == 1) {
      told.noalias() = v.col(0) * error.row(0);  // without packing for a matrix product
    } else {
      told.noalias() = v * error;
    }
    Activations::visit(psi_, [&](auto type) {
      const Scalar* h = activation(block);
      const Scalar* m = drops() ? mask(block) : nullptr;
      for (Eigen::Index i = 0; i < error.cols(); ++i, signal += units_, h += units_) {
        for (int u = 0; u < units_; ++u) {
          signal[u] *= decltype(type)::type::derivative(h[u]);
        }
        for (int u = 0; m != nullptr && u < units_; ++u) {
          signal[u] *= m[i * units_ + u];
        }
      }
    });
  }

  /// One step of a block's weights from the batch its activations are of.
  void update(int block, const InputBatch<Scalar>& learned, const Matrix& error, Scalar scale, Scalar decay) {
    const Matrix v = -scale * rule_feedback(block);
    make_signal(block, v, error, signal_.get());
    const int real = real_units(block);
    auto beta = output_weight_.middleRows(block * units_, real);
    const Matrix gradient = seen(block, learned.size()).topRows(real) * error.transpose();
    beta = decay * beta - scale * gradient;
    if (training_.decay == Decay::all) {
      Eigen::Map<Vector>(hidden_weight(block), static_cast<Eigen::Index>(block_weights())) *= decay;
    }
    if (training_.biases) {
      hidden_bias_.segment(block * units_, units_) += samples(signal_.get(), learned.size()).rowwise().sum();
    }
    learned.add_transposed(signal_.get(), units_, hidden_weight(block));
  }

  [[nodiscard]] double hidden_square() const {
    double sum = 0;
    for (std::size_t i = 0; i < hidden_numbers(); ++i) {
      sum += static_cast<double>(hidden_weight_[i]) * static_cast<double>(hidden_weight_[i]);
    }
    return sum;
  }

  void observe_samples(Observation& o) const {
    if ((traits_ & sees_training_set) != 0) {
      const bool known = batches_.size() == 1 && !drops();
      const OutputSums sums = known ? sums_ : evaluate(0, problem_.samples);
      o.loss = sums.loss * loss_share(problem_.samples);
      o.squared_error = sums.squared_error;
      o.accuracy = accuracy(sums, problem_.samples);
    }
    if ((traits_ & sees_test_set) != 0 && problem_.test_samples > 0) {
      const OutputSums sums = evaluate(problem_.samples, problem_.test_samples);
      o.test_loss = sums.loss * loss_share(problem_.test_samples);
      o.test_accuracy = accuracy(sums, problem_.test_samples);
    }
  }

  [[nodiscard]] double accuracy(const OutputSums& sums, int samples) const {
    return is_classes_ ? sums.correct / samples : not_a_number;
  }

  /// Of `count` rows from `first` on, without dropout; some rows at a time, which bounds the memory.
  [[nodiscard]] OutputSums evaluate(int first, int count) const {
    constexpr int most_rows = 512;
    InputBatch<Scalar> batch(inputs_);
    const auto h = make_numbers<Scalar>(static_cast<std::size_t>(units_) * std::min(most_rows, count));
    OutputSums sums;
    for (int done = 0; done < count; done += most_rows) {
      std::vector<std::int32_t> rows(static_cast<std::size_t>(std::min(most_rows, count - done)));
      std::iota(rows.begin(), rows.end(), first + done);
      batch.load(rows, BatchUse::evaluation);
      Matrix outputs = Matrix::Zero(problem_.outputs, batch.size());
      for (int block = 0; block < blocks_; ++block) {
        activate(block, batch, h.get());
        outputs.noalias() +=
            output_weight_.middleRows(block * units_, units_).transpose() * samples(h.get(), batch.size());
      }
      scale_outputs(outputs);
      Matrix error(outputs.rows(), outputs.cols());
      sums += take_errors(training_.loss, outputs, targets_of(rows), error);
    }
    return sums;
  }

  void observe_hidden_change(Observation& o) const {
    double unit = 0;
    double largest = 0;
    for_hidden_weights(
        [&](std::size_t at, double start) {
          const auto change = static_cast<double>(hidden_weight_[at] - static_cast<Scalar>(start));
          unit += change * change;
        },
        [&](int) {
          o.hidden_change_square += unit;
          largest = std::max(largest, unit);
          unit = 0;
        });
    o.max_hidden_change = std::sqrt(largest);
  }

  /// S(v) and S(beta) of the batch.
  void observe_gradients(Observation& o) const {
    const auto rule = make_numbers<Scalar>(block_weights());
    const auto backprop = make_numbers<Scalar>(block_weights());
    const double scale = output_scale_ * loss_share(batch().size());
    for (int block = 0; block < blocks_; ++block) {
      make_gradient(block, rule_feedback(block), rule.get());
      make_gradient(block, output_weight_.middleRows(block * units_, units_), backprop.get());
      for (std::size_t i = 0; i < block_weights(); ++i) {
        const double r = scale * static_cast<double>(rule[i]);
        const double b = scale * static_cast<double>(backprop[i]);
        o.rule_gradient_square += r * r;
        o.backprop_gradient_square += b * b;
        o.gradient_dot += r * b;
      }
    }
  }
  /// [input][unit] of a block, without scale.
  void make_gradient(int block, const Matrix& v, Scalar* gradient) const {
    std::fill_n(gradient, block_weights(), Scalar(0));
    const auto signal = make_numbers<Scalar>(block_numbers());
    make_signal(block, v, error_, signal.get());
    batch().add_transposed(signal.get(), units_, gradient);
  }

  const Problem& problem_;
  const TrainingSettings& training_;
  int psi_;          // position in Activations
  int rule_;         // position in Rules
  unsigned traits_;  // of the recorded metrics
  bool is_classes_;
  RandomStream masks_;
  BatchOrder order_;
  InputRows<Scalar> inputs_;
  int units_;  // of a block
  int blocks_;
  int most_samples_;  // of a batch
  double output_scale_;
  std::int64_t step_ = 0;
  std::vector<InputBatch<Scalar>> batches_;  // of this step and, with minibatches, the one before or after
  Matrix feedback_;                          // padded width x outputs
  Matrix output_weight_;                     // likewise
  AlignedNumbers<Scalar> hidden_weight_;
  Vector hidden_bias_;                 // padded width
  Vector output_bias_;                 // outputs
  AlignedNumbers<Scalar> activation_;  // of the batch
  AlignedNumbers<Scalar> mask_;        // likewise, with dropout
  AlignedNumbers<Scalar> signal_;      // of one block
  Matrix dropped_;                     // likewise
  Matrix targets_;                     // outputs x samples of the batch
  Matrix outputs_;                     // likewise
  Matrix error_;                       // likewise
  OutputSums sums_;                    // of the batch
};

}  // namespace

template <class Scalar>
RunRecord train_weight_space(const TrainingRequest& request, const RunSpec& run) {
  WeightSpaceState<Scalar> state(request, run);
  return train_run(state, run, request, Solver::weight_space);
}

template RunRecord train_weight_space<float>(const TrainingRequest&, const RunSpec&);
template RunRecord train_weight_space<double>(const TrainingRequest&, const RunSpec&);

}  // namespace fasweep
