#include "backend/cpu/weight_space.hpp"

#include <cmath>
#include <span>

#include <Eigen/Dense>

#include "train/train_loop.hpp"

namespace fasweep {
namespace {

template <class Scalar, class Activation, class Rule>
class WeightSpaceState {
 public:
  // Column-major with one column a sample or a unit, so that every elementwise loop is contiguous.
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  explicit WeightSpaceState(const Problem& problem)
      : samples_(problem.samples),
        tests_(problem.test_samples),
        root_width_(static_cast<Scalar>(std::sqrt(static_cast<double>(problem.width)))),
        x_(map(problem.x, problem.inputs, samples_ + tests_)),
        y_(map(problem.y, samples_ + tests_, 1)),
        initial_hidden_weight_(map(problem.hidden_weight, problem.inputs, problem.width)),
        initial_output_weight_(map(problem.output_weight, problem.width, 1)),
        feedback_(map(problem.feedback, problem.width, 1)),
        hidden_weight_(initial_hidden_weight_),
        output_weight_(initial_output_weight_) {
    forward();
  }

  [[nodiscard]] double squared_error() const { return error_.head(samples_).template cast<double>().squaredNorm(); }
  [[nodiscard]] double output_square() const { return output_weight_.template cast<double>().squaredNorm(); }

  void advance(double step_size, double ridge) {
    const auto scale = static_cast<Scalar>(step_size) / root_width_;
    make_signal(rule_feedback());
    hidden_weight_.noalias() -= (scale * x_.leftCols(samples_)) * signal_.transpose();
    const Vector gradient = activation_.leftCols(samples_) * error_.head(samples_);
    output_weight_ = static_cast<Scalar>(1 - step_size * ridge) * output_weight_ - scale * gradient;
    forward();
  }

  [[nodiscard]] Observation observe() {
    Observation o;
    o.squared_error = squared_error();
    if (tests_ > 0) {
      o.test_squared_error = error_.tail(tests_).template cast<double>().squaredNorm();
    }
    const Eigen::VectorXd beta = output_weight_.template cast<double>();
    const Eigen::VectorXd b = feedback_.template cast<double>();
    o.output_square = beta.squaredNorm();
    o.feedback_square = b.squaredNorm();
    o.feedback_dot_output = b.dot(beta);
    o.max_output_change = (beta - initial_output_weight_.template cast<double>()).cwiseAbs().maxCoeff();
    const Eigen::VectorXd unit_change =
        (hidden_weight_ - initial_hidden_weight_).template cast<double>().colwise().squaredNorm().transpose();
    o.hidden_change_square = unit_change.sum();
    o.max_hidden_change = std::sqrt(unit_change.maxCoeff());
    observe_gradients(o);
    return o;
  }

  void save(ByteWriter& out) const {
    out.put_array(numbers(hidden_weight_));
    out.put_array(numbers(output_weight_));
  }

  void restore(ByteReader& in) {
    in.get_into(std::span(hidden_weight_.data(), numbers(hidden_weight_).size()));
    in.get_into(std::span(output_weight_.data(), numbers(output_weight_).size()));
    forward();
  }

 private:
  template <class Dense>
  static std::span<const Scalar> numbers(const Dense& dense) {
    return {dense.data(), static_cast<std::size_t>(dense.size())};
  }
  static Eigen::Map<const Eigen::MatrixXd> map_double(const std::vector<double>& values, int rows, int columns) {
    return {values.data(), rows, columns};
  }
  static Matrix map(const std::vector<double>& values, int rows, int columns) {
    return map_double(values, rows, columns).template cast<Scalar>();
  }

  /// H = psi(W X), error = f - y for every sample, test samples included. Shapes: W inputs x width, H width x samples.
  /// Never inlined: a restored state comes through the same instructions as one that was never saved.
  [[gnu::noinline]] void forward() {
    activation_.noalias() = hidden_weight_.transpose() * x_;
    Scalar* h = activation_.data();
    const Eigen::Index size = activation_.size();
    for (Eigen::Index i = 0; i < size; ++i) {
      h[i] = Activation::value(h[i]);
    }
    error_.noalias() = activation_.transpose() * output_weight_;
    error_ = error_ / root_width_ - y_;
  }

  [[nodiscard]] Vector rule_feedback() const {
    return feedback_.binaryExpr(output_weight_, [](Scalar b, Scalar beta) { return Rule::feedback(b, beta); });
  }

  /// signal = (v e^T) .* psi'(Z), width x samples: what each unit is told about each sample.
  void make_signal(const Vector& v) {
    signal_.resize(v.size(), samples_);
    for (Eigen::Index i = 0; i < samples_; ++i) {
      const Scalar e = error_[i];
      const Scalar* h = activation_.col(i).data();
      Scalar* s = signal_.col(i).data();
      for (Eigen::Index r = 0; r < v.size(); ++r) {
        s[r] = e * v[r] * Activation::derivative(h[r]);
      }
    }
  }

  /// Row r of S(v) is v_r g_r with g_r = X^T (e .* psi'(z_r)) / sqrt(p), the same for every v: the squared norms of the
  /// g_r give both gradients and their product.
  void observe_gradients(Observation& o) {
    make_signal(Vector::Ones(output_weight_.size()));
    const Matrix gradient = x_.leftCols(samples_) * signal_.transpose() / root_width_;  // inputs x width
    const Eigen::ArrayXd square = gradient.template cast<double>().colwise().squaredNorm().transpose();
    const Eigen::ArrayXd v = rule_feedback().template cast<double>();
    const Eigen::ArrayXd beta = output_weight_.template cast<double>();
    o.rule_gradient_square = (v.square() * square).sum();
    o.backprop_gradient_square = (beta.square() * square).sum();
    o.gradient_dot = (v * beta * square).sum();
  }

  Eigen::Index samples_;
  Eigen::Index tests_;
  Scalar root_width_;
  Matrix x_;                      // inputs x samples
  Vector y_;                      // samples
  Matrix initial_hidden_weight_;  // inputs x width
  Vector initial_output_weight_;
  Vector feedback_;
  Matrix hidden_weight_;  // inputs x width
  Vector output_weight_;
  Matrix activation_;  // width x samples
  Matrix signal_;      // width x training samples
  Vector error_;       // samples
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
