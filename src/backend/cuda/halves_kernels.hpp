// Weight-space kernels for inputs that 16 bits hold. Input j of a sample is count_j scale_j - shift_j with a whole
// number count_j of at most 2048, exact in 16 bits; the other factor of a product is written as high + low, 16 bits
// each, after a power of two that brings the largest number of each of its sums to 2^14..2^15:
//   Z_ir = sum_j count_ij (w_rj scale_j) - sum_j w_rj shift_j;  w_rj += scale_j sum_i S_ir count_ij - shift_j sum_i
//   S_ir
// high + low has 22 bits of a number, and 2^-40 of the largest is lost of one whose low half falls below 16 bits'
// range. Both halves lie beside each other and counts twice, so that one product of twice the depth takes both. A warp
// has a unit, and does not depend on what else is in the batch.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "backend/cuda/device_rules.hpp"
#include "backend/cuda/weight_space_kernels.hpp"

namespace fasweep::kernels {

inline constexpr int warp_threads = 32;
inline constexpr int rows_a_block = weight_threads / warp_threads;
inline constexpr int signal_warps = signal_threads / warp_threads;
inline constexpr int signal_blocks = 3;  // of them, that a multiprocessor holds at least

/// A power of two and its inverse.
struct HalfScale {
  float up;
  float back;
};

/// Scales `largest`, and so everything up to it, below 2^15; to at least 2^14 if the power is a normal number.
__device__ inline HalfScale half_scale(float largest) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &largest, sizeof bits);
  const int exponent = static_cast<int>(bits >> 23U & 0xFFU) - 127;
  const int wanted = 14 - exponent;
  const auto up = static_cast<float>(wanted > 126 ? 126 : wanted);
  return {elementary::times_power_of_two(1.0F, up), elementary::times_power_of_two(1.0F, -up)};
}

/// Writes two numbers as halves.
__device__ inline void put_halves(float x, float y, HalfPair* high, HalfPair* low) {
  const HalfPair rounded = simt::pack_halves(x, y);
  *high = rounded;
  *low = simt::pack_rest(x, y, rounded);
}

/// gathered_counts = the counts of the pass's rows, twice; `stride` numbers from one run's to the next's, 0 if all see
/// the same. Grid: samples x active runs, or x 1.
__global__ void __launch_bounds__(weight_threads)
    gather_counts(WeightSpaceBatch batch, SamplePass pass, std::int64_t stride) {
  const int run = batch.active[blockIdx.y];
  const auto sample = static_cast<int>(blockIdx.x);
  const int pairs = batch.padded_inputs / 2;
  const HalfPair* from = batch.counts_of + row_of(batch, pass, run, sample) * pairs;
  HalfPair* to = batch.gathered_counts + run * stride / 2 + std::int64_t{sample} * 2 * pairs;
  for (int i = static_cast<int>(threadIdx.x); i < pairs; i += weight_threads) {
    to[i] = from[i];
    to[pairs + i] = from[i];
  }
}

/// A unit's row of W while it is scanned: what this lane found.
struct RowSums {
  float largest = 0;  // of w_j scale_j
  float start = 0;    // - sum_j w_j shift_j
};

__device__ inline void see_weight(const WeightSpaceBatch& batch, int input, float w, RowSums& sums) {
  sums.largest = elementary::larger(sums.largest, std::fabs(w * batch.input_scale[input]));
  sums.start = fmaf(-w, batch.input_shift[input], sums.start);
}

/// Writes a row's halves, factor and start. The warp's lanes come together, each with the sums of its own pairs of
/// inputs, lane, lane + 32, ...
__device__ inline void split_row(const WeightSpaceBatch& batch, std::int64_t row, int lane, RowSums sums) {
  for (int mask = warp_threads / 2; mask > 0; mask /= 2) {
    sums.largest = elementary::larger(sums.largest, simt::shuffle_xor(sums.largest, mask));
    sums.start += simt::shuffle_xor(sums.start, mask);
  }
  const HalfScale scale = half_scale(sums.largest);
  const float* w = batch.hidden_weight + row * batch.inputs;
  HalfPair* high = batch.hidden_halves + row * batch.padded_inputs;
  HalfPair* low = high + batch.padded_inputs / 2;
  const auto scaled = [&](int j) { return j < batch.inputs ? w[j] * batch.input_scale[j] * scale.up : 0.0F; };
  for (int pair = lane; 2 * pair < batch.padded_inputs; pair += warp_threads) {
    put_halves(scaled(2 * pair), scaled(2 * pair + 1), high + pair, low + pair);
  }
  if (lane == 0) {
    batch.hidden_factor[row] = scale.back;
    batch.hidden_start[row] = sums.start;
  }
}

/// The unit of this warp, and this thread's lane.
struct WarpPlace {
  int unit;
  int lane;
};
__device__ inline WarpPlace warp_place() {
  const auto thread = static_cast<int>(threadIdx.x);
  return {static_cast<int>(blockIdx.x) * rows_a_block + thread / warp_threads, thread % warp_threads};
}

/// Halves of W as it is. Grid: blocks of rows_a_block units x runs from first_run on.
__global__ void __launch_bounds__(weight_threads) split_hidden(WeightSpaceBatch batch, int first_run) {
  const auto [unit, lane] = warp_place();
  if (unit >= batch.width) {
    return;
  }
  const std::int64_t row = std::int64_t{first_run + static_cast<int>(blockIdx.y)} * batch.width + unit;
  const float* w = batch.hidden_weight + row * batch.inputs;
  RowSums sums;
  for (int first = 2 * lane; first < batch.inputs; first += 2 * warp_threads) {
    for (int j = first; j < first + 2 && j < batch.inputs; ++j) {
      see_weight(batch, j, w[j], sums);
    }
  }
  split_row(batch, row, lane, sums);
}

/// sum_i S_ir x_ij from the product of signals and counts, of the unit at `row`.
__device__ inline float moved_by(const WeightSpaceBatch& batch, std::int64_t row, int input, float product) {
  return fmaf(product * batch.signal_factor[row], batch.input_scale[input],
              -batch.input_shift[input] * batch.signal_sum[row]);
}

/// W <- W + S^T X, from hidden_gradient, and its halves. Grid: blocks of rows_a_block units x active runs.
__global__ void __launch_bounds__(weight_threads) update_hidden(WeightSpaceBatch batch, SamplePass pass) {
  const int run = batch.active[blockIdx.y];
  const auto [unit, lane] = warp_place();
  if (unit >= batch.width || !takes_step(batch, run, pass.offset)) {
    return;
  }
  const std::int64_t row = std::int64_t{run} * batch.width + unit;
  float* w = batch.hidden_weight + row * batch.inputs;
  const float* product = batch.hidden_gradient + row * batch.inputs;
  RowSums sums;
  for (int first = 2 * lane; first < batch.inputs; first += 2 * warp_threads) {
    for (int j = first; j < first + 2 && j < batch.inputs; ++j) {
      const float now = w[j] + moved_by(batch, row, j, product[j]);
      w[j] = now;
      see_weight(batch, j, now, sums);
    }
  }
  split_row(batch, row, lane, sums);
}

/// gradient, one run's products of signals and counts, becomes S^T X. Grid: blocks of rows_a_block units x 1.
__global__ void __launch_bounds__(weight_threads) finish_gradient(WeightSpaceBatch batch, float* gradient) {
  const int run = batch.active[blockIdx.y];
  const auto [unit, lane] = warp_place();
  if (unit >= batch.width) {
    return;
  }
  float* own = gradient + std::int64_t{unit} * batch.inputs;
  for (int j = lane; j < batch.inputs; j += warp_threads) {
    own[j] = moved_by(batch, std::int64_t{run} * batch.width + unit, j, own[j]);
  }
}

/// Shared memory of split_signal: v of its units, and what its warps found for each unit.
constexpr std::size_t signal_shared_bytes(int outputs) {
  return sizeof(float) * static_cast<std::size_t>(outputs + signal_warps) * signal_units;
}

/// Numbers of a lane's two units.
struct UnitPair {
  float even = 0;
  float odd = 0;
};

/// A thread of split_signal, and what it reads of its run.
struct SignalPlace {
  int run;
  int lane;
  int warp;
  int pair;  // its units are 2 pair and 2 pair + 1
  bool has_even;
  bool has_odd;
  const float* hidden;  // of its units and the first sample; width further that of the next
  const float* seen;    // as above
};
__device__ inline SignalPlace signal_place(const WeightSpaceBatch& batch) {
  const auto thread = static_cast<int>(threadIdx.x);
  const int run = batch.active[blockIdx.y];
  const int lane = thread % warp_threads;
  const int pair = static_cast<int>(blockIdx.x) * warp_threads + lane;
  const std::int64_t first = hidden_at(batch, run, 0) + 2 * pair;
  return {run,
          lane,
          thread / warp_threads,
          pair,
          2 * pair < batch.width,
          2 * pair + 1 < batch.width,
          batch.hidden + first,
          batch.seen + first};
}

/// v of the block's units: outputs x signal_units, 0 beyond the width.
__device__ inline void stage_feedback(const WeightSpaceBatch& batch, int run, int rule, float* v) {
  const float* beta = batch.output_weight + run * output_size(batch);
  const float* b = batch.feedback + batch.parameters[run].problem * output_size(batch);
  for (int i = static_cast<int>(threadIdx.x); i < batch.outputs * signal_units; i += signal_threads) {
    const std::int64_t at = std::int64_t{blockIdx.x} * signal_units * batch.outputs + i;
    v[i % batch.outputs * signal_units + i / batch.outputs] =
        at < output_size(batch) ? feedback_of(DeviceRules{}, rule, b[at], beta[at]) : 0.0F;
  }
}

/// What the warps of a block found for this lane's units, put together in the warps' order.
template <class Combine>
__device__ inline UnitPair combine_warps(float* found, const SignalPlace& at, UnitPair own, Combine combine) {
  __syncthreads();  // what was found before was read
  found[at.warp * signal_units + 2 * at.lane] = own.even;
  found[at.warp * signal_units + 2 * at.lane + 1] = own.odd;
  __syncthreads();
  UnitPair all{found[2 * at.lane], found[2 * at.lane + 1]};
  for (int other = 1; other < signal_warps; ++other) {
    all.even = combine(all.even, found[other * signal_units + 2 * at.lane]);
    all.odd = combine(all.odd, found[other * signal_units + 2 * at.lane + 1]);
  }
  return all;
}

/// The larger of `bound` and a unit's slope times its largest error signal; a dropped unit has no error signal.
template <class Activation>
__device__ inline float larger_bound(const WeightSpaceBatch& batch, float bound, float h, float seen, float error) {
  const bool is_silent = batch.dropout > 0 && seen == 0 && h != 0;
  return is_silent ? bound : elementary::larger(bound, std::fabs(Activation::derivative(h, h)) * error);
}

/// Over all samples the largest psi' times the largest error, times |v|_1: no signal is larger but for its scale.
template <class Activation>
__device__ inline UnitPair bound_signals(const WeightSpaceBatch& batch, int samples, const SignalPlace& at,
                                         const float* v, float* found) {
  const float* error_size = batch.error_size + std::int64_t{at.run} * batch.most_samples;
  UnitPair bound;
  for (int sample = at.warp; sample < samples; sample += signal_warps) {
    const std::int64_t row = std::int64_t{sample} * batch.width;
    const float error = error_size[sample];
    if (at.has_even) {
      bound.even = larger_bound<Activation>(batch, bound.even, at.hidden[row], at.seen[row], error);
    }
    if (at.has_odd) {
      bound.odd = larger_bound<Activation>(batch, bound.odd, at.hidden[row + 1], at.seen[row + 1], error);
    }
  }
  bound = combine_warps(found, at, bound, [](float x, float y) { return elementary::larger(x, y); });
  UnitPair size;
  for (int c = 0; c < batch.outputs; ++c) {
    size.even += std::fabs(v[c * signal_units + 2 * at.lane]);
    size.odd += std::fabs(v[c * signal_units + 2 * at.lane + 1]);
  }
  return {bound.even * size.even, bound.odd * size.odd};
}

/// make_signal in halves, with its sums over the samples. A warp has every eighth group of samples and sees them twice:
/// first for a bound of each unit's signals. What float32 rounds away of a signal is more than its halves lose of the
/// bound. Grid: blocks of signal_units x active runs.
template <class Activation>
__global__ void __launch_bounds__(signal_threads, signal_blocks)
    split_signal(WeightSpaceBatch batch, SamplePass pass, SignalUse use) {
  FASWEEP_SHARED(float, shared);
  const SignalPlace at = signal_place(batch);
  if (use.is_step && !takes_step(batch, at.run, pass.offset)) {
    return;
  }
  float* v = &shared;
  float* found = v + batch.outputs * signal_units;
  stage_feedback(batch, at.run, use.is_step || use.rule < 0 ? batch.parameters[at.run].rule : use.rule, v);
  const float scale =
      use.is_step ? -step_scale(batch, at.run, pass.samples)
                  : static_cast<float>(loss_share(batch, pass.samples) * static_cast<double>(batch.output_scale));
  const bool drops = batch.dropout > 0;
  const float most = std::fabs(scale) * (drops ? static_cast<float>(1 / (1 - batch.dropout)) : 1.0F);
  const UnitPair bound = bound_signals<Activation>(batch, pass.samples, at, v, found);
  const HalfScale even = half_scale(bound.even * most);
  const HalfScale odd = half_scale(bound.odd * most);

  constexpr int samples_at_once = 4;  // share what is read of v
  UnitPair sum;
  const float* error = batch.error + outputs_at(batch, at.run, 0);
  HalfPair* to = batch.signal_halves + std::int64_t{at.run} * batch.batch_samples * batch.padded_width + at.pair;
  for (int first = at.warp * samples_at_once; first < pass.samples; first += signal_warps * samples_at_once) {
    UnitPair back[samples_at_once];
    for (int c = 0; c < batch.outputs; ++c) {
      const float v_even = v[c * signal_units + 2 * at.lane];
      const float v_odd = v[c * signal_units + 2 * at.lane + 1];
      FASWEEP_UNROLL
      for (int s = 0; s < samples_at_once; ++s) {
        const int sample = first + s < pass.samples ? first + s : first;
        const float e = error[sample * batch.outputs + c];
        back[s].even = fmaf(e, v_even, back[s].even);
        back[s].odd = fmaf(e, v_odd, back[s].odd);
      }
    }
    FASWEEP_UNROLL
    for (int s = 0; s < samples_at_once; ++s) {
      const int sample = first + s;
      if (sample < pass.samples && 2 * at.pair < batch.padded_width) {
        const MaskPair mask = drops ? mask_pair(batch, pass, at.run, sample, at.pair) : MaskPair{1, 1};
        const float* hidden = at.hidden + std::int64_t{sample} * batch.width;
        const float h_even = at.has_even ? hidden[0] : 0.0F;
        const float h_odd = at.has_odd ? hidden[1] : 0.0F;
        const float x = scale * back[s].even * (Activation::derivative(h_even, h_even) * mask.even);
        const float y = scale * back[s].odd * (Activation::derivative(h_odd, h_odd) * mask.odd);
        sum.even += x;
        sum.odd += y;
        HalfPair* row = to + std::int64_t{sample} * batch.padded_width;
        put_halves(x * even.up, y * odd.up, row, row + batch.padded_width / 2);
      }
    }
  }
  sum = combine_warps(found, at, sum, [](float x, float y) { return x + y; });
  const std::int64_t unit = std::int64_t{at.run} * batch.width + 2 * at.pair;
  if (at.warp == 0 && at.has_even) {
    batch.signal_factor[unit] = even.back;
    batch.signal_sum[unit] = sum.even;
  }
  if (at.warp == 0 && at.has_odd) {
    batch.signal_factor[unit + 1] = odd.back;
    batch.signal_sum[unit + 1] = sum.odd;
  }
}

}  // namespace fasweep::kernels
