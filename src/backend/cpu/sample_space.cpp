#include "backend/cpu/sample_space.hpp"

#include <cmath>
#include <type_traits>

#include <Eigen/Dense>

#include "backend/cpu/dense_network.hpp"
#include "backend/cpu/gram.hpp"
#include "backend/cpu/table_network.hpp"
#include "train/train_loop.hpp"

namespace fasweep {
namespace {

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

}  // namespace

template <class Scalar>
struct SampleSpaceSolver<Scalar>::Shared {
  explicit Shared(const Problem& problem) : gram(problem) {
    start.samples = problem.samples;
    start.rows = problem.samples + problem.test_samples;
    start.width = problem.width;
    const Eigen::Map<const Eigen::MatrixXd> x(problem.x.data(), problem.inputs, start.rows);
    const Eigen::Map<const Eigen::MatrixXd> w(problem.hidden_weight.data(), problem.inputs, problem.width);
    const Matrix<Scalar> k = gram.matrix.template cast<Scalar>();
    const Matrix<Scalar> z = w.template cast<Scalar>().transpose() * x.template cast<Scalar>();
    start.gram.assign(k.data(), k.data() + k.size());
    start.pre_activation.assign(z.data(), z.data() + z.size());
    start.output_weight.assign(problem.output_weight.begin(), problem.output_weight.end());
    start.feedback.assign(problem.feedback.begin(), problem.feedback.end());
    targets.assign(problem.y.begin(), problem.y.end());
    root = gram.root().template cast<Scalar>();
    inverse_root = gram.inverse_root().template cast<Scalar>();
  }

  GramMatrix gram;
  SampleSpaceStart<Scalar> start;
  std::vector<Scalar> targets;
  Matrix<Scalar> root;          // K = root^T root
  Matrix<Scalar> inverse_root;  // of K's pseudo-inverse, likewise
};

namespace {

template <class Scalar, class Network, class Rule, class Activation, class Shared>
class SampleSpaceState {
 public:
  explicit SampleSpaceState(const Shared& shared)
      : shared_(shared),
        root_width_(std::sqrt(static_cast<double>(shared.start.width))),
        network_(shared.start),
        error_(shared.targets.size()) {
    take_error();
  }

  [[nodiscard]] double loss() const { return 0.5 * sum_of_squares(0, shared_.start.samples); }
  [[nodiscard]] double decayed_square() const { return as_double(network_.output_weight()).squaredNorm(); }

  void advance(double step_size, double ridge) {
    network_.advance(std::span(error_).first(static_cast<std::size_t>(shared_.start.samples)),
                     static_cast<Scalar>(1 - step_size * ridge), static_cast<Scalar>(step_size / root_width_));
    take_error();
  }

  [[nodiscard]] Observation observe() const {
    Observation o;
    const int samples = shared_.start.samples;
    const int rows = shared_.start.rows;
    o.squared_error = sum_of_squares(0, samples);
    const Eigen::VectorXd beta = as_double(network_.output_weight());
    const Eigen::VectorXd b = as_double(shared_.start.feedback);
    o.output_square = beta.squaredNorm();
    o.feedback_square = b.squaredNorm();
    o.feedback_dot_output = b.dot(beta);
    complete_single_output(rows > samples ? sum_of_squares(samples, rows) : not_a_number, o);
    o.max_output_change = (beta - as_double(shared_.start.output_weight)).cwiseAbs().maxCoeff();
    observe_hidden(beta, b, o);
    return o;
  }

  void save(ByteWriter& out) const {
    network_.save(out);
    out.put_array(std::span<const Scalar>(error_));
  }

  void restore(ByteReader& in) {
    network_.restore(in);
    in.get_into(std::span(error_));
  }

 private:
  static Eigen::VectorXd as_double(std::span<const Scalar> values) {
    return Eigen::Map<const Eigen::Matrix<Scalar, Eigen::Dynamic, 1>>(values.data(),
                                                                      static_cast<Eigen::Index>(values.size()))
        .template cast<double>();
  }

  void take_error() {
    for (std::size_t i = 0; i < error_.size(); ++i) {
      error_[i] = network_.outputs()[i] / static_cast<Scalar>(root_width_) - shared_.targets[i];
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

  /// W(t) - W(0) = A^T X for some multipliers A, and z_r(t) - z_r(0) = K a_r, so ||w_r(t) - w_r(0)||^2 = a_r^T K a_r is
  /// the change of z_r in the metric of K's pseudo-inverse. The gradient of unit r is v_r X^T (e .* psi'(z_r)) /
  /// sqrt(p), whose norm is likewise one in the metric of K. In blocks of units, which bounds the memory.
  void observe_hidden(const Eigen::VectorXd& beta, const Eigen::VectorXd& b, Observation& o) const {
    const int samples = shared_.start.samples;
    const int width = shared_.start.width;
    const double width_square = root_width_ * root_width_;
    constexpr int block_units = 256;
    double largest = 0;
    for (int first = 0; first < width; first += block_units) {
      const int units = std::min(block_units, width - first);
      Matrix<Scalar> change(units, samples);
      Matrix<Scalar> signal(units, samples);
      for (int i = 0; i < samples; ++i) {
        Scalar* z = change.col(i).data();
        Scalar* s = signal.col(i).data();
        const Scalar* z0 = &shared_.start.pre_activation[static_cast<std::size_t>(i) * width + first];
        const Scalar e = error_[static_cast<std::size_t>(i)];
        network_.copy_pre_activations(i, first, std::span(z, static_cast<std::size_t>(units)));
        for (int u = 0; u < units; ++u) {
          s[u] = e * Activation::derivative(Activation::value(z[u]));
          z[u] -= z0[u];
        }
      }
      const Eigen::ArrayXd moved =
          (change * shared_.inverse_root.transpose()).eval().rowwise().squaredNorm().template cast<double>();
      const Eigen::ArrayXd square =
          (signal * shared_.root.transpose()).eval().rowwise().squaredNorm().template cast<double>() / width_square;
      const Eigen::ArrayXd output = beta.segment(first, units);
      const Eigen::ArrayXd v =
          beta.segment(first, units).binaryExpr(b.segment(first, units), [](double beta_r, double b_r) {
            return Rule::feedback(b_r, beta_r);
          });
      o.hidden_change_square += moved.sum();
      largest = std::max(largest, moved.maxCoeff());
      o.rule_gradient_square += (v.square() * square).sum();
      o.backprop_gradient_square += (output.square() * square).sum();
      o.gradient_dot += (v * output * square).sum();
    }
    o.max_hidden_change = std::sqrt(largest);
  }

  const Shared& shared_;
  double root_width_;
  Network network_;
  std::vector<Scalar> error_;  // f - y, rows
};

/// The faster of the two layouts.
template <class Scalar, class Activation, class Rule>
using NetworkFor = std::conditional_t<Activation::derivative_is_zero_or_one, TableNetwork<Scalar, Activation, Rule>,
                                      DenseNetwork<Scalar, Activation, Rule>>;

}  // namespace

template <class Scalar>
SampleSpaceSolver<Scalar>::SampleSpaceSolver(const Problem& problem)
    : shared_(std::make_unique<const Shared>(problem)) {}

template <class Scalar>
SampleSpaceSolver<Scalar>::~SampleSpaceSolver() = default;

template <class Scalar>
RunRecord SampleSpaceSolver<Scalar>::train(const TrainingRequest& request, const RunSpec& run) const {
  return Activations::visit(run.activation, [&](auto activation) {
    return Rules::visit(run.rule, [&](auto rule) {
      using A = typename decltype(activation)::type;
      using R = typename decltype(rule)::type;
      SampleSpaceState<Scalar, NetworkFor<Scalar, A, R>, R, A, Shared> state(*shared_);
      return train_run(state, run, request, Solver::sample_space);
    });
  });
}

template class SampleSpaceSolver<float>;
template class SampleSpaceSolver<double>;

}  // namespace fasweep
