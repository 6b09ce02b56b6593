// The kernels of the weight-space solver: all of a step but its products, which are a library's (device.hpp,
// Products). A step of a run, with its batch X (samples x inputs), targets Y and masks M, s the output scale, c the
// share of a sample in the loss, and v the rule's feedback (model/rule/list.hpp):
//   Z = X W^T [+ bias];  H = psi(Z);  F = s (H .* M) beta [+ bias];  E = F - Y, or softmax(F) - Y
//   S = -eta c s (E v^T) .* psi'(Z) .* M;  beta <- (1 - eta lambda) beta - eta c s (H .* M)^T E
//   W <- [(1 - eta lambda)] W + S^T X;  the same for the biases, never decayed
// Every run has its own rows of the grid; sums are taken in the same order whatever shares the batch, so no kernel
// depends on it. No atomics, no waiting between blocks.
#pragma once

#include <cmath>
#include <cstdint>

#include "backend/cuda/device_rules.hpp"
#include "backend/cuda/simt.hpp"
#include "backend/cuda/weight_space_arguments.hpp"
#include "model/activation/list.hpp"
#include "model/loss/list.hpp"
#include "model/philox.hpp"
#include "model/random.hpp"
#include "model/run_spec.hpp"
#include "model/step_samples.hpp"

namespace fasweep::kernels {

/// What the threads of a block add up.
struct SumMemory {
  double own[output_sums][weight_threads];
};

/// out[i] = the sum over the block's threads of own[i], or from `first_maximum` on the largest.
template <int count>
__device__ inline void add_up_block(SumMemory& memory, const double (&own)[count], int first_maximum, double* out) {
  const auto thread = static_cast<int>(threadIdx.x);
  for (int i = 0; i < count; ++i) {
    memory.own[i][thread] = own[i];
  }
  __syncthreads();
  if (thread < count) {
    double total = 0;
    for (int other = 0; other < weight_threads; ++other) {
      const double value = memory.own[thread][other];
      total = thread < first_maximum ? total + value : (value > total ? value : total);
    }
    out[thread] = total;
  }
}

__device__ inline bool takes_step(const WeightSpaceBatch& batch, int run, int offset) {
  return *batch.first_step + offset < batch.limits[run];
}

/// c, the weight of a sample's loss among `samples`.
__device__ inline double loss_share(const WeightSpaceBatch& batch, int samples) {
  return fasweep::loss_share(batch.takes_mean ? Reduction::mean : Reduction::sum, samples);
}

/// eta c s of a step.
__device__ inline float step_scale(const WeightSpaceBatch& batch, int run, int samples) {
  return static_cast<float>(static_cast<double>(batch.parameters[run].step_size) * loss_share(batch, samples) *
                            static_cast<double>(batch.output_scale));
}

__device__ inline std::int64_t row_of(const WeightSpaceBatch& batch, const SamplePass& pass, int run, int sample) {
  return pass.rows == nullptr ? pass.first_row + sample
                              : pass.rows[std::int64_t{batch.parameters[run].problem} * pass.samples + sample];
}

/// Position of a sample's hidden units in `hidden`, `seen` and `signal`.
__device__ inline std::int64_t hidden_at(const WeightSpaceBatch& batch, int run, int sample) {
  return (std::int64_t{run} * batch.most_samples + sample) * batch.width;
}

/// Position of a sample's outputs in `predicted` and `error`.
__device__ inline std::int64_t outputs_at(const WeightSpaceBatch& batch, int run, int sample) {
  return (std::int64_t{run} * batch.most_samples + sample) * batch.outputs;
}

/// Factors of the units 2 pair and 2 pair + 1 for a sample of the step's batch: 0, or 1 / (1 - q).
struct MaskPair {
  float even;
  float odd;
};
__device__ inline MaskPair mask_pair(const WeightSpaceBatch& batch, const SamplePass& pass, int run, int sample,
                                     int pair) {
  const std::int64_t seed = batch.seeds[batch.parameters[run].problem];
  const std::int64_t step = *batch.first_step + pass.offset;
  const std::uint64_t first = first_mask_pair(step, batch.batch_samples, sample, batch.width);
  const UniformPair uniform =
      uniform_pair(static_cast<std::uint64_t>(seed), static_cast<std::uint32_t>(batch.width),
                   static_cast<std::uint32_t>(Purpose::masks), first + static_cast<unsigned>(pair));
  return {mask_factor<float>(uniform.even, batch.dropout), mask_factor<float>(uniform.odd, batch.dropout)};
}

/// gathered = the rows of the step's batch. Grid: samples x problems.
__global__ void __launch_bounds__(weight_threads) gather_inputs(WeightSpaceBatch batch, SamplePass pass) {
  const std::int64_t problem = blockIdx.y;
  const std::int64_t sample = blockIdx.x;
  const float* from = batch.inputs_of + problem * batch.inputs_stride +
                      std::int64_t{pass.rows[problem * pass.samples + sample]} * batch.inputs;
  float* to = batch.gathered + (problem * batch.batch_samples + sample) * batch.inputs;
  for (int j = static_cast<int>(threadIdx.x); j < batch.inputs; j += weight_threads) {
    to[j] = from[j];
  }
}

/// hidden = psi(hidden + bias), and seen in training with dropout. Grid: samples x active runs.
template <class Activation>
__global__ void __launch_bounds__(weight_threads) activate(WeightSpaceBatch batch, SamplePass pass) {
  const int run = batch.active[blockIdx.y];
  const auto sample = static_cast<int>(blockIdx.x);
  const bool drops = pass.is_training && batch.dropout > 0;
  float* hidden = batch.hidden + hidden_at(batch, run, sample);
  float* seen = batch.seen + hidden_at(batch, run, sample);
  const float* bias = batch.hidden_bias + std::int64_t{run} * batch.width;
  for (int pair = static_cast<int>(threadIdx.x); 2 * pair < batch.width; pair += weight_threads) {
    const MaskPair mask = drops ? mask_pair(batch, pass, run, sample, pair) : MaskPair{1, 1};
    for (int unit = 2 * pair; unit < 2 * pair + 2 && unit < batch.width; ++unit) {
      float z = hidden[unit];
      if (batch.hidden_factor != nullptr) {
        z = fmaf(z, batch.hidden_factor[std::int64_t{run} * batch.width + unit],
                 batch.hidden_start[std::int64_t{run} * batch.width + unit]);
      }
      z = batch.has_biases ? z + bias[unit] : z;
      const float h = Activation::value(z);
      hidden[unit] = h;
      if (drops) {
        seen[unit] = h * (unit % 2 == 0 ? mask.even : mask.odd);
      }
    }
  }
}

/// Where the numbers of one sample are, outputs each.
struct SampleView {
  const float* predicted;
  const float* target;
  const float* bias;  // nullptr: none
  float* error;
};
__device__ inline double prediction(const WeightSpaceBatch& batch, const SampleView& sample, int output) {
  const float scaled = batch.output_scale * sample.predicted[output];
  return static_cast<double>(sample.bias == nullptr ? scaled : scaled + sample.bias[output]);
}

/// log sum_c exp(f_c).
__device__ inline double log_sum_exp(const WeightSpaceBatch& batch, const SampleView& sample) {
  double largest = prediction(batch, sample, 0);
  for (int c = 1; c < batch.outputs; ++c) {
    const double f = prediction(batch, sample, c);
    largest = f > largest ? f : largest;
  }
  double sum = 0;
  for (int c = 0; c < batch.outputs; ++c) {
    sum += elementary::exp(prediction(batch, sample, c) - largest);
  }
  return largest + std::log(sum);
}

__device__ inline void take_sample_error(const WeightSpaceBatch& batch, const SampleView& sample,
                                         double (&sums)[sample_sums]) {
  const bool is_entropy = batch.loss == static_cast<int>(LossFunction::cross_entropy);
  const double log_sum = is_entropy ? log_sum_exp(batch, sample) : 0;
  int guess = 0;
  int truth = 0;
  double square = 0;
  double others = 0;  // error of the classes that are not the sample's
  for (int c = 0; c < batch.outputs; ++c) {
    const double f = prediction(batch, sample, c);
    const double y = sample.target[c];
    guess = f > prediction(batch, sample, guess) ? c : guess;
    truth = sample.target[c] > sample.target[truth] ? c : truth;
    const double e = !is_entropy ? f - y : y == 0 ? elementary::exp(f - log_sum) : 0;
    sample.error[c] = static_cast<float>(e);
    square += e * e;
    others += e;
    sums[sample_loss] += is_entropy && y != 0 ? -y * (f - log_sum) : 0;
  }
  if (is_entropy) {  // as in model/loss/cross_entropy.hpp
    sample.error[truth] = static_cast<float>(-others);
    square += others * others;
  }
  sums[sample_loss] += is_entropy ? 0 : 0.5 * square;
  sums[sample_squared_error] += square;
  sums[sample_correct] += guess == truth ? 1 : 0;
}

/// error, and the pass's sums. Grid: blocks of weight_threads samples x active runs.
__global__ void __launch_bounds__(weight_threads) take_errors(WeightSpaceBatch batch, SamplePass pass) {
  FASWEEP_SHARED(SumMemory, memory);
  const int run = batch.active[blockIdx.y];
  const auto sample = static_cast<int>(blockIdx.x * weight_threads + threadIdx.x);
  double sums[sample_sums] = {};
  if (sample < pass.samples) {
    const std::int64_t at = outputs_at(batch, run, sample);
    const float* targets = batch.targets_of + batch.parameters[run].problem * batch.targets_stride;
    take_sample_error(
        batch,
        {batch.predicted + at, targets + row_of(batch, pass, run, sample) * batch.outputs,
         batch.has_biases ? batch.output_bias + std::int64_t{run} * batch.outputs : nullptr, batch.error + at},
        sums);
    if (batch.error_size != nullptr) {
      float size = 0;
      for (int c = 0; c < batch.outputs; ++c) {
        size = elementary::larger(size, std::fabs(batch.error[at + c]));
      }
      batch.error_size[std::int64_t{run} * batch.most_samples + sample] = size;
    }
  }
  const std::int64_t block = std::int64_t{run} * pass.sum_blocks + pass.first_sum_block + blockIdx.x;
  add_up_block(memory, sums, sample_sums, pass.sums + block * sample_sums);
}

/// signal of a sample; see the head of this file. The gradient's has c s in place of -eta c s. Grid: samples x active
/// runs.
template <class Activation>
__global__ void __launch_bounds__(weight_threads) make_signal(WeightSpaceBatch batch, SamplePass pass, SignalUse use) {
  const int run = batch.active[blockIdx.y];
  const auto sample = static_cast<int>(blockIdx.x);
  const WeightRunParameters parameters = batch.parameters[run];
  const int rule = use.is_step || use.rule < 0 ? parameters.rule : use.rule;
  float scale = static_cast<float>(loss_share(batch, pass.samples) * static_cast<double>(batch.output_scale));
  if (use.is_step) {
    scale = takes_step(batch, run, pass.offset) ? -step_scale(batch, run, pass.samples) : 0.0F;
  }
  const bool drops = batch.dropout > 0;
  const float* hidden = batch.hidden + hidden_at(batch, run, sample);
  float* signal = batch.signal + hidden_at(batch, run, sample);
  const float* error = batch.error + outputs_at(batch, run, sample);
  const float* beta = batch.output_weight + std::int64_t{run} * batch.width * batch.outputs;
  const float* b = batch.feedback + std::int64_t{parameters.problem} * batch.width * batch.outputs;
  for (int pair = static_cast<int>(threadIdx.x); 2 * pair < batch.width; pair += weight_threads) {
    const MaskPair mask = drops ? mask_pair(batch, pass, run, sample, pair) : MaskPair{1, 1};
    for (int unit = 2 * pair; unit < 2 * pair + 2 && unit < batch.width; ++unit) {
      float back = 0;
      for (int c = 0; c < batch.outputs; ++c) {
        const std::int64_t at = std::int64_t{unit} * batch.outputs + c;
        back = fmaf(error[c], feedback_of(DeviceRules{}, rule, b[at], beta[at]), back);
      }
      // Activations that need z are not trained here (choose_device_solver).
      const float slope = Activation::derivative(hidden[unit], hidden[unit]) * (unit % 2 == 0 ? mask.even : mask.odd);
      // A silent run's error may be infinite, and 0 times it not a number.
      signal[unit] = scale == 0.0F ? 0.0F : scale * back * slope;
    }
  }
}

/// A step of beta with decay 1 - eta lambda and scale eta c s (rules that learn b are not trained here); squares: run x
/// blocks, of beta before. Grid: blocks of weights_a_block output weights x active runs.
__global__ void __launch_bounds__(weight_threads)
    update_output(WeightSpaceBatch batch, SamplePass pass, double* squares) {
  FASWEEP_SHARED(SumMemory, memory);
  const int run = batch.active[blockIdx.y];
  const int size = batch.width * batch.outputs;
  const bool moves = takes_step(batch, run, pass.offset);
  const float decay = batch.decays[std::int64_t{pass.offset} * batch.slots + run];
  const float scale = step_scale(batch, run, pass.samples);
  float* beta = batch.output_weight + std::int64_t{run} * size;
  const float* b = batch.feedback + std::int64_t{batch.parameters[run].problem} * size;
  const float* gradient = batch.output_gradient + std::int64_t{run} * size;
  const auto first = static_cast<int>(blockIdx.x) * weights_a_block;
  double sums[1] = {};
  for (int i = first + static_cast<int>(threadIdx.x); i < first + weights_a_block && i < size; i += weight_threads) {
    const float before = beta[i];
    sums[0] += static_cast<double>(before) * static_cast<double>(before);
    if (moves) {
      Readout<float> readout{before, b[i]};
      take_step(DeviceRules{}, batch.parameters[run].rule, readout, gradient[i], decay, scale);
      beta[i] = readout.beta;
    }
  }
  add_up_block(memory, sums, 1, squares + std::int64_t{run} * gridDim.x + blockIdx.x);
}

/// Both biases. Grid: blocks of weight_threads units, and one more for the outputs, x active runs.
__global__ void __launch_bounds__(weight_threads) update_biases(WeightSpaceBatch batch, SamplePass pass) {
  const int run = batch.active[blockIdx.y];
  const auto thread = static_cast<int>(threadIdx.x);
  if (!takes_step(batch, run, pass.offset)) {
    return;
  }
  if (blockIdx.x + 1 == gridDim.x) {
    const auto scale =
        static_cast<float>(static_cast<double>(batch.parameters[run].step_size) * loss_share(batch, pass.samples));
    for (int c = thread; c < batch.outputs; c += weight_threads) {
      float sum = 0;
      for (int sample = 0; sample < pass.samples; ++sample) {
        sum += batch.error[outputs_at(batch, run, sample) + c];
      }
      batch.output_bias[std::int64_t{run} * batch.outputs + c] -= scale * sum;
    }
    return;
  }
  const int unit = static_cast<int>(blockIdx.x) * weight_threads + thread;
  if (unit < batch.width) {
    const bool is_summed = batch.signal_sum != nullptr;
    float sum = is_summed ? batch.signal_sum[std::int64_t{run} * batch.width + unit] : 0.0F;
    for (int sample = 0; !is_summed && sample < pass.samples; ++sample) {
      sum += batch.signal[hidden_at(batch, run, sample) + unit];
    }
    batch.hidden_bias[std::int64_t{run} * batch.width + unit] += sum;
  }
}

/// squares: run x blocks, of W; then, in a step, W <- (1 - eta lambda) W. Grid: blocks of weights_a_block hidden
/// weights x active runs.
__global__ void __launch_bounds__(weight_threads)
    decay_hidden(WeightSpaceBatch batch, SamplePass pass, double* squares) {
  FASWEEP_SHARED(SumMemory, memory);
  const int run = batch.active[blockIdx.y];
  const std::int64_t size = std::int64_t{batch.width} * batch.inputs;
  const bool moves = pass.is_training && takes_step(batch, run, pass.offset);
  const float decay = moves ? batch.decays[std::int64_t{pass.offset} * batch.slots + run] : 1.0F;
  float* w = batch.hidden_weight + std::int64_t{run} * size;
  const std::int64_t first = std::int64_t{blockIdx.x} * weights_a_block;
  double sums[1] = {};
  for (std::int64_t i = first + threadIdx.x; i < first + weights_a_block && i < size; i += weight_threads) {
    const float before = w[i];
    sums[0] += static_cast<double>(before) * static_cast<double>(before);
    w[i] = decay * before;
  }
  add_up_block(memory, sums, 1, squares + std::int64_t{run} * gridDim.x + blockIdx.x);
}

/// sums: run x blocks x output_sums. Grid: blocks of weights_a_block output weights x active runs.
__global__ void __launch_bounds__(weight_threads) observe_output(WeightSpaceBatch batch, double* sums_of) {
  FASWEEP_SHARED(SumMemory, memory);
  const int run = batch.active[blockIdx.y];
  const int size = batch.width * batch.outputs;
  const std::int64_t problem = batch.parameters[run].problem;
  const auto first = static_cast<int>(blockIdx.x) * weights_a_block;
  double sums[output_sums] = {};
  for (int i = first + static_cast<int>(threadIdx.x); i < first + weights_a_block && i < size; i += weight_threads) {
    const double beta = batch.output_weight[std::int64_t{run} * size + i];
    const double b = batch.feedback[problem * size + i];
    const double change = beta - static_cast<double>(batch.initial_output[problem * size + i]);
    const double distance = change < 0 ? -change : change;
    sums[output_square] += beta * beta;
    sums[feedback_square] += b * b;
    sums[feedback_dot_output] += b * beta;
    sums[max_output_change] = distance > sums[max_output_change] ? distance : sums[max_output_change];
  }
  const std::int64_t block = std::int64_t{run} * gridDim.x + blockIdx.x;
  add_up_block(memory, sums, max_output_change, sums_of + block * output_sums);
}

/// squares: run x width, ||w_r(t) - w_r(0)||^2. initial: problem x width x inputs. Grid: width x active runs.
__global__ void __launch_bounds__(weight_threads)
    observe_hidden(WeightSpaceBatch batch, const float* initial, double* squares) {
  FASWEEP_SHARED(SumMemory, memory);
  const int run = batch.active[blockIdx.y];
  const std::int64_t unit = blockIdx.x;
  const float* now = batch.hidden_weight + (std::int64_t{run} * batch.width + unit) * batch.inputs;
  const float* start = initial + (std::int64_t{batch.parameters[run].problem} * batch.width + unit) * batch.inputs;
  double sums[1] = {};
  for (int j = static_cast<int>(threadIdx.x); j < batch.inputs; j += weight_threads) {
    const auto change = static_cast<double>(now[j] - start[j]);
    sums[0] += change * change;
  }
  add_up_block(memory, sums, 1, squares + std::int64_t{run} * batch.width + unit);
}

/// sums: blocks x gradient_sums, of one run's gradients of W by its rule and by backprop, width x inputs each. Grid:
/// blocks of weights_a_block hidden weights.
__global__ void __launch_bounds__(weight_threads)
    compare_gradients(const float* by_rule, const float* by_backprop, std::int64_t size, double* sums_of) {
  FASWEEP_SHARED(SumMemory, memory);
  const std::int64_t first = std::int64_t{blockIdx.x} * weights_a_block;
  double sums[gradient_sums] = {};
  for (std::int64_t i = first + threadIdx.x; i < first + weights_a_block && i < size; i += weight_threads) {
    const double r = by_rule[i];
    const double p = by_backprop[i];
    sums[rule_gradient_square] += r * r;
    sums[backprop_gradient_square] += p * p;
    sums[gradient_dot] += r * p;
  }
  add_up_block(memory, sums, gradient_sums, sums_of + std::int64_t{blockIdx.x} * gradient_sums);
}

}  // namespace fasweep::kernels
