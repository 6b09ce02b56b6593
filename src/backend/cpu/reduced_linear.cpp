#include "backend/cpu/reduced_linear.hpp"

#include <cmath>

#include <Eigen/Dense>

#include "backend/cpu/gram.hpp"
#include "train/train_loop.hpp"

namespace fasweep {

// In coordinates of B (width x m, m = samples + 2): beta = B q, Z^T = B M, W - W(0) = B A X, and with G = B^T B
//   f = Z beta / sqrt(p) = M^T G q / sqrt(p)
//   q <- (1 - eta lambda) q - (eta / sqrt p) M e      M <- M - (eta / sqrt p) s (K e)^T      A <- A - (eta / sqrt p) s
//   e^T
// where B s is the rule's feedback. Test samples are further columns of M and of U.
struct ReducedLinearSolver::Shared {
  explicit Shared(const Problem& problem)
      : samples(problem.samples),
        rows(problem.samples + problem.test_samples),
        root_width(std::sqrt(static_cast<double>(problem.width))),
        gram(problem),
        root(gram.root()),
        y(Eigen::Map<const Eigen::VectorXd>(problem.y.data(), rows)) {
    const Eigen::Map<const Eigen::MatrixXd> x(problem.x.data(), problem.inputs, rows);
    const Eigen::Map<const Eigen::MatrixXd> w(problem.hidden_weight.data(), problem.inputs, problem.width);
    basis.resize(problem.width, rows + 2);
    basis.col(output) = Eigen::Map<const Eigen::VectorXd>(problem.output_weight.data(), problem.width);
    basis.col(feedback) = Eigen::Map<const Eigen::VectorXd>(problem.feedback.data(), problem.width);
    basis.rightCols(rows).noalias() = w.transpose() * x;
    basis_gram.noalias() = basis.transpose() * basis;
  }

  static constexpr Eigen::Index output = 0;    // column of beta(0)
  static constexpr Eigen::Index feedback = 1;  // column of b; those of U follow

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
class ReducedLinearState {
 public:
  explicit ReducedLinearState(const Shared& shared)
      : shared_(shared),
        output_(Eigen::VectorXd::Unit(shared.basis.cols(), Shared::output)),
        feedback_(Eigen::VectorXd::Unit(shared.basis.cols(), Shared::feedback)),
        pre_activation_(Eigen::MatrixXd::Zero(shared.basis.cols(), shared.rows)),
        hidden_(Eigen::MatrixXd::Zero(shared.basis.cols(), shared.samples)) {
    pre_activation_.bottomRows(shared.rows).setIdentity();
    forward();
  }

  [[nodiscard]] double squared_error() const { return error_.head(shared_.samples).squaredNorm(); }
  [[nodiscard]] double output_square() const { return output_.dot(gram_output_); }

  void advance(double step_size, double ridge) {
    const double scale = step_size / shared_.root_width;
    const auto e = error_.head(shared_.samples);
    spread_error_.noalias() = shared_.gram.matrix * e;
    feedback_now_ = rule_feedback();
    gradient_.noalias() = pre_activation_.leftCols(shared_.samples) * e;
    pre_activation_.noalias() -= (scale * feedback_now_) * spread_error_.transpose();
    hidden_.noalias() -= (scale * feedback_now_) * e.transpose();
    output_ = (1 - step_size * ridge) * output_ - scale * gradient_;
    forward();
  }

  [[nodiscard]] Observation observe() {
    const Eigen::MatrixXd& g = shared_.basis_gram;
    Observation o;
    o.squared_error = squared_error();
    if (shared_.rows > shared_.samples) {
      o.test_squared_error = error_.tail(shared_.rows - shared_.samples).squaredNorm();
    }
    o.output_square = output_square();
    o.feedback_square = g(Shared::feedback, Shared::feedback);
    o.feedback_dot_output = gram_output_[Shared::feedback];
    // S(v) = B s (X^T e)^T / sqrt(p): the rule's gradient and backprop's share the factor ||X^T e||^2 / p.
    const double error_square =
        (shared_.root * error_.head(shared_.samples)).squaredNorm() / (shared_.root_width * shared_.root_width);
    const Eigen::VectorXd s = rule_feedback();
    o.rule_gradient_square = s.dot(g * s) * error_square;
    o.backprop_gradient_square = o.output_square * error_square;
    o.gradient_dot = s.dot(gram_output_) * error_square;
    observe_hidden(o);
    output_changes_.push_back(output_);
    return o;
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
  /// Coordinates of the rule's feedback: the rule applied to those of b and beta, since it is linear.
  [[nodiscard]] Eigen::VectorXd rule_feedback() const {
    return feedback_.binaryExpr(output_, [](double b, double beta) { return Rule::feedback(b, beta); });
  }

  void forward() {
    gram_output_.noalias() = shared_.basis_gram * output_;
    error_.noalias() = pre_activation_.transpose() * gram_output_;
    error_ = error_ / shared_.root_width - shared_.y;
  }

  /// ||W - W(0)||_F^2 = tr(A^T G A K), and row r of W - W(0) is B_r A X. Rows of A that are zero are left out: under
  /// feedback alignment all but one.
  void observe_hidden(Observation& o) const {
    std::vector<Eigen::Index> used;
    for (Eigen::Index k = 0; k < hidden_.rows(); ++k) {
      if ((hidden_.row(k).array() != 0).any()) {
        used.push_back(k);
      }
    }
    if (used.empty()) {
      return;
    }
    const Eigen::MatrixXd moved = hidden_(used, Eigen::all) * shared_.root.transpose();
    const Eigen::MatrixXd metric = moved * moved.transpose();
    o.hidden_change_square = metric.cwiseProduct(shared_.basis_gram(used, used)).sum();
    if (used.size() == 1) {
      o.max_hidden_change = shared_.basis.col(used.front()).cwiseAbs().maxCoeff() * std::sqrt(metric(0, 0));
      return;
    }
    double largest = 0;
    constexpr Eigen::Index block_units = 256;
    for (Eigen::Index first = 0; first < shared_.basis.rows(); first += block_units) {
      const auto units = Eigen::seqN(first, std::min(block_units, shared_.basis.rows() - first));
      const Eigen::MatrixXd rows = shared_.basis(units, used) * moved;
      largest = std::max(largest, rows.rowwise().squaredNorm().maxCoeff());
    }
    o.max_hidden_change = std::sqrt(largest);
  }

  const Shared& shared_;
  Eigen::VectorXd output_;                       // q
  Eigen::VectorXd feedback_;                     // coordinates of b
  Eigen::MatrixXd pre_activation_;               // M: m x rows
  Eigen::MatrixXd hidden_;                       // A: m x samples
  Eigen::VectorXd gram_output_;                  // G q
  Eigen::VectorXd error_;                        // f - y, rows
  Eigen::VectorXd spread_error_;                 // K e
  Eigen::VectorXd feedback_now_;                 // s
  Eigen::VectorXd gradient_;                     // M e
  std::vector<Eigen::VectorXd> output_changes_;  // q at the observed steps
};

}  // namespace

ReducedLinearSolver::ReducedLinearSolver(const Problem& problem) : shared_(std::make_unique<const Shared>(problem)) {}

ReducedLinearSolver::~ReducedLinearSolver() = default;

RunRecord ReducedLinearSolver::train(const TrainingRequest& request, const RunSpec& run) const {
  return Rules::visit(run.rule, [&](auto rule) {
    ReducedLinearState<typename decltype(rule)::type, Shared> state(*shared_);
    return train_run(state, run, request, Solver::reduced_linear);
  });
}

}  // namespace fasweep
