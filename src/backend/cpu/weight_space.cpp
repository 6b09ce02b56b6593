#include "backend/cpu/weight_space.hpp"

#include <cmath>
#include <span>

#include <Eigen/Dense>

#include "train/train_loop.hpp"

namespace fasweep {
namespace {

/// The weights and every matrix product of a step and of an observation, which are the same for every activation and
/// rule and so are compiled once a precision. Column-major with one column a sample or a unit, so that every
/// elementwise loop is contiguous. Nothing is inlined: a restored state comes through the same instructions as one that
/// was never saved.
template <class Scalar>
struct WeightSpaceNetwork {
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  [[gnu::noinline]] explicit WeightSpaceNetwork(const Problem& problem)
      : samples(problem.samples),
        tests(problem.test_samples),
        root_width(static_cast<Scalar>(std::sqrt(static_cast<double>(problem.width)))),
        x(map(problem.x, problem.inputs, samples + tests)),
        y(map(problem.y, samples + tests, 1)),
        initial_hidden_weight(map(problem.hidden_weight(), problem.inputs, problem.width)),
        initial_output_weight(map(problem.output_weight, problem.width, 1)),
        feedback(map(problem.feedback, problem.width, 1)),
        hidden_weight(initial_hidden_weight),
        output_weight(initial_output_weight),
        rule_feedback(problem.width),
        signal(problem.width, samples) {}

  static Matrix map(const std::vector<double>& values, Eigen::Index rows, Eigen::Index columns) {
    return Eigen::Map<const Eigen::MatrixXd>(values.data(), rows, columns).template cast<Scalar>();
  }

  [[gnu::noinline]] void make_pre_activation() { activation.noalias() = hidden_weight.transpose() * x; }

  [[gnu::noinline]] void make_error() {
    error.noalias() = activation.transpose() * output_weight;
    error = error / root_width - y;
  }

  /// Both layers by the signal of the rule's feedback.
  [[gnu::noinline]] void descend(Scalar step_size, Scalar decay) {
    const Scalar scale = step_size / root_width;
    hidden_weight.noalias() -= (scale * x.leftCols(samples)) * signal.transpose();
    const Vector gradient = activation.leftCols(samples) * error.head(samples);
    output_weight = decay * output_weight - scale * gradient;
  }

  [[nodiscard, gnu::noinline]] double squared_error() const {
    return error.head(samples).template cast<double>().squaredNorm();
  }
  [[nodiscard, gnu::noinline]] double output_square() const {
    return output_weight.template cast<double>().squaredNorm();
  }

  /// All but the gradients.
  [[nodiscard, gnu::noinline]] Observation observe_weights() const {
    Observation o;
    o.squared_error = squared_error();
    if (tests > 0) {
      o.test_squared_error = error.tail(tests).template cast<double>().squaredNorm();
    }
    const Eigen::VectorXd beta = output_weight.template cast<double>();
    const Eigen::VectorXd b = feedback.template cast<double>();
    o.output_square = beta.squaredNorm();
    o.feedback_square = b.squaredNorm();
    o.feedback_dot_output = b.dot(beta);
    o.max_output_change = (beta - initial_output_weight.template cast<double>()).cwiseAbs().maxCoeff();
    const Eigen::VectorXd unit_change =
        (hidden_weight - initial_hidden_weight).template cast<double>().colwise().squaredNorm().transpose();
    o.hidden_change_square = unit_change.sum();
    o.max_hidden_change = std::sqrt(unit_change.maxCoeff());
    return o;
  }

  /// Row r of S(v) is v_r g_r with g_r = X^T (e .* psi'(z_r)) / sqrt(p), the same for every v: the squared norms of the
  /// g_r give both gradients and their product. The signal is that of v = 1.
  [[gnu::noinline]] void observe_gradients(Observation& o) const {
    const Matrix gradient = x.leftCols(samples) * signal.transpose() / root_width;  // inputs x width
    const Eigen::ArrayXd square = gradient.template cast<double>().colwise().squaredNorm().transpose();
    const Eigen::ArrayXd v = rule_feedback.template cast<double>();
    const Eigen::ArrayXd beta = output_weight.template cast<double>();
    o.rule_gradient_square = (v.square() * square).sum();
    o.backprop_gradient_square = (beta.square() * square).sum();
    o.gradient_dot = (v * beta * square).sum();
  }

  Eigen::Index samples;
  Eigen::Index tests;
  Scalar root_width;
  Matrix x;                      // inputs x samples
  Vector y;                      // samples
  Matrix initial_hidden_weight;  // inputs x width
  Vector initial_output_weight;
  Vector feedback;
  Matrix hidden_weight;  // inputs x width
  Vector output_weight;
  Vector rule_feedback;  // v
  Matrix activation;     // psi(Z): width x samples
  Matrix signal;         // width x training samples
  Vector error;          // samples
};

template <class Scalar, class Activation, class Rule>
class WeightSpaceState {
 public:
  explicit WeightSpaceState(const Problem& problem) : network_(problem) { forward(); }

  [[nodiscard]] double squared_error() const { return network_.squared_error(); }
  [[nodiscard]] double output_square() const { return network_.output_square(); }

  void advance(double step_size, double ridge) {
    set_rule_feedback();
    make_signal([this](Eigen::Index r) { return network_.rule_feedback[r]; });
    network_.descend(static_cast<Scalar>(step_size), static_cast<Scalar>(1 - step_size * ridge));
    forward();
  }

  [[nodiscard]] Observation observe() {
    Observation o = network_.observe_weights();
    set_rule_feedback();
    make_signal([](Eigen::Index /*r*/) { return Scalar(1); });
    network_.observe_gradients(o);
    return o;
  }

  void save(ByteWriter& out) const {
    out.put_array(numbers(network_.hidden_weight));
    out.put_array(numbers(network_.output_weight));
  }

  void restore(ByteReader& in) {
    in.get_into(numbers(network_.hidden_weight));
    in.get_into(numbers(network_.output_weight));
    forward();
  }

 private:
  template <class Dense>
  static auto numbers(Dense& dense) {
    return std::span(dense.data(), static_cast<std::size_t>(dense.size()));
  }

  /// H = psi(W X), error = f - y for every sample, test samples included. Shapes: W inputs x width, H width x samples.
  [[gnu::noinline]] void forward() {
    network_.make_pre_activation();
    Scalar* h = network_.activation.data();
    const Eigen::Index size = network_.activation.size();
    for (Eigen::Index i = 0; i < size; ++i) {
      h[i] = Activation::value(h[i]);
    }
    network_.make_error();
  }

  void set_rule_feedback() {
    const Scalar* b = network_.feedback.data();
    const Scalar* beta = network_.output_weight.data();
    Scalar* v = network_.rule_feedback.data();
    for (Eigen::Index r = 0; r < network_.rule_feedback.size(); ++r) {
      v[r] = Rule::feedback(b[r], beta[r]);
    }
  }

  /// signal = (v e^T) .* psi'(Z), width x samples: what each unit is told about each sample.
  template <class Feedback>
  void make_signal(Feedback feedback) {
    for (Eigen::Index i = 0; i < network_.samples; ++i) {
      const Scalar e = network_.error[i];
      const Scalar* h = network_.activation.col(i).data();
      Scalar* s = network_.signal.col(i).data();
      for (Eigen::Index r = 0; r < network_.rule_feedback.size(); ++r) {
        s[r] = e * feedback(r) * Activation::derivative(h[r]);
      }
    }
  }

  WeightSpaceNetwork<Scalar> network_;
};

}  // namespace

template <class Scalar>
RunRecord train_weight_space(const TrainingRequest& request, const RunSpec& run) {
  return Activations::visit(run.activation, [&](auto activation) {
    return Rules::visit(run.rule, [&](auto rule) {
      WeightSpaceState<Scalar, typename decltype(activation)::type, typename decltype(rule)::type> state(
          request.problem);
      return train_run(state, run, request, Solver::weight_space);
    });
  });
}

template RunRecord train_weight_space<float>(const TrainingRequest&, const RunSpec&);
template RunRecord train_weight_space<double>(const TrainingRequest&, const RunSpec&);

}  // namespace fasweep
