// What the weight-space kernels are given: sizes and device pointers, plain data that host code and nvcc both read.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fasweep {

/// Threads of every block, and entries that a block of them adds up where a sum runs over weights.
inline constexpr int weight_threads = 128;
inline constexpr int weights_a_block = 8 * weight_threads;

/// Units that a warp makes the signals of at once, and threads of a block of it.
inline constexpr int signal_units = 64;
inline constexpr int signal_threads = 256;

/// Two numbers of 16 bits, the first in the low bits.
using HalfPair = std::uint32_t;

/// Sums over a block of samples, in this order.
enum SampleSum { sample_loss, sample_squared_error, sample_correct, sample_sums };

/// Sums over a block of output weights, in this order; the last is a maximum.
enum OutputSum { output_square, feedback_square, feedback_dot_output, max_output_change, output_sums };

/// Sums over a block of hidden weights' gradients, in this order.
enum GradientSum { rule_gradient_square, backprop_gradient_square, gradient_dot, gradient_sums };

/// What differs between runs and never changes.
struct WeightRunParameters {
  float step_size = 0;
  int rule = 0;     // position in `DeviceRules`
  int problem = 0;  // which inputs, targets, feedback and initial weights
};

/// One batch on the device. All runs share sizes, activation and settings. Arrays are written with their shapes, last
/// index fastest; `run` counts the slots of the batch.
struct WeightSpaceBatch {
  int inputs = 0;         // d
  int width = 0;          // p
  int outputs = 0;        // k
  int slots = 0;          // runs in the batch, active or not
  int most_samples = 0;   // of a forward pass
  int batch_samples = 0;  // of a step's batch, at most: masks are numbered by it
  int loss = 0;           // LossFunction
  float output_scale = 0;
  double dropout = 0;  // probability that a hidden unit is silent
  bool has_biases = false;
  bool decays_hidden = false;
  bool takes_mean = false;  // reduction of a batch's losses

  const WeightRunParameters* parameters = nullptr;  // run
  const std::int64_t* seeds = nullptr;              // problem: of the masks
  const int* active = nullptr;                      // grid row -> run
  const std::int64_t* limits = nullptr;             // run: steps >= this one leave it alone
  const std::int64_t* first_step = nullptr;         // 1: the step t of offset 0
  const float* decays = nullptr;                    // max_steps_a_chunk x run: 1 - eta lambda(t)
  const float* inputs_of = nullptr;                 // problem x rows x inputs; the same rows for all if one data set
  const float* targets_of = nullptr;                // problem x rows x outputs, the same
  std::int64_t inputs_stride = 0;                   // from one problem's inputs to the next's; 0: all share them
  std::int64_t targets_stride = 0;
  const float* feedback = nullptr;        // problem x width x outputs: b
  const float* initial_output = nullptr;  // problem x width x outputs: beta(0)

  float* hidden_weight = nullptr;  // run x width x inputs: W
  float* output_weight = nullptr;  // run x width x outputs: beta
  float* hidden_bias = nullptr;    // run x width
  float* output_bias = nullptr;    // run x outputs

  float* gathered = nullptr;         // problem x batch_samples x inputs: of the step's batch
  float* hidden = nullptr;           // run x most_samples x width: Z, then H = psi(Z)
  float* seen = nullptr;             // as above: H as the output layer sees it; `hidden` itself without dropout
  float* signal = nullptr;           // as above: error signal (delta) of each unit and sample
  float* predicted = nullptr;        // run x most_samples x outputs: H beta
  float* error = nullptr;            // as above: prediction minus target
  float* output_gradient = nullptr;  // run x width x outputs: H^T E

  // With inputs that 16 bits hold (halves_kernels.hpp); else unset. Rows of halves are padded to
  // padded_inputs and padded_width numbers, with zeros.
  int padded_inputs = 0;
  int padded_width = 0;
  const HalfPair* counts_of = nullptr;  // rows x padded_inputs: the raw inputs, in units
  const float* input_scale = nullptr;   // inputs: what a count is worth,
  const float* input_shift = nullptr;   // and what is subtracted from it
  HalfPair* gathered_counts = nullptr;  // run x samples x 2 x padded_inputs: counts of the pass, twice
  HalfPair* hidden_halves = nullptr;    // run x width x 2 x padded_inputs: W times the scale of inputs, high and low
  float* hidden_factor = nullptr;       // run x width: what brings their products back
  float* hidden_start = nullptr;        // run x width: -W shift
  HalfPair* signal_halves = nullptr;    // run x batch_samples x 2 x padded_width: the signals, high and low
  float* signal_factor = nullptr;       // run x width: what brings their products back
  float* signal_sum = nullptr;          // run x width: over the samples
  float* error_size = nullptr;          // run x most_samples: the largest error of a sample
  float* hidden_gradient = nullptr;     // run x width x inputs: products of signals and counts
};

/// The samples that a forward pass sees, as many for every run.
struct SamplePass {
  int samples = 0;
  int first_row = 0;                   // its rows are first_row, first_row + 1, ... unless `rows` says
  const std::int32_t* rows = nullptr;  // problem x samples: of the inputs and targets
  int offset = 0;                      // steps since *first_step
  bool is_training = false;            // with masks
  double* sums = nullptr;              // run x sum_blocks x sample_sums
  int sum_blocks = 0;                  // of a run
  int first_sum_block = 0;             // of this pass
};

/// What a signal is for: a step of the run's own rule, which runs at their limit do not take, or a rule's gradient.
struct SignalUse {
  bool is_step = true;
  int rule = 0;  // of the gradient; below 0: the run's own
};

/// Numbers in W and in beta of one run.
constexpr std::int64_t hidden_size(const WeightSpaceBatch& batch) {
  return std::int64_t{batch.width} * batch.inputs;
}
constexpr std::int64_t output_size(const WeightSpaceBatch& batch) {
  return std::int64_t{batch.width} * batch.outputs;
}

/// Blocks of `size` weights, and of `samples` samples.
constexpr int weight_blocks(std::int64_t size) {
  return static_cast<int>((size + weights_a_block - 1) / weights_a_block);
}
constexpr int sample_blocks(int samples) {
  return (samples + weight_threads - 1) / weight_threads;
}

/// Numbers in a row of 16-bit numbers: rows of whole 16 bytes are what products read fastest.
constexpr int padded_halves(int numbers) {
  return (numbers + 7) / 8 * 8;
}

}  // namespace fasweep
