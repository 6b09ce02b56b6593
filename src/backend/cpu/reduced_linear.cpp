#include "backend/cpu/reduced_linear.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <span>

#include <Eigen/Dense>

#include "backend/common/gram.hpp"
#include "model/observation.hpp"
#include "model/richness.hpp"
#include "model/rule/list.hpp"
#include "model/solver/reduced_linear.hpp"
#include "train/train_loop.hpp"

namespace fasweep {

// In coordinates of B (width x m, m = samples + 2): beta = B q, W - W(0) = B A X and Z^T = B (M0 + A K), where B M0 =
// U. With G = B^T B, and B s the rule's feedback,
//   f = Z beta / sqrt(p) = (M0 + A K)^T G q / sqrt(p)
//   q <- (1 - eta lambda) q - (eta / sqrt p) (M0 + A K) e      A <- A - (eta / sqrt p) s e^T
// A K is kept beside A, so that a step needs no product of matrices. Under a rule that does not use beta, s is b's
// coordinate and A has a single row. Test samples are further columns of U and of K.
struct ReducedLinearSolver::Shared {
  explicit Shared(const Problem& of)
      : problem(of),
        samples(problem.samples),
        rows(problem.samples + problem.test_samples),
        root_width(std::sqrt(static_cast<double>(problem.width))),
        gram(problem),
        root(gram.root()),
        y(Eigen::Map<const Eigen::VectorXd>(problem.y.data(), rows)) {
    basis.resize(problem.width, rows + 2);
    basis.col(output) = Eigen::Map<const Eigen::VectorXd>(problem.output_weight.data(), problem.width);
    basis.col(feedback) = Eigen::Map<const Eigen::VectorXd>(problem.feedback.data(), problem.width);
    make_pre_activation(problem, Eigen::Map<Eigen::MatrixXd>(basis.col(hidden).data(), problem.width, rows));
    basis_gram.setZero(rows + 2, rows + 2);
    basis_gram.selfadjointView<Eigen::Lower>().rankUpdate(basis.transpose());
    basis_gram.triangularView<Eigen::StrictlyUpper>() = basis_gram.transpose();
  }

  static constexpr Eigen::Index output = 0;    // column of beta(0)
  static constexpr Eigen::Index feedback = 1;  // column of b
  static constexpr Eigen::Index hidden = 2;    // first column of U

  const Problem& problem;
  int samples;
  int rows;
  double root_width;
  GramMatrix gram;
  Eigen::MatrixXd root;  // of K: ||root a|| = ||X^T a||
  Eigen::VectorXd y;
  Eigen::MatrixXd basis;       // B
  Eigen::MatrixXd basis_gram;  // G
};

namespace {

template <class Rule, class Shared>
class ReducedLinearState final : public NetworkReader {
 public:
  /// hidden_factor: of W's step size.
  ReducedLinearState(const Shared& shared, double hidden_factor)
      : shared_(shared),
        hidden_factor_(hidden_factor),
        uses_output_(Rule::feedback(0.0, 1.0) != 0),
        moving_(uses_output_ ? shared.basis.cols() : 1),
        output_(Eigen::VectorXd::Unit(shared.basis.cols(), Shared::output)),
        feedback_(Eigen::VectorXd::Unit(shared.basis.cols(), Shared::feedback)),
        hidden_(Eigen::MatrixXd::Zero(shared.samples, moving_)),
        hidden_gram_(Eigen::MatrixXd::Zero(shared.rows, moving_)) {
    forward();
  }

  [[nodiscard]] double loss() const { return 0.5 * error_.head(shared_.samples).squaredNorm(); }
  [[nodiscard]] double decayed_square() const { return output_.dot(gram_output_); }

  void advance(double step_size, double ridge) {
    const double scale = step_size / shared_.root_width;
    const auto e = error_.head(shared_.samples);
    spread_error_.noalias() = shared_.gram.matrix * e;
    set_rule_feedback();
    moving_gradient_.noalias() = hidden_gram_.topRows(shared_.samples).transpose() * e;
    moving_feedback_ = hidden_factor_ * scale * moving_part(rule_feedback_);
    for (Eigen::Index k = 0; k < moving_; ++k) {
      hidden_.col(k) -= moving_feedback_[k] * e;
      hidden_gram_.col(k) -= moving_feedback_[k] * spread_error_;
    }
    take_step(output_.data(), nullptr, output_.size(), 1 - step_size * ridge, scale);
    take_step(output_.data() + Shared::hidden, error_.data(), shared_.samples, 1, scale);
    take_step(moving_part(output_).data(), moving_gradient_.data(), moving_, 1, scale);
    forward();
  }

  [[nodiscard]] Observation observe() {
    const Eigen::MatrixXd& g = shared_.basis_gram;
    Observation o;
    o.squared_error = error_.head(shared_.samples).squaredNorm();
    o.output_square = decayed_square();
    o.feedback_square = g(Shared::feedback, Shared::feedback);
    o.feedback_dot_output = gram_output_[Shared::feedback];
    const Eigen::Index tests = shared_.rows - shared_.samples;
    complete_single_output(tests > 0 ? error_.tail(tests).squaredNorm() : not_a_number, o);
    // S(v) = B s (X^T e)^T / sqrt(p): the rule's gradient and backprop's share the factor ||X^T e||^2 / p.
    const double error_square =
        (shared_.root * error_.head(shared_.samples)).squaredNorm() / (shared_.root_width * shared_.root_width);
    set_rule_feedback();
    const Eigen::VectorXd& s = rule_feedback_;
    o.rule_gradient_square = s.dot(g * s) * error_square;
    o.backprop_gradient_square = o.output_square * error_square;
    o.gradient_dot = s.dot(gram_output_) * error_square;
    observe_hidden(o);
    output_changes_.push_back(output_);
    return o;
  }

  void read_output_weight(int first, std::span<double> beta) const override {
    const auto units = static_cast<Eigen::Index>(beta.size());
    Eigen::Map<Eigen::VectorXd>(beta.data(), units).noalias() = shared_.basis.middleRows(first, units) * output_;
  }
  void read_feedback(int first, std::span<double> b) const override {
    std::copy_n(shared_.basis.col(Shared::feedback).data() + first, b.size(), b.begin());
  }
  [[nodiscard]] bool read_batch_outputs(std::span<double> f) const override {
    Eigen::Map<Eigen::VectorXd>(f.data(), shared_.samples) = (error_ + shared_.y).head(shared_.samples);
    return true;
  }
  /// Z^T = U + B A K, of which the rows of B that belong to the block.
  void read_pre_activation(int first, std::span<double> z) const override {
    const Eigen::Index units = static_cast<Eigen::Index>(z.size()) / shared_.rows;
    Eigen::Map<RowMajor> block(z.data(), units, shared_.rows);
    block = shared_.basis.block(first, Shared::hidden, units, shared_.rows);
    block.noalias() += moving_basis(first, units) * hidden_gram_.transpose();
  }
  /// W(t) - W(0) = B A X; exact whatever the rank of K.
  void read_hidden_change(int first, std::span<double> change) const override {
    const Eigen::Index units = static_cast<Eigen::Index>(change.size()) / shared_.problem.inputs;
    const RowMajor multipliers = moving_basis(first, units) * hidden_.transpose();
    std::ranges::fill(change, 0.0);
    add_input_multiples(shared_.problem, numbers(multipliers), change);
  }

  [[nodiscard]] std::array<double, 3> output_parts() const override {
    const auto of = [&](Eigen::Index first, Eigen::Index count) {
      const auto part = output_.segment(first, count);
      return std::sqrt(std::max(part.dot(shared_.basis_gram.block(first, first, count, count) * part), 0.0));
    };
    return {of(Shared::output, 1), of(Shared::hidden, shared_.rows), of(Shared::feedback, 1)};
  }

  void save(ByteWriter& out) const {
    for (const Eigen::VectorXd& change : output_changes_) {
      out.put_array(numbers(change));
    }
    out.put_array(numbers(output_));
    out.put_array(numbers(hidden_));
    out.put_array(numbers(hidden_gram_));
    out.put_array(numbers(gram_output_));
    out.put_array(numbers(error_));
  }

  void restore(ByteReader& in, const SavedAt& at) {
    output_changes_.assign(at.observations, Eigen::VectorXd(output_.size()));
    for (Eigen::VectorXd& change : output_changes_) {
      get_finite(in, numbers(change));
    }
    get_finite(in, numbers(output_));
    get_finite(in, numbers(hidden_));
    get_finite(in, numbers(hidden_gram_));
    get_finite(in, numbers(gram_output_));
    get_finite(in, numbers(error_));
  }

  /// Fills in what is cheaper for all observed steps at once: B q is a matrix product then.
  void complete(std::span<Observation> observations) const {
    Eigen::MatrixXd changes(output_.size(), static_cast<Eigen::Index>(output_changes_.size()));
    for (Eigen::Index k = 0; k < changes.cols(); ++k) {
      changes.col(k) = output_changes_[static_cast<std::size_t>(k)];
      changes(Shared::output, k) -= 1;
    }
    Eigen::VectorXd largest = Eigen::VectorXd::Zero(changes.cols());
    constexpr Eigen::Index block_units = 256;
    for (Eigen::Index first = 0; first < shared_.basis.rows(); first += block_units) {
      const auto rows = shared_.basis.middleRows(first, std::min(block_units, shared_.basis.rows() - first));
      const Eigen::MatrixXd block = rows * changes;
      largest = largest.cwiseMax(block.cwiseAbs().colwise().maxCoeff().transpose());
    }
    for (std::size_t k = 0; k < observations.size(); ++k) {
      observations[k].max_output_change = largest[static_cast<Eigen::Index>(k)];
    }
  }

 private:
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  /// The columns of B in which the rule moves W, rows first to first + units.
  [[nodiscard]] auto moving_basis(Eigen::Index first, Eigen::Index units) const {
    return shared_.basis.block(first, uses_output_ ? 0 : Shared::feedback, units, moving_);
  }

  template <class Dense>
  static auto numbers(Dense& dense) {
    return std::span(dense.data(), static_cast<std::size_t>(dense.size()));
  }

  /// A part of the step of beta, in coordinates: they add up, as a rule's step is affine. gradient: nullptr for none.
  static void take_step(double* coordinates, const double* gradient, Eigen::Index count, double decay, double scale) {
    for (Eigen::Index k = 0; k < count; ++k) {
      Readout<double> readout{coordinates[k], 0};
      Rule::step(readout, gradient == nullptr ? 0.0 : gradient[k], decay, scale);
      coordinates[k] = readout.beta;
    }
  }

  /// The coordinates in which the rule moves W: all of them, or that of b.
  [[nodiscard]] auto moving_part(Eigen::VectorXd& coordinates) const {
    return coordinates.segment(uses_output_ ? 0 : Shared::feedback, moving_);
  }

  /// Coordinates of the rule's feedback: the rule applied to those of b and beta, since it is linear.
  void set_rule_feedback() {
    rule_feedback_ = feedback_.binaryExpr(output_, [](double b, double beta) { return Rule::feedback(b, beta); });
  }

  void forward() {
    gram_output_.noalias() = shared_.basis_gram * output_;
    error_ = gram_output_.tail(shared_.rows);
    error_.noalias() += hidden_gram_ * moving_part(gram_output_);
    error_ = error_ / shared_.root_width - shared_.y;
  }

  /// ||W - W(0)||_F^2 = tr(A^T G A K), and row r of W - W(0) is B_r A X.
  void observe_hidden(Observation& o) const {
    const Eigen::MatrixXd moved = hidden_.transpose() * shared_.root.transpose();
    const Eigen::MatrixXd metric = moved * moved.transpose();
    if (!uses_output_) {
      o.hidden_change_square = metric(0, 0) * shared_.basis_gram(Shared::feedback, Shared::feedback);
      o.max_hidden_change = shared_.basis.col(Shared::feedback).cwiseAbs().maxCoeff() * std::sqrt(metric(0, 0));
      return;
    }
    o.hidden_change_square = metric.cwiseProduct(shared_.basis_gram).sum();
    double largest = 0;
    constexpr Eigen::Index block_units = 256;
    for (Eigen::Index first = 0; first < shared_.basis.rows(); first += block_units) {
      const Eigen::Index units = std::min(block_units, shared_.basis.rows() - first);
      const Eigen::MatrixXd rows = shared_.basis.middleRows(first, units) * moved;
      largest = std::max(largest, rows.rowwise().squaredNorm().maxCoeff());
    }
    o.max_hidden_change = std::sqrt(largest);
  }

  const Shared& shared_;
  double hidden_factor_;
  bool uses_output_;                             // whether the rule's feedback depends on beta
  Eigen::Index moving_;                          // rows of A
  Eigen::VectorXd output_;                       // q
  Eigen::VectorXd feedback_;                     // coordinates of b
  Eigen::MatrixXd hidden_;                       // A^T: samples x moving
  Eigen::MatrixXd hidden_gram_;                  // K A^T: rows x moving
  Eigen::VectorXd gram_output_;                  // G q
  Eigen::VectorXd error_;                        // f - y, rows
  Eigen::VectorXd spread_error_;                 // K e, rows
  Eigen::VectorXd rule_feedback_;                // s
  Eigen::VectorXd moving_feedback_;              // its part that moves W, times eta / sqrt p
  Eigen::VectorXd moving_gradient_;              // A K e
  std::vector<Eigen::VectorXd> output_changes_;  // q at the observed steps
};

}  // namespace

ReducedLinearSolver::ReducedLinearSolver(const Problem& problem) : shared_(std::make_unique<const Shared>(problem)) {}

ReducedLinearSolver::~ReducedLinearSolver() = default;

RunRecord ReducedLinearSolver::train(const TrainingRequest& request, const RunSpec& run) const {
  return visit_computed_rule(run.rule, [&](auto rule) {
    using R = typename decltype(rule)::type;
    if constexpr (ReducedLinear::takes<Linear, R>) {
      using State = ReducedLinearState<R, Shared>;
      const double factor = hidden_step_factor(request.training, shared_->problem.width, run.rule);
      return train_run([&] { return State(*shared_, factor); }, run, request, Solver::reduced_linear);
    } else {
      assert(false);  // choose_solver() refuses it
      return RunRecord();
    }
  });
}

}  // namespace fasweep
