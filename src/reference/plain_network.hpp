// A network as plain matrices of float64 numbers, in weight space, with nothing left out and nothing made fast: H =
// psi(X W^T + bias), f = s H beta + bias, straight from Song, Xu, Lafferty (2021), eq. 2.1-2.3 and 4.1, with e = f - y
// and the decay factor (1 - eta lambda), and from the settings' definitions in model/run_spec.hpp. From the rest of the
// program it uses the drawn data and initial weights (model/problem.hpp, model/layers.hpp) and the declaration of
// Observation.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include <Eigen/Dense>

#include "model/observation.hpp"
#include "model/problem.hpp"
#include "model/run_spec.hpp"
#include "reference/plain_formulas.hpp"
#include "reference/plain_samples.hpp"

namespace fasweep {

/// Samples by their rows in the problem: training samples, then test samples, then the fresh ones of the step.
using Rows = std::span<const std::int32_t>;

/// All `count` rows from `first` on.
[[nodiscard]] std::vector<std::int32_t> rows_from(int first, int count);

/// What some samples come to.
struct PlainSums {
  double loss = 0;           // each sample's with its share (Reduction)
  double squared_error = 0;  // of prediction - target
  double accuracy = 0;       // share of samples whose largest output is that of their largest target
};

/// A hidden layer after the first: Z = s H W^T + bias of the H below.
struct PlainLayer {
  Eigen::MatrixXd w;     // width x width
  Eigen::VectorXd bias;  // width
  Eigen::MatrixXd b;  // what teaches the layer below by: as w, or of a direct rule width x outputs; no gradient has it
  Eigen::VectorXd inverse_bias = {};  // of the layer below, where b is an inverse layer
};

struct PlainGradients {
  Eigen::MatrixXd w;
  Eigen::MatrixXd beta;
  Eigen::VectorXd hidden_bias;
  Eigen::VectorXd output_bias;
  double loss = 0;           // of the same samples
  Eigen::MatrixXd activity;  // H^T f, with the same factors
  Eigen::VectorXd power;     // f^2 of each output, as above
  std::vector<PlainLayer> inner;
};

/// Makes a network less precise, to see what that changes.
struct PlainRounding {
  /// What is kept of weights after a step, of activations, of 1 + slope, of outputs and errors. Empty: every bit.
  std::function<double(double)> round;
  /// So much of the largest z is added to z where slopes are taken, and of the largest output to that of the right
  /// class where classes are guessed: units of a ReLU and samples that stand at a boundary go over it.
  double shift = 0;
};

class PlainNetwork {
 public:
  /// At step 0. The problem outlives it.
  PlainNetwork(const Problem& problem, const TrainingSettings& training, std::string_view activation,
               std::string_view rule);

  Eigen::MatrixXd w;            // width x inputs
  Eigen::MatrixXd beta;         // width x outputs
  Eigen::MatrixXd b;            // as above
  Eigen::VectorXd hidden_bias;  // width
  Eigen::VectorXd output_bias;  // outputs
  std::vector<PlainLayer> inner;
  Eigen::VectorXd last_inverse_bias;  // width: of the last hidden layer, where b is an inverse of the outputs
  /// Factor of a hidden unit of a layer, 0 the first, for the i-th sample of the step's batch: dropout. Empty: 1.
  std::function<double(int i, int unit, int layer)> mask;
  PlainRounding rounding;
  PlainSamples fresh;  // that the step draws, where it does

  /// Samples x width.
  [[nodiscard]] Eigen::MatrixXd pre_activations(Rows rows) const;
  /// f of each sample, samples x outputs; as of a batch, with its mask.
  [[nodiscard]] Eigen::MatrixXd outputs(Rows rows) const;
  /// Prediction - target, for the same rows.
  [[nodiscard]] Eigen::MatrixXd errors(Rows rows) const;
  [[nodiscard]] PlainSums sums(Rows rows) const;
  /// The sums of the losses' gradients, of W by the rule.
  [[nodiscard]] PlainGradients gradients(Rows rows) const;
  /// The same for W by backprop.
  [[nodiscard]] PlainGradients backprop_gradients(Rows rows) const;
  /// Draws what the rule draws for each step, before a look at the network at that step.
  void begin_step(std::int64_t step);
  /// A step on these samples; their loss before it is returned.
  double advance(Rows rows, double step_size, double ridge);

  /// Squared norm of the weights that the ridge decays.
  [[nodiscard]] double decayed_square() const;
  /// All but `ridge`; `batch`: the step's samples. Passes over all samples and gradients only if `traits`
  /// (MetricTraits) ask for them.
  [[nodiscard]] Observation observe(Rows batch, bool has_classes, unsigned traits = ~0U) const;

 private:
  /// What some of a batch's samples, the first of which is its first-th, make of the network; one row each.
  struct Pass {
    struct Layer {
      Eigen::MatrixXd z;
      Eigen::MatrixXd mask;
      Eigen::MatrixXd seen;  // psi(z) with its mask
    };
    Eigen::MatrixXd x;
    std::vector<Layer> layers;
    Eigen::MatrixXd y;
    Eigen::MatrixXd f;
    Eigen::MatrixXd error;
  };
  [[nodiscard]] Pass pass(Rows rows, int first) const;
  [[nodiscard]] Pass::Layer see(Eigen::MatrixXd z, int layer, int first) const;
  [[nodiscard]] Eigen::MatrixXd slopes(const Eigen::MatrixXd& z) const;
  [[nodiscard]] Eigen::MatrixXd rounded(const Eigen::MatrixXd& numbers) const;
  /// visit(pass, first) for the samples of `rows`, at most `most` at a time.
  template <class Visit>
  void for_each_pass(Rows rows, std::size_t most, Visit visit) const;
  [[nodiscard]] int rows_of_problem() const { return problem_.samples + problem_.test_samples; }
  [[nodiscard]] Eigen::MatrixXd inputs_of(Rows rows) const;
  [[nodiscard]] Eigen::MatrixXd targets_of(Rows rows) const;
  [[nodiscard]] double output_scale() const;
  [[nodiscard]] double share(Rows rows) const;
  /// Total loss of the pass's samples, without their share.
  [[nodiscard]] double loss_of(const Pass& pass) const;
  /// late: the errors that teach come late.
  [[nodiscard]] PlainGradients gradients(Rows rows, const PlainRule& way_back, bool late) const;
  [[nodiscard]] Eigen::MatrixXd direct(std::size_t above, const PlainRule& way_back) const;
  [[nodiscard]] Eigen::MatrixXd layerwise(std::size_t above, const PlainRule& way_back) const;
  /// Of W, which differs from beta's where beta or its sign is sent back (TrainingSettings::richness).
  [[nodiscard]] double hidden_step_size(double step_size) const;
  /// What an optimizer keeps of some weights: its two numbers of each, zeros at the start.
  using Kept = std::array<Eigen::MatrixXd, 2>;
  /// What the optimizer makes of the gradient of these weights.
  [[nodiscard]] Eigen::MatrixXd direction(const Eigen::MatrixXd& gradient, Kept& kept) const;
  /// Feedback weights learn from noise.
  void mirror(std::int64_t step);
  /// H of hidden layer `layer`, 0 the first, by the inverse of what follows it; above: samples x its units or outputs.
  [[nodiscard]] Eigen::MatrixXd invert(std::size_t layer, const Eigen::MatrixXd& above) const;
  /// What the targets of that layer's H are short of it, from what those of the layer above, or the outputs, are.
  [[nodiscard]] Eigen::MatrixXd short_of_target(const Pass& pass, std::size_t layer,
                                                const Eigen::MatrixXd& above) const;
  /// Inverse layers learn from the samples of step `step`.
  void learn_inverses(Rows rows, std::int64_t step);
  void observe_signals(Rows batch, Observation& o) const;

  const Problem& problem_;
  TrainingSettings training_;
  const PlainActivation& function_;
  const PlainLoss& loss_;
  const PlainRule& rule_;
  const PlainOptimizer& optimizer_;
  std::int64_t step_ = 0;
  Kept kept_w_;
  Kept kept_beta_;
  Kept kept_hidden_bias_;
  Kept kept_output_bias_;
  std::vector<Kept> kept_inner_;             // of each layer its weights and its biases
  std::deque<Eigen::MatrixXd> late_errors_;  // of the steps before, the oldest first, where they come late
};

}  // namespace fasweep
