// The data and initial state that runs of one (seed, width, activation) share: a pure function of those and the data
// settings. Always made on the host in float64, whatever the solver's precision.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/dataset.hpp"
#include "model/initial_state.hpp"
#include "model/network_sizes.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// All matrices row-major.
struct Problem {
  int samples = 0;        // n, training samples
  int test_samples = 0;   // rows after them, never trained on
  int inputs = 0;         // d
  int outputs = 1;        // k
  int width = 0;          // p
  std::int64_t seed = 0;  // of weights, feedback, batches and masks
  WeightLaw initial_weights;
  const Dataset* dataset = nullptr;   // where inputs and targets are when x and y are empty; outlives the problem
  std::vector<double> x;              // (samples + test_samples) x inputs
  std::vector<double> y;              // (samples + test_samples) x outputs; test targets carry no label noise
  std::vector<double> output_weight;  // beta(0): width x outputs
  std::vector<double> feedback;       // b: width x outputs
  std::vector<double> hidden_bias;    // of the first hidden layer at step 0: width; empty where all are 0
  std::vector<double> output_bias;    // likewise: outputs
  FillRows whole_hidden_weight;       // of W(0) where its law or a state makes it whole, else empty
  double input_variance = 1;          // of each input of a teacher
  int teacher_width = 0;              // M; 0 of a linear map or a data set
  std::vector<double> teacher_hidden_weight;  // W0: teacher width x inputs; empty beyond max_overlapping_units
  std::vector<double> teacher_output_weight;  // A of f0 = psi(X W0^T) A: teacher width x outputs; likewise

  /// W(0) of the hidden units first, first + 1, ... as many as `rows` holds: units x inputs; first must be even. Made
  /// at every call, as most solvers need it once and a block at a time, which is faster than memory for all of it.
  void fill_hidden_weight(int first, std::span<double> rows) const;
  [[nodiscard]] std::vector<double> hidden_weight() const;
};

/// What a Problem depends on.
struct ProblemKey {
  std::int64_t seed = 0;  // of weights and feedback, and of the data unless they have their own
  int width = 0;
  int activation = 0;  // the teacher has the student's activation
  std::optional<std::int64_t> data_seed = {};
  friend bool operator==(const ProblemKey&, const ProblemKey&) = default;
};

[[nodiscard]] inline ProblemKey problem_key(const RunSpec& run) {
  return {seed_of_training(run), run.width, run.activation, run.data_seed ? run.data_seed : std::optional(run.seed)};
}

/// W(0), beta(0), b and biases are of the laws of `training`; richness scales beta(0) and b, which feedback_correlation
/// correlates. Fan-in and fan-out are d and p of W and its biases, p and k of beta and its biases, k and p of b, which
/// takes errors in. A teacher's inputs are N(0, 1) or N(0, 1/d) and its targets those of its law (teacher_law.hpp),
/// plus label noise on training samples; a teacher of fixed width and its data are the same for every p (unless
/// DataDraw says otherwise). Where steps draw fresh samples (fresh_samples.hpp), the problem's are for metrics alone.
/// Data read from files stay where they are: dataset, which has the counts of `data`, or nullptr for a teacher.
/// Where training.initial_state names a file, `state` is what it holds, of this width and these counts, and all weights
/// are from there; it outlives the problem.
[[nodiscard]] Problem make_problem(const DataSettings& data, const ProblemKey& key,
                                   const TrainingSettings& training = {}, const Dataset* dataset = nullptr,
                                   const InitialState* state = nullptr);

/// The variance of W(0) where its numbers are independent and Gaussian.
[[nodiscard]] std::optional<double> hidden_weight_variance(const TrainingSettings& training, Fans fans);

/// b <- rho beta + sqrt(1 - rho^2) b, for feedback and forward weights of one law (training.feedback-correlation).
void correlate(std::span<double> b, std::span<const double> beta, double rho);

/// b of a step under a rule that draws one for each: the problem's own at step 0.
[[nodiscard]] std::vector<double> feedback_of_step(const Problem& problem, const TrainingSettings& training,
                                                   std::int64_t step);

}  // namespace fasweep
