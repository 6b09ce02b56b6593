// The kernels of the sample-space solver: one training step, and one observation, of a batch of runs. One block owns
// tiles of 64 hidden units of one run. Blocks meet only at the end of a launch: a step writes the block's part of the
// next forward pass, and the next step's blocks add the parts up, all in the same order, so every block knows the same
// error vector, bit for bit, without atomics or waiting.
//
// State of a run: Z = X W^T (rows x width), moves A (samples x width) with W(t) = W(0) - A^T X, and beta.
// With K = X X^T, e the errors, v the rule's feedback, s = eta / sqrt p (model/rule/list.hpp), a step is
//   A <- A + M,  M = s (e v^T) .* psi'(Z);   Z <- Z - K M;   beta <- (1 - eta lambda) beta - s psi(Z)^T e
//
// Inner products use fmaf and everything else is compiled without contraction, so these kernels give the same bits
// under nvcc and in emulation (README.md here).
#pragma once

#include <cmath>
#include <cstdint>

#include "backend/cuda/device_rules.hpp"
#include "backend/cuda/sample_space_arguments.hpp"
#include "backend/cuda/simt.hpp"
#include "model/activation/list.hpp"

namespace fasweep::kernels {

/// Where this thread stands.
struct Position {
  int thread;
  int lane;
  int warp;
};
__device__ inline Position position() {
  const int thread = static_cast<int>(threadIdx.x);
  return {thread, thread % lanes, thread / lanes};
}

__device__ inline std::int64_t value_count(const SampleSpaceBatch& batch) {
  return batch.rows + 1;
}

/// First partial sum of a run at step t.
__device__ inline std::int64_t partials_at(const SampleSpaceBatch& batch, int run, std::int64_t step) {
  return ((step % 2) * batch.slots + run) * batch.blocks * value_count(batch);
}

/// memory.values = f - y for every row, then ||beta||^2, from the parts that all blocks wrote for this step. Ends with
/// a barrier.
__device__ inline void gather_values(const SampleSpaceBatch& batch, int run, std::int64_t step, BlockMemory& memory) {
  const float* parts = batch.partials + partials_at(batch, run, step);
  const float* targets = batch.targets + std::int64_t{batch.parameters[run].problem} * batch.rows;
  const auto count = static_cast<int>(value_count(batch));
  for (int value = position().thread; value < count; value += threads_a_block) {
    float sum = 0;
    for (int block = 0; block < batch.blocks; ++block) {
      sum += parts[block * count + value];
    }
    memory.values[value] = value < batch.rows ? sum * batch.inverse_root_width - targets[value] : sum;
  }
  __syncthreads();
}

/// Copies memory.values out, by the first block of the run.
__device__ inline void store_values(const SampleSpaceBatch& batch, const BlockMemory& memory, float* out) {
  if (blockIdx.x == 0) {
    for (int value = position().thread; value < value_count(batch); value += threads_a_block) {
      out[value] = memory.values[value];
    }
  }
}

/// sums[r][u] = row r (of this thread) of K times memory.signal(), for the pass that starts at `first_row`. Starts and
/// ends with a barrier inside, so signal may be written just before and memory.panel reused just after.
__device__ inline void multiply_gram(const SampleSpaceBatch& batch, const float* gram, int first_row,
                                     BlockMemory& memory, float (&sums)[rows_a_thread][units_a_thread]) {
  const Position at = position();
  const int first_own_row = at.warp * rows_a_thread;
  for (int first_column = 0; first_column < batch.samples; first_column += panel_columns) {
    const int left = batch.samples - first_column;
    const int columns = left < panel_columns ? left : panel_columns;
    for (int i = at.thread; i < columns * rows_a_pass; i += threads_a_block) {
      const int column = i / rows_a_pass;
      const int row = i % rows_a_pass;
      memory.panel[column][row] = gram[(first_column + column) * batch.padded_rows + first_row + row];
    }
    __syncthreads();
    for (int column = 0; column < columns; ++column) {
      const float* signal = memory.signal() + (first_column + column) * tile_units + at.lane;
      for (int u = 0; u < units_a_thread; ++u) {
        const float factor = signal[u * lanes];
        for (int r = 0; r < rows_a_thread; ++r) {
          sums[r][u] = fmaf(memory.panel[column][first_own_row + r], factor, sums[r][u]);
        }
      }
    }
    __syncthreads();
  }
}

/// One tile's units of this thread: where they are, and their constants.
struct Units {
  int unit[units_a_thread];    // in the run; >= width: none
  float rate[units_a_thread];  // s v
  bool there[units_a_thread];
};
__device__ inline Units own_units(const SampleSpaceBatch& batch, int run, int tile) {
  const RunParameters& parameters = batch.parameters[run];
  Units units{};
  for (int u = 0; u < units_a_thread; ++u) {
    units.unit[u] = tile * tile_units + u * lanes + position().lane;
    units.there[u] = units.unit[u] < batch.width;
    if (units.there[u]) {
      const float b = batch.feedback[std::int64_t{parameters.problem} * batch.width + units.unit[u]];
      const float beta = batch.output_weight[std::int64_t{run} * batch.width + units.unit[u]];
      units.rate[u] = parameters.scale * feedback_of(DeviceRules{}, parameters.rule, b, beta);
    }
  }
  return units;
}

/// A <- A + M and memory.signal() = M for one tile; memory.unit_sums = psi(Z)^T e, by warp.
template <class Activation>
__device__ inline void move_units(const SampleSpaceBatch& batch, int run, const Units& units, BlockMemory& memory) {
  const Position at = position();
  const float* z = batch.z + std::int64_t{run} * batch.rows * batch.width;
  float* moves = batch.moves + std::int64_t{run} * batch.samples * batch.width;
  float gradient[units_a_thread] = {};
  for (int sample = at.warp; sample < batch.samples; sample += warps) {
    const float e = memory.values[sample];
    for (int u = 0; u < units_a_thread; ++u) {
      float move = 0;
      if (units.there[u]) {
        const std::int64_t index = std::int64_t{sample} * batch.width + units.unit[u];
        const float h = Activation::value(z[index]);
        gradient[u] = fmaf(h, e, gradient[u]);
        move = units.rate[u] * (e * Activation::derivative(z[index], h));
        moves[index] += move;
      }
      memory.signal()[sample * tile_units + u * lanes + at.lane] = move;
    }
  }
  for (int u = 0; u < units_a_thread; ++u) {
    memory.unit_sums[at.warp][u * lanes + at.lane] = gradient[u];
  }
}

/// A step of beta with decay and s for one tile (rules that learn b are not trained here), by its first 64 threads;
/// memory.beta holds the new values.
__device__ inline void move_output(const SampleSpaceBatch& batch, int run, int tile, float decay, BlockMemory& memory) {
  const int thread = position().thread;
  if (thread >= tile_units) {
    return;
  }
  const int unit = tile * tile_units + thread;
  float beta = 0;
  if (unit < batch.width) {
    float gradient = 0;
    for (int warp = 0; warp < warps; ++warp) {
      gradient += memory.unit_sums[warp][thread];
    }
    float& kept = batch.output_weight[std::int64_t{run} * batch.width + unit];
    const RunParameters& parameters = batch.parameters[run];
    Readout<float> readout{kept, batch.feedback[std::int64_t{parameters.problem} * batch.width + unit]};
    take_step(DeviceRules{}, parameters.rule, readout, gradient, decay, parameters.scale);
    beta = readout.beta;
    kept = beta;
  }
  memory.beta[thread] = beta;
  memory.output_square[thread] = fmaf(beta, beta, memory.output_square[thread]);
}

/// Z <- Z - K M for one tile and its part of psi(Z) beta, added to memory.next_values.
template <class Activation>
__device__ inline void move_rows(const SampleSpaceBatch& batch, int run, const Units& units, BlockMemory& memory) {
  const Position at = position();
  const float* gram = batch.gram + std::int64_t{batch.parameters[run].problem} * batch.samples * batch.padded_rows;
  float* z = batch.z + std::int64_t{run} * batch.rows * batch.width;
  for (int first_row = 0; first_row < batch.rows; first_row += rows_a_pass) {
    float sums[rows_a_thread][units_a_thread] = {};
    multiply_gram(batch, gram, first_row, memory, sums);
    for (int r = 0; r < rows_a_thread; ++r) {
      const int row_of_pass = at.warp * rows_a_thread + r;
      const int row = first_row + row_of_pass;
      float product = 0;
      for (int u = 0; u < units_a_thread; ++u) {
        if (units.there[u] && row < batch.rows) {
          float& kept = z[std::int64_t{row} * batch.width + units.unit[u]];
          kept -= sums[r][u];
          product = fmaf(Activation::value(kept), memory.beta[u * lanes + at.lane], product);
        }
      }
      memory.products[row_of_pass][at.lane] = product;
    }
    __syncthreads();
    if (at.thread < rows_a_pass && first_row + at.thread < batch.rows) {
      float sum = 0;
      for (int lane = 0; lane < lanes; ++lane) {
        sum += memory.products[at.thread][lane];
      }
      memory.next_values[first_row + at.thread] += sum;
    }
    __syncthreads();
  }
}

/// Writes this block's part of the forward pass of step t + 1.
__device__ inline void store_partials(const SampleSpaceBatch& batch, int run, std::int64_t step,
                                      const BlockMemory& memory) {
  float* parts = batch.partials + partials_at(batch, run, step + 1) + blockIdx.x * value_count(batch);
  for (int row = position().thread; row < batch.rows; row += threads_a_block) {
    parts[row] = memory.next_values[row];
  }
  if (position().thread == 0) {
    float sum = 0;
    for (int unit = 0; unit < tile_units; ++unit) {
      sum += memory.output_square[unit];
    }
    parts[batch.rows] = sum;
  }
}

/// One step of every active run: grid is blocks x active runs, `offset` the steps since *batch.first_step.
template <class Activation>
__global__ void __launch_bounds__(threads_a_block, blocks_a_multiprocessor)
    train_step(SampleSpaceBatch batch, int offset) {
  FASWEEP_SHARED(BlockMemory, memory);
  const int run = batch.active[blockIdx.y];
  const std::int64_t step = *batch.first_step + offset;
  if (step >= batch.limits[run]) {
    return;
  }
  for (int i = position().thread; i < max_rows; i += threads_a_block) {
    memory.next_values[i] = 0;
  }
  if (position().thread < tile_units) {
    memory.output_square[position().thread] = 0;
  }
  gather_values(batch, run, step, memory);
  const std::int64_t place = std::int64_t{offset} * batch.slots + run;
  store_values(batch, memory, batch.history + place * value_count(batch));
  const int first_tile = static_cast<int>(blockIdx.x) * batch.tiles_a_block;
  for (int tile = first_tile; tile < first_tile + batch.tiles_a_block; ++tile) {
    const Units units = own_units(batch, run, tile);
    move_units<Activation>(batch, run, units, memory);
    __syncthreads();
    move_output(batch, run, tile, batch.decays[place], memory);
    move_rows<Activation>(batch, run, units, memory);
  }
  store_partials(batch, run, step, memory);
}

/// memory.unit_sums = per unit, signal^T K signal, by warp.
__device__ inline void gram_square(const SampleSpaceBatch& batch, int run, BlockMemory& memory) {
  const Position at = position();
  const float* gram = batch.gram + std::int64_t{batch.parameters[run].problem} * batch.samples * batch.padded_rows;
  float square[units_a_thread] = {};
  for (int first_row = 0; first_row < batch.samples; first_row += rows_a_pass) {
    float sums[rows_a_thread][units_a_thread] = {};
    multiply_gram(batch, gram, first_row, memory, sums);
    for (int r = 0; r < rows_a_thread; ++r) {
      const int row = first_row + at.warp * rows_a_thread + r;
      if (row < batch.samples) {
        for (int u = 0; u < units_a_thread; ++u) {
          square[u] = fmaf(memory.signal()[row * tile_units + u * lanes + at.lane], sums[r][u], square[u]);
        }
      }
    }
  }
  for (int u = 0; u < units_a_thread; ++u) {
    memory.unit_sums[at.warp][u * lanes + at.lane] = square[u];
  }
  __syncthreads();
}

/// memory.signal() = e .* psi'(z) of one tile.
template <class Activation>
__device__ inline void load_error_signal(const SampleSpaceBatch& batch, int run, const Units& units,
                                         BlockMemory& memory) {
  const Position at = position();
  const float* z = batch.z + std::int64_t{run} * batch.rows * batch.width;
  for (int sample = at.warp; sample < batch.samples; sample += warps) {
    for (int u = 0; u < units_a_thread; ++u) {
      const float own = units.there[u] ? z[std::int64_t{sample} * batch.width + units.unit[u]] : 0.0F;
      memory.signal()[sample * tile_units + u * lanes + at.lane] =
          units.there[u] ? memory.values[sample] * Activation::derivative(own, Activation::value(own)) : 0.0F;
    }
  }
}

/// memory.signal() = A of one tile.
__device__ inline void load_moves(const SampleSpaceBatch& batch, int run, const Units& units, BlockMemory& memory) {
  const Position at = position();
  const float* moves = batch.moves + std::int64_t{run} * batch.samples * batch.width;
  for (int sample = at.warp; sample < batch.samples; sample += warps) {
    for (int u = 0; u < units_a_thread; ++u) {
      memory.signal()[sample * tile_units + u * lanes + at.lane] =
          units.there[u] ? moves[std::int64_t{sample} * batch.width + units.unit[u]] : 0.0F;
    }
  }
}

/// Sum over warps of memory.unit_sums of this thread's unit of the tile.
__device__ inline double unit_sum(const BlockMemory& memory) {
  double sum = 0;
  for (int warp = 0; warp < warps; ++warp) {
    sum += static_cast<double>(memory.unit_sums[warp][position().thread]);
  }
  return sum;
}

__device__ inline double larger_of(double a, double b) {
  return a > b ? a : b;
}

/// Adds one unit, that of this thread, to the sums of an observation. gradient_square: ||g||^2, W's gradient row is
/// v g; change_square: ||w(t) - w(0)||^2.
__device__ inline void observe_unit(const SampleSpaceBatch& batch, int run, int unit, double gradient_square,
                                    double change_square, double (&sums)[observed_values]) {
  const RunParameters& parameters = batch.parameters[run];
  const std::int64_t of_problem = std::int64_t{parameters.problem} * batch.width + unit;
  const float float_beta = batch.output_weight[std::int64_t{run} * batch.width + unit];
  const float float_b = batch.feedback[of_problem];
  const double beta = float_beta;
  const double b = float_b;
  const double v = feedback_of(DeviceRules{}, parameters.rule, float_b, float_beta);
  const double change = beta - static_cast<double>(batch.initial_output[of_problem]);
  sums[observed_output_square] += beta * beta;
  sums[observed_feedback_square] += b * b;
  sums[observed_feedback_dot_output] += b * beta;
  sums[observed_hidden_change_square] += change_square;
  sums[observed_rule_gradient_square] += v * v * gradient_square;
  sums[observed_backprop_gradient_square] += beta * beta * gradient_square;
  sums[observed_gradient_dot] += v * beta * gradient_square;
  sums[observed_max_output_change] = larger_of(change < 0 ? -change : change, sums[observed_max_output_change]);
  sums[observed_max_hidden_change_square] = larger_of(change_square, sums[observed_max_hidden_change_square]);
}

/// Adds up what the threads of a block observed and writes it out.
__device__ inline void store_observed(const SampleSpaceBatch& batch, int run, BlockMemory& memory,
                                      const double (&sums)[observed_values]) {
  const int thread = position().thread;
  if (thread < tile_units) {
    for (int value = 0; value < observed_values; ++value) {
      memory.observed[value][thread] = sums[value];
    }
  }
  __syncthreads();
  if (thread < observed_values) {
    double total = 0;
    for (int unit = 0; unit < tile_units; ++unit) {
      const double own = memory.observed[thread][unit];
      total = thread < observed_max_output_change ? total + own : larger_of(own, total);
    }
    batch.observed[(std::int64_t{run} * batch.blocks + blockIdx.x) * observed_values + thread] = total;
  }
}

/// Observes every active run at the step *batch.first_step, which has not been taken yet. Same grid as train_step.
template <class Activation>
__global__ void __launch_bounds__(threads_a_block, 4) observe(SampleSpaceBatch batch) {
  FASWEEP_SHARED(BlockMemory, memory);
  const int run = batch.active[blockIdx.y];
  gather_values(batch, run, *batch.first_step, memory);
  store_values(batch, memory, batch.errors + std::int64_t{run} * value_count(batch));
  double sums[observed_values] = {};
  const int first_tile = static_cast<int>(blockIdx.x) * batch.tiles_a_block;
  const double inverse_width = static_cast<double>(batch.inverse_root_width) * batch.inverse_root_width;
  for (int tile = first_tile; tile < first_tile + batch.tiles_a_block; ++tile) {
    const Units units = own_units(batch, run, tile);
    const int unit = tile * tile_units + position().thread;
    const bool owns_unit = position().thread < tile_units && unit < batch.width;
    load_error_signal<Activation>(batch, run, units, memory);
    gram_square(batch, run, memory);
    const double gradient_square = owns_unit ? unit_sum(memory) * inverse_width : 0;
    load_moves(batch, run, units, memory);
    gram_square(batch, run, memory);
    if (owns_unit) {
      observe_unit(batch, run, unit, gradient_square, unit_sum(memory), sums);
    }
    __syncthreads();
  }
  store_observed(batch, run, memory, sums);
}

}  // namespace fasweep::kernels
