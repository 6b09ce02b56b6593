#include "backend/cpu/weight_space.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <Eigen/Dense>

#include "backend/cpu/batch_loader.hpp"
#include "backend/cpu/blocked_network.hpp"
#include "backend/cpu/delayed_errors.hpp"
#include "backend/cpu/descent.hpp"
#include "backend/cpu/input_rows.hpp"
#include "backend/cpu/mirror_step.hpp"
#include "backend/cpu/network_state.hpp"
#include "backend/cpu/output_layer.hpp"
#include "backend/cpu/sample_sums.hpp"
#include "model/activation/list.hpp"
#include "model/metric/list.hpp"
#include "model/random.hpp"
#include "model/richness.hpp"
#include "model/rule/list.hpp"
#include "model/step_samples.hpp"
#include "train/train_loop.hpp"

namespace fasweep {
namespace {

/// A step takes each block of hidden units through its update and the next batch's forward pass while its weights are
/// in cache.
template <class Scalar>
class WeightSpaceState final : public NetworkReader {
 public:
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  WeightSpaceState(const TrainingRequest& request, const RunSpec& run)
      : problem_(request.problem),
        training_(request.training),
        psi_(run.activation),
        rule_(run.rule),
        hidden_factor_(hidden_step_factor(training_, run.width, run.rule)),
        traits_(traits_of(request.record.metrics)),
        masks_{seed_of_training(run), run.width, Purpose::masks},
        loader_(request, run),
        inputs_(problem_),
        network_(problem_, training_, psi_, inputs_),
        descent_(training_.optimizer,
                 {network_.hidden_weights().size(), static_cast<std::size_t>(network_.hidden_bias().size()),
                  static_cast<std::size_t>(network_.output_weight().size()),
                  static_cast<std::size_t>(network_.output_bias().size())}),
        most_samples_(loader_.most_samples()),
        delayed_(training_.error_delay, static_cast<std::size_t>(problem_.outputs) * most_samples_),
        batches_(takes_minibatches(training_, request.data) ? 2 : 1, InputBatch<Scalar>(inputs_)),
        feedback_(network_.padded(problem_.feedback)),
        activation_(static_cast<std::size_t>(blocks()) * block_numbers()),
        pre_activation_(derivative_needs_input(psi_) ? activation_.size() : 0),
        mask_(drops() ? static_cast<std::size_t>(blocks()) * block_numbers() : 0),
        signal_(block_numbers()),
        gradient_(descent_.is_sgd() ? 0 : network_.block_weights()),
        sample_sums_(request) {
    load_batch();
    forward();
  }

  [[nodiscard]] double loss() const { return sums_.loss * loss_share(batch().size()); }
  [[nodiscard]] double decayed_square() const {
    const Decay decay = training_.decay;
    const double square = decay.reaches_output() ? network_.output_weight().template cast<double>().squaredNorm() : 0;
    return decay.reaches(1) ? square + hidden_square() : square;
  }

  /// All blocks learn from the batch of step t and see that of step t + 1.
  void advance(double step_size, double ridge) {
    const double own_share = loss_share(batch().size());
    const double share = step_size * own_share;
    const Lesson lesson{batch(), error_, taught_signal(), adapts_feedback(rule_) ? outputs_ : Matrix()};
    const std::int64_t t = step_++;
    if (batches_.size() > 1) {
      load_batch();
    }
    if (training_.biases && descent_.is_sgd()) {
      network_.output_bias() -=
          static_cast<Scalar>(training_.output_step_factor * share) * lesson.error.rowwise().sum();
    } else if (training_.biases) {
      Vector gradient = static_cast<Scalar>(own_share) * lesson.error.rowwise().sum();
      turn(output_biases, 0, t, gradient);
      network_.output_bias() -= static_cast<Scalar>(training_.output_step_factor * step_size) * gradient;
    }
    outputs_.setZero(problem_.outputs, batch().size());
    const auto decay = static_cast<Scalar>(1 - step_size * ridge);
    for (int block = 0; block < blocks(); ++block) {
      if (descent_.is_sgd()) {
        update(block, lesson, share * network_.output_scale(), decay);
      } else {
        descend(block, lesson, own_share * network_.output_scale(), t, step_size, decay);
      }
      forward(block);
    }
    delayed_.pass(numbers_of(lesson.error));
    if (mirrors(rule_)) {
      mirror_step(problem_, training_, 1, t, network_.output_weight().topRows(problem_.width),
                  feedback_.topRows(problem_.width));
    }
    draw_feedback();
    take_errors_of_batch();
  }

  [[nodiscard]] Observation observe() {
    Observation o;
    o.batch_loss = loss();
    sample_sums_.observe(sums_, network_, static_cast<double>(problem_.inputs) * problem_.width, o);
    const Eigen::MatrixXd beta = network_.output_weight().topRows(problem_.width).template cast<double>();
    const Eigen::MatrixXd b = feedback_.topRows(problem_.width).template cast<double>();
    o.decayed_square = decayed_square();
    o.output_square = beta.squaredNorm();
    o.feedback_square = b.squaredNorm();
    o.feedback_dot_output = (b.array() * beta.array()).sum();
    o.max_output_change = (network_.output_weight() - network_.padded(problem_.output_weight)).cwiseAbs().maxCoeff();
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

  void read_output_weight(int first, std::span<double> beta) const override {
    copy_rows(network_.output_weight(), first, beta);
  }
  void read_feedback(int first, std::span<double> b) const override { copy_rows(feedback_, first, b); }
  void read_output_bias(std::span<double> bias) const override {
    std::copy_n(network_.output_bias().data(), bias.size(), bias.begin());
  }
  void read_hidden_bias(int first, std::span<double> bias) const override {
    std::copy_n(network_.hidden_bias().data() + first, bias.size(), bias.begin());
  }
  [[nodiscard]] bool read_batch_outputs(std::span<double> f) const override {
    std::copy_n(outputs_.data(), f.size(), f.begin());
    return true;
  }
  void read_hidden_weight(const Problem& /*problem*/, int first, std::span<double> weights) const override {
    network_.copy_hidden_weight(first, weights);
  }
  void read_pre_activation(int first, std::span<double> z) const override {
    const std::size_t units = z.size() / static_cast<std::size_t>(problem_.samples + problem_.test_samples);
    std::vector<double> weights(units * static_cast<std::size_t>(problem_.inputs));
    network_.copy_hidden_weight(first, weights);
    const Scalar* bias = network_.hidden_bias().data() + first;
    multiply_inputs(problem_, weights, std::vector<double>(bias, bias + units), z);
  }
  /// W(0) as it was rounded at the start.
  void read_hidden_change(int first, std::span<double> change) const override {
    std::vector<double> start(change.size());
    problem_.fill_hidden_weight(first, start);
    network_.copy_hidden_weight(first, change);
    for (std::size_t i = 0; i < change.size(); ++i) {
      change[i] -= static_cast<double>(static_cast<Scalar>(start[i]));
    }
  }

  /// Fills in what the evaluations gave, one for each observation.
  void complete(std::span<Observation> observations) { sample_sums_.complete(observations); }

  void save(ByteWriter& out) {
    put_lanes(out, Pack<Scalar>::lanes);
    out.put(evaluation_layout);
    network_.save(out);
    descent_.save(out);
    if (learns_feedback(rule_)) {
      out.put_array(numbers_of(feedback_));
    }
    delayed_.save(out);
    sample_sums_.save(out);
  }

  void restore(ByteReader& in, const SavedAt& at) {
    check_lanes(in, Pack<Scalar>::lanes);
    if (in.get<std::uint64_t>() != evaluation_layout) {
      throw TransportError(std::string(other_layout));
    }
    step_ = at.step;
    network_.restore(in);
    descent_.restore(in);
    if (learns_feedback(rule_)) {
      get_finite(in, std::span(feedback_.data(), static_cast<std::size_t>(feedback_.size())));
    }
    delayed_.restore(in);
    sample_sums_.restore(in, at.observations);
    draw_feedback();
    load_batch();
    forward();
  }

 private:
  // What descent_ keeps apart.
  static constexpr std::size_t hidden_weights = 0;
  static constexpr std::size_t hidden_biases = 1;
  static constexpr std::size_t output_weights = 2;
  static constexpr std::size_t output_biases = 3;

  /// What a step learns from.
  struct Lesson {
    const InputBatch<Scalar>& inputs;
    Matrix error;   // outputs x samples
    Matrix taught;  // what teaches the hidden layer, likewise; of a Hebbian rule the errors that come to it
    Matrix output;  // likewise, where b adapts to it
  };

  [[nodiscard]] int units() const { return network_.units(); }  // of a block
  [[nodiscard]] int blocks() const { return network_.blocks(); }
  [[nodiscard]] std::size_t block_numbers() const { return static_cast<std::size_t>(units()) * most_samples_; }
  [[nodiscard]] Scalar* activation(int block) { return &activation_[block * block_numbers()]; }
  [[nodiscard]] const Scalar* activation(int block) const { return &activation_[block * block_numbers()]; }
  /// Z of a block if psi' looks at it, else H, which stands for it.
  [[nodiscard]] const Scalar* pre_activation(int block) const {
    return pre_activation_.empty() ? activation(block) : &pre_activation_[block * block_numbers()];
  }
  [[nodiscard]] Scalar* mask(int block) { return &mask_[block * block_numbers()]; }
  [[nodiscard]] const Scalar* mask(int block) const { return &mask_[block * block_numbers()]; }
  /// Units x samples of a block.
  [[nodiscard]] Eigen::Map<Matrix> samples(Scalar* first, int count) const { return {first, units(), count}; }

  [[nodiscard]] bool drops() const { return training_.dropout > 0; }
  [[nodiscard]] double loss_share(int samples) const { return fasweep::loss_share(training_.reduction, samples); }
  [[nodiscard]] const InputBatch<Scalar>& batch() const { return batches_[step_ % batches_.size()]; }
  static std::span<const Scalar> numbers_of(const Matrix& matrix) {
    return {matrix.data(), static_cast<std::size_t>(matrix.size())};
  }
  /// Rows first, first + 1, ... of a matrix, as many as `rows` holds, in row-major order.
  static void copy_rows(const Matrix& matrix, int first, std::span<double> rows) {
    const auto outputs = static_cast<std::size_t>(matrix.cols());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] = static_cast<double>(
          matrix(first + static_cast<Eigen::Index>(i / outputs), static_cast<Eigen::Index>(i % outputs)));
    }
  }
  void load_batch() { targets_ = loader_.load(step_, network_, batches_[step_ % batches_.size()]); }

  /// b of the step, where each has its own.
  void draw_feedback() {
    if (redraws_feedback(rule_)) {
      feedback_ = network_.padded(feedback_of_step(problem_, training_, step_));
    }
  }

  void forward() {
    outputs_.setZero(problem_.outputs, batch().size());
    for (int block = 0; block < blocks(); ++block) {
      forward(block);
    }
    take_errors_of_batch();
  }

  /// H of a block and its part of the outputs, without scale. Never inlined: a restored state comes through the same
  /// instructions as one that was never saved.
  [[gnu::noinline]] void forward(int block) {
    Scalar* h = activation(block);
    Scalar* z = pre_activation_.empty() ? nullptr : &pre_activation_[block * block_numbers()];
    network_.activate(block, batch(), h, z);
    if (drops()) {
      draw_mask(block);
    }
    outputs_.noalias() += network_.output_weight(block).transpose() * seen(block, batch().size());
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
    std::vector<double> uniform(static_cast<std::size_t>(units()));
    for (int i = 0; i < batch().size(); ++i) {
      const std::uint64_t first = 2 * first_mask_pair(step_, most_samples_, i, problem_.width);
      masks_.fill_uniform(uniform, first + static_cast<std::uint64_t>(block) * units());
      Scalar* m = mask(block) + static_cast<std::ptrdiff_t>(i) * units();
      for (int u = 0; u < units(); ++u) {
        m[u] = mask_factor<Scalar>(uniform[static_cast<std::size_t>(u)], training_.dropout);
      }
    }
  }

  void take_errors_of_batch() {
    network_.finish_outputs(outputs_);
    error_.resize(outputs_.rows(), outputs_.cols());
    sums_ = take_errors(training_.loss, outputs_, targets_, error_);
  }

  /// v of a block's units, units x outputs.
  [[nodiscard]] Matrix rule_feedback(int block) const {
    const Matrix& beta = network_.output_weight();
    Matrix v(units(), problem_.outputs);
    visit_computed_rule(rule_, [&](auto type) {
      for (Eigen::Index c = 0; c < v.cols(); ++c) {
        for (int u = 0; u < units(); ++u) {
          v(u, c) = decltype(type)::type::feedback(feedback_(block * units() + u, c), beta(block * units() + u, c));
        }
      }
    });
    return v;
  }

  /// What teaches the hidden layer, from the batch's errors and targets: outputs x samples.
  [[nodiscard]] Matrix taught_signal() const {
    const Scalar* const errors = delayed_.are_late() ? delayed_.arriving().data() : error_.data();
    const Eigen::Map<const Matrix> arriving(errors, error_.rows(), error_.cols());
    return visit_computed_rule(rule_, [&](auto type) -> Matrix {
      using Rule = typename decltype(type)::type;
      if constexpr (Rule::error_teaches || Rule::is_hebbian) {
        return arriving;
      } else {
        return arriving.binaryExpr(targets_, [](Scalar e, Scalar y) { return Rule::teaching(e, y); });
      }
    });
  }

  /// By what the rule's signal of a block times the inputs is `factor` times W's gradient, units x samples.
  void make_rule_signal(int block, Scalar factor, const Lesson& lesson, Scalar* signal) const {
    visit_computed_rule(rule_, [&](auto type) {
      using Rule = typename decltype(type)::type;
      if constexpr (Rule::is_hebbian) {
        make_hebbian_signal<Rule>(block, factor, lesson.taught, signal);
      } else {
        make_signal(block, factor * rule_feedback(block), lesson.taught, signal);
      }
    });
  }

  template <class Rule>
  void make_hebbian_signal(int block, Scalar factor, const Matrix& error, Scalar* signal) const {
    Eigen::Map<Matrix> delta = samples(signal, static_cast<int>(error.cols()));
    delta.setZero();
    for (Eigen::Index i = 0; i < error.cols(); ++i) {
      const Scalar square = error.col(i).squaredNorm();
      for (int u = 0; u < network_.real_units(block); ++u) {
        const auto at = static_cast<std::size_t>(i * units() + u);
        delta(u, i) = -factor * Rule::hebbian(square, activation(block)[at]) * (drops() ? mask(block)[at] : Scalar(1));
      }
    }
    if (Rule::is_centred) {
      const Vector mean = delta.rowwise().mean();
      delta.colwise() -= mean;
    }
  }

  /// sum_i h_i^2 of each unit of a block, where the rule has its weights decay by it; else empty.
  [[nodiscard]] Vector unit_powers(int block, int count) {
    const bool decays = visit_computed_rule(rule_, []<class Rule>(std::type_identity<Rule>) {
      if constexpr (Rule::is_hebbian) {
        return Rule::decays_itself;
      } else {
        return false;
      }
    });
    return decays ? Vector(seen(block, count).rowwise().squaredNorm()) : Vector();
  }

  /// signal = (v T) .* psi'(Z) .* mask of a block, units x samples: the error signal of each unit and sample.
  void make_signal(int block, const Matrix& v, const Matrix& taught, Scalar* signal) const {
    Eigen::Map<Matrix> delta = samples(signal, static_cast<int>(taught.cols()));
    if (taught.rows() == 1) {
      delta.noalias() = v.col(0) * taught.row(0);  // without packing for a matrix product
    } else {
      delta.noalias() = v * taught;
    }
    Activations::visit(psi_, [&](auto type) {
      const Scalar* h = activation(block);
      const Scalar* z = pre_activation(block);
      const Scalar* m = drops() ? mask(block) : nullptr;
      for (Eigen::Index i = 0; i < taught.cols(); ++i, signal += units(), h += units(), z += units()) {
        for (int u = 0; u < units(); ++u) {
          signal[u] *= decltype(type)::type::derivative(z[u], h[u]);
        }
        for (int u = 0; m != nullptr && u < units(); ++u) {
          signal[u] *= m[i * units() + u];
        }
      }
    });
  }

  /// One step of a block's weights from the batch its activations are of, along the gradient. scale: of the gradient,
  /// the step size included.
  void update(int block, const Lesson& lesson, double scale, Scalar decay) {
    Eigen::Map<Matrix> w(network_.hidden_weight(block), units(), problem_.inputs);
    const Vector own_decay = static_cast<Scalar>(scale) * unit_powers(block, lesson.inputs.size());
    make_rule_signal(block, -static_cast<Scalar>(hidden_factor_ * scale), lesson, signal_.data());
    const auto h = seen(block, lesson.inputs.size()).topRows(network_.real_units(block));
    const Matrix gradient = h * lesson.error.transpose();
    const Matrix activity = lesson.output.size() > 0 ? Matrix(h * lesson.output.transpose()) : Matrix();
    step_readouts(block, gradient, decay, static_cast<Scalar>(training_.output_step_factor * scale));
    if (activity.size() > 0) {
      adapt_feedback(block, activity, lesson.output.rowwise().squaredNorm(), static_cast<Scalar>(scale));
    }
    if (own_decay.size() > 0) {
      w.array().colwise() *= (training_.decay.reaches(1) ? decay : Scalar(1)) - own_decay.array();
    } else if (training_.decay.reaches(1)) {
      w *= decay;
    }
    if (training_.biases) {
      network_.hidden_bias().segment(block * units(), units()) +=
          samples(signal_.data(), lesson.inputs.size()).rowwise().sum();
    }
    lesson.inputs.add_transposed(signal_.data(), units(), network_.hidden_weight(block));
  }

  /// The same along what the optimizer makes of the gradient. scale: of the gradient; t: the step.
  void descend(int block, const Lesson& lesson, double scale, std::int64_t t, double step_size, Scalar decay) {
    Eigen::Map<Matrix> w(network_.hidden_weight(block), units(), problem_.inputs);
    const Vector own_decay = static_cast<Scalar>(scale) * unit_powers(block, lesson.inputs.size());
    make_rule_signal(block, static_cast<Scalar>(scale), lesson, signal_.data());
    const auto h = seen(block, lesson.inputs.size()).topRows(network_.real_units(block));
    Matrix gradient = static_cast<Scalar>(scale) * h * lesson.error.transpose();
    const Matrix activity = lesson.output.size() > 0 ? Matrix(h * lesson.output.transpose()) : Matrix();
    for (Eigen::Index c = 0; c < gradient.cols(); ++c) {
      const Eigen::Index first = c * network_.padded_width() + block * units();
      turn(output_weights, static_cast<std::size_t>(first), t, gradient.col(c));
    }
    step_readouts(block, gradient, decay, static_cast<Scalar>(training_.output_step_factor * step_size));
    if (activity.size() > 0) {
      adapt_feedback(block, activity, lesson.output.rowwise().squaredNorm(), static_cast<Scalar>(scale * step_size));
    }
    const auto hidden_step = static_cast<Scalar>(hidden_factor_ * step_size);
    if (training_.biases) {
      Vector of_bias = samples(signal_.data(), lesson.inputs.size()).rowwise().sum();
      turn(hidden_biases, static_cast<std::size_t>(block * units()), t, of_bias);
      network_.hidden_bias().segment(block * units(), units()) -= hidden_step * of_bias;
    }
    std::ranges::fill(gradient_, Scalar(0));
    lesson.inputs.add_transposed(signal_.data(), units(), gradient_.data());
    if (own_decay.size() > 0) {
      Eigen::Map<Matrix>(gradient_.data(), w.rows(), w.cols()) += own_decay.asDiagonal() * w;
    }
    descent_.turn(hidden_weights, static_cast<std::size_t>(block) * network_.block_weights(), t, gradient_);
    const Scalar kept = training_.decay.reaches(1) ? decay : Scalar(1);
    for (std::size_t i = 0; i < gradient_.size(); ++i) {
      w.data()[i] = fasweep::descend(w.data()[i], gradient_[i], kept, hidden_step);
    }
  }

  template <class Dense>
  void turn(std::size_t kind, std::size_t first, std::int64_t t, Dense&& gradient) {
    descent_.turn(kind, first, t, std::span<Scalar>(gradient.data(), static_cast<std::size_t>(gradient.size())));
  }

  void adapt_feedback(int block, const Matrix& activity, const Vector& power, Scalar scale) {
    for (Eigen::Index c = 0; c < activity.cols(); ++c) {
      for (Eigen::Index u = 0; u < activity.rows(); ++u) {
        Scalar& b = feedback_(block * units() + u, c);
        b = adapt(b, activity(u, c), power[c], scale);
      }
    }
  }

  /// One step of beta and b of a block, which decay if beta does. gradient: its real units x outputs. It is scaled
  /// before the step and not in it: compilers then fuse the subtraction with this product, which gives the bits that
  /// result files have.
  void step_readouts(int block, const Matrix& gradient, Scalar decay, Scalar scale) {
    const Scalar kept = training_.decay.reaches_output() ? decay : Scalar(1);
    visit_computed_rule(rule_, [&](auto type) {
      using Rule = typename decltype(type)::type;
      for (Eigen::Index c = 0; c < gradient.cols(); ++c) {
        const Scalar* const g = gradient.col(c).data();
        Scalar* const beta = network_.output_weight().col(c).data() + block * units();
        Scalar* const b = feedback_.col(c).data() + block * units();
        for (Eigen::Index u = 0; u < gradient.rows(); ++u) {
          Readout<Scalar> readout{beta[u], b[u]};
          Rule::step(readout, scale * g[u], kept, Scalar(1));
          beta[u] = readout.beta;
          if constexpr (Rule::learns_feedback) {
            b[u] = readout.b;
          }
        }
      }
    });
  }

  [[nodiscard]] double hidden_square() const {
    double sum = 0;
    for (const Scalar w : network_.hidden_weights()) {
      sum += static_cast<double>(w) * static_cast<double>(w);
    }
    return sum;
  }

  void observe_hidden_change(Observation& o) const {
    double unit = 0;
    double largest = 0;
    const AlignedNumbers<Scalar>& w = network_.hidden_weights();
    network_.for_hidden_weights(
        [&](std::size_t at, double start) {
          const auto change = static_cast<double>(w[at] - static_cast<Scalar>(start));
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
  void observe_gradients(Observation& o) {
    AlignedNumbers<Scalar> rule(network_.block_weights());
    AlignedNumbers<Scalar> backprop(network_.block_weights());
    const double scale = network_.output_scale() * loss_share(batch().size());
    const Lesson lesson{batch(), error_, taught_signal(), {}};
    for (int block = 0; block < blocks(); ++block) {
      make_rule_signal(block, Scalar(1), lesson, signal_.data());
      make_gradient(rule);
      if (const Vector powers = unit_powers(block, batch().size()); powers.size() > 0) {
        const Eigen::Map<const Matrix> w(network_.hidden_weight(block), units(), problem_.inputs);
        Eigen::Map<Matrix>(rule.data(), units(), problem_.inputs) += powers.asDiagonal() * w;
      }
      make_signal(block, network_.output_weight(block), error_, signal_.data());
      make_gradient(backprop);
      for (std::size_t i = 0; i < rule.size(); ++i) {
        const double r = scale * static_cast<double>(rule[i]);
        const double b = scale * static_cast<double>(backprop[i]);
        o.rule_gradient_square += r * r;
        o.backprop_gradient_square += b * b;
        o.gradient_dot += r * b;
      }
    }
  }
  /// [input][unit] of a block from its signal, without scale.
  void make_gradient(AlignedNumbers<Scalar>& gradient) const {
    std::ranges::fill(gradient, Scalar(0));
    batch().add_transposed(signal_.data(), units(), gradient.data());
  }

  const Problem& problem_;
  const TrainingSettings& training_;
  int psi_;               // position in Activations
  int rule_;              // position in Rules
  double hidden_factor_;  // of W's step size
  unsigned traits_;       // of the recorded metrics
  RandomStream masks_;
  BatchLoader<Scalar> loader_;
  InputRows<Scalar> inputs_;
  BlockedNetwork<Scalar> network_;
  Descent<Scalar> descent_;
  int most_samples_;  // of a batch
  DelayedErrors<Scalar> delayed_;
  std::int64_t step_ = 0;
  std::vector<InputBatch<Scalar>> batches_;  // of this step and, with minibatches, the one before or after
  Matrix feedback_;                          // padded width x outputs
  AlignedNumbers<Scalar> activation_;        // of the batch
  AlignedNumbers<Scalar> pre_activation_;    // as above, if psi' looks at it
  AlignedNumbers<Scalar> mask_;              // as above, with dropout
  AlignedNumbers<Scalar> signal_;            // of one block
  AlignedNumbers<Scalar> gradient_;          // of W of one block, for an optimizer that looks at it
  Matrix dropped_;                           // as above
  Matrix targets_;                           // outputs x samples of the batch
  Matrix outputs_;                           // as above
  Matrix error_;                             // as above
  OutputSums sums_;                          // of the batch
  SampleSums sample_sums_;                   // of copies of the network; what they refer to lies above
};

}  // namespace

template <class Scalar>
RunRecord train_weight_space(const TrainingRequest& request, const RunSpec& run) {
  return train_run([&] { return WeightSpaceState<Scalar>(request, run); }, run, request, Solver::weight_space);
}

template RunRecord train_weight_space<float>(const TrainingRequest&, const RunSpec&);
template RunRecord train_weight_space<double>(const TrainingRequest&, const RunSpec&);

}  // namespace fasweep
