#include "backend/cpu/sample_space.hpp"

#include <cassert>
#include <cmath>
#include <type_traits>

#include <Eigen/Dense>

#include "backend/common/gram.hpp"
#include "backend/cpu/delayed_errors.hpp"
#include "backend/cpu/dense_network.hpp"
#include "backend/cpu/table_network.hpp"
#include "model/activation/list.hpp"
#include "model/observation.hpp"
#include "model/richness.hpp"
#include "model/rule/list.hpp"
#include "model/solver/sample_space.hpp"
#include "model/teaching.hpp"
#include "train/train_loop.hpp"

namespace fasweep {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

/// Hidden units at an observed step.
template <class Scalar>
struct UnitBlock {
  /// rule_samples: `samples`, or 0 where the step's error teaches.
  UnitBlock(int units, int samples, int rule_samples)
      : change(units, samples),
        signal(units, samples),
        rule_signal(units, rule_samples),
        output(units),
        feedback(units) {}

  Matrix<Scalar> change;       // z(t) - z(0)
  Matrix<Scalar> signal;       // e .* psi'(z)
  Matrix<Scalar> rule_signal;  // t .* psi'(z), t what teaches under the rule
  Eigen::ArrayXd output;       // beta(t)
  Eigen::ArrayXd feedback;     // v of the rule
};

template <class Scalar>
Eigen::VectorXd as_double(std::span<const Scalar> values) {
  return Eigen::Map<const Eigen::Matrix<Scalar, Eigen::Dynamic, 1>>(values.data(),
                                                                    static_cast<Eigen::Index>(values.size()))
      .template cast<double>();
}

}  // namespace

// What observations need of Eigen is here, which is compiled once a precision and not for every activation and rule.

template <class Scalar>
struct SampleSpaceSolver<Scalar>::Shared {
  explicit Shared(const Problem& of) : problem(of), gram(of) {
    start.samples = problem.samples;
    start.rows = problem.samples + problem.test_samples;
    start.width = problem.width;
    const Matrix<Scalar> k = gram.matrix.template cast<Scalar>();
    start.gram.assign(k.data(), k.data() + k.size());
    start.pre_activation.resize(static_cast<std::size_t>(start.width) * static_cast<std::size_t>(start.rows));
    make_pre_activation(problem, Eigen::Map<Matrix<Scalar>>(start.pre_activation.data(), start.width, start.rows));
    start.output_weight.assign(problem.output_weight.begin(), problem.output_weight.end());
    start.feedback.assign(problem.feedback.begin(), problem.feedback.end());
    targets.assign(problem.y.begin(), problem.y.end());
    root = gram.root().template cast<Scalar>();
    inverse_root = gram.inverse_root().template cast<Scalar>();
  }

  [[gnu::noinline]] void observe_output(std::span<const Scalar> output_weight, std::span<const Scalar> feedback,
                                        Observation& o) const {
    const Eigen::VectorXd beta = as_double(output_weight);
    const Eigen::VectorXd b = as_double(feedback);
    o.output_square = beta.squaredNorm();
    o.feedback_square = b.squaredNorm();
    o.feedback_dot_output = b.dot(beta);
    o.max_output_change = (beta - as_double(std::span<const Scalar>(start.output_weight))).cwiseAbs().maxCoeff();
  }

  /// W(t) - W(0) = A^T X for some multipliers A, and z_r(t) - z_r(0) = K a_r, so ||w_r(t) - w_r(0)||^2 = a_r^T K a_r is
  /// the change of z_r in the metric of K's pseudo-inverse. The gradient of unit r is v_r X^T (t .* psi'(z_r)) /
  /// sqrt(p), backprop's is beta_r X^T (e .* psi'(z_r)) / sqrt(p); their norms are also taken in the metric of K,
  /// and equal but for v_r and beta_r if the error teaches. o.max_hidden_change becomes the square of the
  /// largest.
  [[gnu::noinline]] void add_hidden(const UnitBlock<Scalar>& block, Observation& o) const {
    const Eigen::ArrayXd moved =
        (block.change * inverse_root.transpose()).eval().rowwise().squaredNorm().template cast<double>();
    const Matrix<Scalar> spread = block.signal * root.transpose();
    const Eigen::ArrayXd square = spread.rowwise().squaredNorm().template cast<double>() / start.width;
    o.hidden_change_square += moved.sum();
    o.max_hidden_change = std::max(o.max_hidden_change, moved.maxCoeff());
    o.backprop_gradient_square += (block.output.square() * square).sum();
    if (block.rule_signal.size() == 0) {
      o.rule_gradient_square += (block.feedback.square() * square).sum();
      o.gradient_dot += (block.feedback * block.output * square).sum();
      return;
    }
    const Matrix<Scalar> rule_spread = block.rule_signal * root.transpose();
    const Eigen::ArrayXd rule_square = rule_spread.rowwise().squaredNorm().template cast<double>() / start.width;
    const Eigen::ArrayXd dot = rule_spread.cwiseProduct(spread).rowwise().sum().template cast<double>() / start.width;
    o.rule_gradient_square += (block.feedback.square() * rule_square).sum();
    o.gradient_dot += (block.feedback * block.output * dot).sum();
  }

  const Problem& problem;
  GramMatrix gram;
  SampleSpaceStart<Scalar> start;
  std::vector<Scalar> targets;
  Matrix<Scalar> root;          // K = root^T root
  Matrix<Scalar> inverse_root;  // the same for K's pseudo-inverse
};

namespace {

/// Step: the StepOf the run's rule.
template <class Scalar, class Network, class Step, class Activation, class Shared>
class SampleSpaceState final : public NetworkReader {
 public:
  SampleSpaceState(const Shared& shared, const TrainingSettings& training, int rule)
      : shared_(shared),
        rule_(rule),
        hidden_factor_(hidden_step_factor(training, shared.start.width, rule)),
        root_width_(std::sqrt(static_cast<double>(shared.start.width))),
        network_(shared.start),
        error_(shared.targets.size()),
        delayed_(training.error_delay, samples()),
        taught_(is_taught_by_error(training, rule) ? 0 : samples()) {
    take_error();
  }

  [[nodiscard]] double loss() const { return 0.5 * sum_of_squares(0, shared_.start.samples); }
  [[nodiscard]] double decayed_square() const { return as_double(network_.output_weight()).squaredNorm(); }

  void advance(double step_size, double ridge) {
    network_.template advance<Step>(rule_, training_errors(), taught(), static_cast<Scalar>(1 - step_size * ridge),
                                    static_cast<Scalar>(step_size / root_width_),
                                    static_cast<Scalar>(hidden_factor_ * step_size / root_width_));
    delayed_.pass(training_errors());
    take_error();
  }

  [[nodiscard]] Observation observe() const {
    Observation o;
    const int samples = shared_.start.samples;
    const int rows = shared_.start.rows;
    o.squared_error = sum_of_squares(0, samples);
    shared_.observe_output(network_.output_weight(), network_.feedback(), o);
    complete_single_output(rows > samples ? sum_of_squares(samples, rows) : not_a_number, o);
    observe_hidden(o);
    return o;
  }

  void read_output_weight(int first, std::span<double> beta) const override {
    std::copy_n(&network_.output_weight()[static_cast<std::size_t>(first)], beta.size(), beta.begin());
  }
  void read_feedback(int first, std::span<double> b) const override {
    std::copy_n(&network_.feedback()[static_cast<std::size_t>(first)], b.size(), b.begin());
  }
  void read_pre_activation(int first, std::span<double> z) const override { read_rows(shared_.start.rows, first, z); }
  void read_hidden_change(int first, std::span<double> change) const override {
    const auto samples = static_cast<std::size_t>(shared_.start.samples);
    const auto width = static_cast<std::size_t>(shared_.start.width);
    const std::size_t units = change.size() / static_cast<std::size_t>(shared_.problem.inputs);
    std::vector<double> moved(units * samples);
    read_rows(shared_.start.samples, first, moved);
    for (std::size_t u = 0; u < units; ++u) {
      for (std::size_t i = 0; i < samples; ++i) {
        moved[u * samples + i] -=
            static_cast<double>(shared_.start.pre_activation[i * width + static_cast<std::size_t>(first) + u]);
      }
    }
    shared_.gram.solve(moved);
    std::ranges::fill(change, 0.0);
    add_input_multiples(shared_.problem, moved, change);
  }
  [[nodiscard]] bool keeps_hidden_weight() const override { return false; }
  [[nodiscard]] bool read_batch_outputs(std::span<double> f) const override {
    std::transform(f.begin(), f.end(), network_.outputs().begin(), f.begin(), [&](double /*f*/, Scalar output) {
      return static_cast<double>(output / static_cast<Scalar>(root_width_));
    });
    return true;
  }

  void save(ByteWriter& out) const {
    network_.template save<Step>(out);
    out.put_array(std::span<const Scalar>(error_));
    delayed_.save(out);
  }

  void restore(ByteReader& in, const SavedAt& /*at*/) {
    network_.template restore<Step>(in);
    get_finite(in, std::span(error_));
    delayed_.restore(in);
    take_taught();
  }

 private:
  [[nodiscard]] std::size_t samples() const { return static_cast<std::size_t>(shared_.start.samples); }
  [[nodiscard]] std::span<const Scalar> training_errors() const { return std::span(error_).first(samples()); }

  void take_error() {
    for (std::size_t i = 0; i < error_.size(); ++i) {
      error_[i] = network_.outputs()[i] / static_cast<Scalar>(root_width_) - shared_.targets[i];
    }
    take_taught();
  }

  void take_taught() {
    const std::span<const Scalar> error = delayed_.are_late() ? delayed_.arriving() : training_errors();
    visit_computed_rule(rule_, [&](auto type) {
      for (std::size_t i = 0; i < taught_.size(); ++i) {
        taught_[i] = decltype(type)::type::teaching(error[i], shared_.targets[i]);
      }
    });
  }
  /// What teaches the hidden layer, samples.
  [[nodiscard]] std::span<const Scalar> taught() const { return taught_.empty() ? training_errors() : taught_; }

  /// The first `rows` rows of Z: units x rows.
  void read_rows(int rows, int first, std::span<double> z) const {
    std::vector<Scalar> row(z.size() / static_cast<std::size_t>(rows));
    for (int i = 0; i < rows; ++i) {
      network_.copy_pre_activations(i, first, row);
      for (std::size_t u = 0; u < row.size(); ++u) {
        z[u * static_cast<std::size_t>(rows) + static_cast<std::size_t>(i)] = static_cast<double>(row[u]);
      }
    }
  }

  [[nodiscard]] double sum_of_squares(int first, int end) const {
    double sum = 0;
    for (int i = first; i < end; ++i) {
      const auto e = static_cast<double>(error_[static_cast<std::size_t>(i)]);
      sum += e * e;
    }
    return sum;
  }

  /// In blocks of units, which bounds the memory.
  void observe_hidden(Observation& o) const {
    const int samples = shared_.start.samples;
    const std::span<const Scalar> beta = network_.output_weight();
    const std::span<const Scalar> b = network_.feedback();
    constexpr int block_units = 256;
    for (int first = 0; first < shared_.start.width; first += block_units) {
      const int units = std::min(block_units, shared_.start.width - first);
      UnitBlock<Scalar> block(units, samples, static_cast<int>(taught_.size()));
      for (int i = 0; i < samples; ++i) {
        Scalar* z = block.change.col(i).data();
        Scalar* s = block.signal.col(i).data();
        const Scalar* z0 = &shared_.start.pre_activation[static_cast<std::size_t>(i) * shared_.start.width + first];
        const Scalar e = error_[static_cast<std::size_t>(i)];
        network_.copy_pre_activations(i, first, std::span(z, static_cast<std::size_t>(units)));
        for (int u = 0; u < units; ++u) {  // without a branch, which would keep it from vectors
          s[u] = Activation::derivative(z[u], Activation::value(z[u]));
          z[u] -= z0[u];
        }
        if (!taught_.empty()) {
          block.rule_signal.col(i) = taught_[static_cast<std::size_t>(i)] * block.signal.col(i);
        }
        block.signal.col(i) *= e;
      }
      for (int u = 0; u < units; ++u) {
        const auto at = static_cast<std::size_t>(first + u);
        block.output[u] = static_cast<double>(beta[at]);
        block.feedback[u] =
            feedback_of(ComputedRules(), computed_rule(rule_), static_cast<double>(b[at]), block.output[u]);
      }
      shared_.add_hidden(block, o);
    }
    o.max_hidden_change = std::sqrt(o.max_hidden_change);
  }

  const Shared& shared_;
  int rule_;
  double hidden_factor_;
  double root_width_;
  Network network_;
  std::vector<Scalar> error_;      // f - y, rows
  DelayedErrors<Scalar> delayed_;  // of samples
  std::vector<Scalar> taught_;     // samples; empty where the step's error teaches
};

/// The faster of the two layouts.
template <class Scalar, class Activation>
using NetworkFor = std::conditional_t<Activation::derivative_is_zero_or_one, TableNetwork<Scalar, Activation>,
                                      DenseNetwork<Scalar, Activation>>;

}  // namespace

template <class Scalar>
SampleSpaceSolver<Scalar>::SampleSpaceSolver(const Problem& problem)
    : shared_(std::make_unique<const Shared>(problem)) {}

template <class Scalar>
SampleSpaceSolver<Scalar>::~SampleSpaceSolver() = default;

template <class Scalar>
RunRecord SampleSpaceSolver<Scalar>::train(const TrainingRequest& request, const RunSpec& run) const {
  return Activations::visit(run.activation, [&](auto activation) {
    return visit_computed_rule(run.rule, [&](auto rule) {
      using A = typename decltype(activation)::type;
      using R = typename decltype(rule)::type;
      if constexpr (SampleSpace::takes<A, R>) {
        using State = SampleSpaceState<Scalar, NetworkFor<Scalar, A>, StepOf<R>, A, Shared>;
        return train_run([&] { return State(*shared_, request.training, run.rule); }, run, request,
                         Solver::sample_space);
      } else {
        assert(false);  // choose_solver() refuses it
        return RunRecord();
      }
    });
  });
}

template class SampleSpaceSolver<float>;
template class SampleSpaceSolver<double>;

}  // namespace fasweep
