// The network of a run at one recorded step, in float64, for metrics that are no function of the sums in an
// Observation. Made only when such a metric is recorded, and only at recorded steps. Nothing is computed or copied
// before a metric asks for it, and hidden units come in blocks, so that widths of 10^6 need no more memory than small
// ones.
//
// A solver derives its state from NetworkReader, or makes one; the rest is the same for all.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "model/layer_numbers.hpp"
#include "model/linear_algebra.hpp"
#include "model/network_sizes.hpp"

namespace fasweep {

struct Problem;
class RunMemory;
struct RunSpec;
struct TrainingSettings;

/// What a solver tells of the network it trains. All matrices row-major; widened to float64 from the solver's
/// precision. Rows are training samples, then test samples.
class NetworkReader {
 public:
  virtual ~NetworkReader() = default;

  /// beta(t) of the hidden units first, first + 1, ... as many as `beta` holds: units x outputs.
  virtual void read_output_weight(int first, std::span<double> beta) const = 0;

  /// b(t) likewise, whether or not the rule uses it.
  virtual void read_feedback(int first, std::span<double> b) const = 0;

  /// Biases of the outputs: outputs; of the hidden units first, first + 1, ...: units. Solvers without biases leave
  /// them 0.
  virtual void read_output_bias(std::span<double> bias) const;
  virtual void read_hidden_bias(int first, std::span<double> bias) const;

  /// Of a hidden layer >= 2 of several, units first, first + 1, ...: W_layer, units x width, and its biases. Only the
  /// layered solver has such layers; the others leave the numbers as they are.
  virtual void read_inner_weight(int layer, int first, std::span<double> weights) const;
  virtual void read_inner_bias(int layer, int first, std::span<double> bias) const;

  /// Rows of the feedback weights of several layers (model/layers.hpp): of B_layer, layer >= 2, units x width; or under
  /// a rule whose errors come straight to each layer of B_layer, layer < depth, units x outputs.
  virtual void read_inner_feedback(int layer, int first, std::span<double> b) const;

  /// W(t) of the hidden units first, first + 1, ... as many as `weights` holds: units x inputs. first is even. A solver
  /// that keeps no W adds its change to W(0).
  virtual void read_hidden_weight(const Problem& problem, int first, std::span<double> weights) const;

  /// Z^T = W X^T + bias of the hidden units first, first + 1, ... without dropout, as many as `z` holds: units x rows.
  /// first is even.
  virtual void read_pre_activation(int first, std::span<double> z) const = 0;

  /// W(t) - W(0) of the hidden units first, first + 1, ... as many as `change` holds: units x inputs. first is even.
  /// A solver that keeps Z instead of W recovers it from Z(t) - Z(0) = X (W(t) - W(0))^T by the pseudo-inverse of
  /// K = X X^T over the training samples, as W moves in the span of their inputs alone: W(t) - W(0) =
  /// (Z(t) - Z(0))^T K^+ X. This holds for a K of any rank, since K K^+ X = X; but rounding in Z(t) - Z(0) is amplified
  /// by up to the inverse root of K's smallest eigenvalue, and eigenvalues below 1e-12 of the largest count as 0.
  virtual void read_hidden_change(int first, std::span<double> change) const = 0;

  /// Whether W or its change is kept, and not Z alone, from which read_hidden_change() has to recover it.
  [[nodiscard]] virtual bool keeps_hidden_weight() const { return true; }

  /// f of the step's batch, with its dropout, as the solver has it: samples of the batch x outputs. False if it cannot
  /// say.
  [[nodiscard]] virtual bool read_batch_outputs(std::span<double> /*f*/) const { return false; }

  /// Norms of the parts of beta in beta(0), in W(0) X^T and in b; not numbers of a solver that does not keep them
  /// apart.
  [[nodiscard]] virtual std::array<double, 3> output_parts() const;

  /// Of each hidden layer, first to last, in the step's batch; only the layered solver has them.
  [[nodiscard]] virtual std::vector<LayerNumbers> layer_numbers() const { return {}; }
};

/// What a visit of the hidden units is about; what it is not is left empty.
enum class HiddenParts { none, units, weight_change, all };

/// Hidden units first, first + 1, ... at a step; matrices row-major.
struct HiddenBlock {
  int first = 0;
  int units = 0;
  std::span<const double> pre_activation;  // Z^T: units x rows
  std::span<const double> value;           // H^T = psi(Z)^T: units x rows
  std::span<const double> derivative;      // psi'(Z)^T: units x rows
  std::span<const double> weight_change;   // W(t) - W(0): units x inputs, biases not included
};

/// The matrices over the training samples that training by the whole batch follows to first order in eta, with s the
/// output scale and one output (Song, Xu, Lafferty 2021, Section 3; under backprop the tangent kernel is their sum):
/// e(t+1) = [(1 - eta lambda) I - eta (G + H)] e(t) - eta lambda y.
enum class Kernel {
  outputs,   // G = s^2 psi(Z) psi(Z)^T, of any number of outputs: what the output weights' steps do
  feedback,  // H = s^2 X X^T o psi'(Z) diag(b o beta) psi'(Z)^T: the hidden weights' under feedback alignment;
             // indefinite
  backprop,  // H = s^2 X X^T o psi'(Z) diag(beta o beta) psi'(Z)^T: the same under backprop; g^2 p times that in a
             // network of richness g
  rule,      // H of the run's own rule, of which these are two
};
inline constexpr int kernel_count = 4;

class Snapshot {
 public:
  /// The arguments outlive it; `network` stays at step `step` meanwhile. memory: of the run, for metrics that look at
  /// it.
  Snapshot(const Problem& problem, const TrainingSettings& training, const RunSpec& run, std::int64_t step,
           const NetworkReader& network, const RunMemory* memory = nullptr);

  [[nodiscard]] const NetworkSizes& sizes() const { return sizes_; }
  [[nodiscard]] const Problem& problem() const { return problem_; }
  [[nodiscard]] const TrainingSettings& training() const { return training_; }
  [[nodiscard]] const RunSpec& run() const { return run_; }
  /// What the run keeps from step to step.
  [[nodiscard]] const RunMemory& memory() const;
  [[nodiscard]] std::int64_t step() const { return step_; }
  /// What the solver tells, for those who look at a few units.
  [[nodiscard]] const NetworkReader& network() const { return network_; }
  /// f = output_scale H beta + bias: 1/sqrt(p) or 1.
  [[nodiscard]] double output_scale() const { return output_scale_; }
  [[nodiscard]] double step_size() const;  // eta(t)
  [[nodiscard]] double ridge() const;      // lambda(t)

  /// beta(t) and b(t): width x outputs.
  [[nodiscard]] std::span<const double> output_weight() const;
  [[nodiscard]] std::span<const double> feedback() const;

  /// Norms of the parts of beta, where the solver has them (NetworkReader).
  [[nodiscard]] std::array<double, 3> output_parts() const { return network_.output_parts(); }

  /// Of each hidden layer, of the layered solver.
  [[nodiscard]] std::span<const LayerNumbers> layers() const;

  /// Biases of the outputs and of the hidden units; 0 without biases.
  [[nodiscard]] std::vector<double> output_bias() const;
  [[nodiscard]] std::vector<double> hidden_bias() const;

  /// W(t) of the hidden units first, first + 1, ... as many as `weights` holds: units x inputs. first is even.
  void read_hidden_weight(int first, std::span<double> weights) const;

  /// f: rows x outputs, summed in float64 from H and beta, so that a float32 solver's own outputs differ by rounding.
  [[nodiscard]] std::span<const double> outputs() const;

  /// e = prediction - y of the training samples: samples x outputs. The prediction is that of the loss.
  [[nodiscard]] std::span<const double> errors() const;

  /// y of the training samples: samples x outputs.
  [[nodiscard]] std::span<const double> targets() const;

  /// samples x samples. All but `outputs` are of networks with one output.
  [[nodiscard]] const SymmetricMatrix& kernel(Kernel which) const;

  /// The network that training began with, at step 0.
  [[nodiscard]] const Snapshot& initial() const;

  /// Calls visit for blocks of hidden units, from the first to the last. What a block refers to is valid during the
  /// call.
  void for_each_block(HiddenParts parts, const std::function<void(const HiddenBlock&)>& visit) const;

 private:
  using Cached = std::optional<std::vector<double>>;

  const Problem& problem_;
  const TrainingSettings& training_;
  const RunSpec& run_;
  std::int64_t step_;
  const NetworkReader& network_;
  const RunMemory* memory_;
  NetworkSizes sizes_;
  double output_scale_;
  // Read at the first use.
  mutable Cached output_weight_;
  mutable Cached feedback_;
  mutable Cached outputs_;
  mutable Cached errors_;
  mutable std::optional<std::vector<LayerNumbers>> layers_;
  mutable std::array<std::optional<SymmetricMatrix>, kernel_count> kernels_;
  mutable std::unique_ptr<NetworkReader> initial_network_;
  mutable std::unique_ptr<Snapshot> initial_;
};

/// X X^T over the training samples.
[[nodiscard]] SymmetricMatrix input_gram(const Problem& problem);

/// Hidden units of a snapshot's block: even, at least 2, few enough that a block's matrices fill some megabytes.
[[nodiscard]] int snapshot_block_units(const NetworkSizes& sizes);

/// Z^T = W X^T + bias for `units` hidden units. weights: units x inputs; bias: units, or empty; z: units x rows. For
/// solvers that keep W. Inputs of a data set are read where they are.
void multiply_inputs(const Problem& problem, std::span<const double> weights, std::span<const double> bias,
                     std::span<double> z);

/// change += multipliers X over the training samples. multipliers: units x samples; change: units x inputs. For solvers
/// that keep no W, whose problems bring their inputs along.
void add_input_multiples(const Problem& problem, std::span<const double> multipliers, std::span<double> change);

}  // namespace fasweep
