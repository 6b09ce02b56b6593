// What a run keeps for its metrics from one step to the next: sums over all steps and not over the recorded ones alone,
// predictions that are stepped beside it, and what is costly and never changes. Only runs with a metric that asks for
// it (MetricTraits) pay for the steps between the recorded ones.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "model/linear_algebra.hpp"
#include "util/bytes.hpp"

namespace fasweep {

struct Problem;
struct RunSpec;
struct TrainingSettings;
class Snapshot;

/// e(t+1) = [(1 - eta lambda) I - eta K] e(t) - eta lambda y with a K that never changes.
struct ErrorPrediction {
  SymmetricMatrix kernel;
  std::vector<double> error;

  void advance(double step_size, double ridge, std::span<const double> targets);
};

class RunMemory {
 public:
  /// metrics: positions in `Metrics`. The rest outlives it.
  RunMemory(const std::vector<int>& metrics, const Problem& problem, const TrainingSettings& training,
            const RunSpec& run);

  /// Whether begin(), and at every step t = 0, 1, ... reach() and leave(), are to be called.
  [[nodiscard]] bool sees_steps() const { return sums_steps_ || follows_errors_; }
  /// Makes predictions from the network at step 0.
  void begin(const Snapshot& initial);
  /// Takes the loss of step t.
  void reach(double loss);
  /// Takes step t before its update; nothing of `now` is kept. Where no sums of steps are asked for, the network is not
  /// read.
  void leave(const Snapshot& now);

  /// What reach() and leave() have collected, for a memory of the same run to go on with.
  void save(ByteWriter& out) const;
  void restore(ByteReader& in);

  // Of the steps before t.

  /// Sum of ||W(s+1) - W(s)||^2, of a rule that the error teaches.
  [[nodiscard]] double hidden_step_square() const { return sums_.hidden_step_square; }
  /// Sum of eta(s) lambda(s) <b, beta(s)>.
  [[nodiscard]] double ridge_dot() const { return sums_.ridge_dot; }
  /// The smallest [(1 - eta lambda) ||e(s)|| + eta lambda ||y|| - ||e(s+1)||] / (eta ||e(s)||): the largest g with
  /// which
  /// ||e(s+1)|| <= (1 - eta g - eta lambda) ||e(s)|| + eta lambda ||y|| holds at every step. NaN at step 0. Steps count
  /// as long as the loss is above a rounding of the first one: below, the rounding of the errors shows in their change.
  [[nodiscard]] double slowest_contraction() const;

  /// e(t) as it would be were the kernel of step 0 to stay: G(0), with H_beta(0) where beta is sent back; or were it
  /// that of an infinitely wide network, Gbar. Empty where the rule has no such kernel.
  [[nodiscard]] std::span<const double> lazy_error() const { return error_of(lazy_); }
  [[nodiscard]] std::span<const double> infinite_error() const { return error_of(infinite_); }

  // Made when first asked for.

  /// Gbar with the outputs' scale (model/expected_kernel.hpp), and its eigenvalues, ascending. NaN throughout where
  /// W(0) is not of independent Gaussian numbers.
  [[nodiscard]] const SymmetricMatrix& expected_kernel() const;
  [[nodiscard]] const std::vector<double>& expected_eigenvalues() const;
  /// X X^T over the training samples, and its eigenvalues, ascending.
  [[nodiscard]] const SymmetricMatrix& input_gram() const;
  [[nodiscard]] const std::vector<double>& input_eigenvalues() const;

 private:
  /// As checkpoints hold them.
  struct Sums {
    double hidden_step_square = 0;
    double ridge_dot = 0;
    double slowest_contraction = std::numeric_limits<double>::infinity();  // none yet
    double first_loss = -1;                                                // none yet
    double error_norm = 0;  // ||e|| of the last step reached; 0 if it is rounding
    // Of the last step left.
    double step_size = 0;
    double ridge = 0;
  };

  [[nodiscard]] static std::span<const double> error_of(const std::optional<ErrorPrediction>& prediction) {
    return prediction ? std::span<const double>(prediction->error) : std::span<const double>();
  }
  void add_hidden_step(const Snapshot& now);

  const Problem& problem_;
  const TrainingSettings& training_;
  const RunSpec& run_;
  bool sums_steps_;
  bool follows_errors_;
  double target_norm_ = 0;
  Sums sums_;
  std::optional<ErrorPrediction> lazy_;
  std::optional<ErrorPrediction> infinite_;
  mutable std::optional<SymmetricMatrix> expected_kernel_;
  mutable std::optional<SymmetricMatrix> input_gram_;
  mutable std::optional<std::vector<double>> expected_eigenvalues_;
  mutable std::optional<std::vector<double>> input_eigenvalues_;
};

}  // namespace fasweep
