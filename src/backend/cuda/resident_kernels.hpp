// The resident kernel of the sample-space solver: a run stays on chip from its first step to its last. A run is a
// cluster of blocks, as many as its state needs; clusters take runs from a queue until it is empty or their steps are
// used up. Each block owns tiles of 16 hidden units. A step:
//
//   1. every block adds up the outputs that all blocks have sent: the errors, the same bits in each;
//   2. its first warp judges the step (model/stop/judge.hpp), while the others make K diag(e);
//   3. its warps take their tiles: Z <- Z - s v psi'(Z) K diag(e), beta <- (1 - eta lambda) beta - s psi(Z) e, and sum
//      psi(Z) beta, which goes to every block of the cluster.
//
// The product psi'(Z) K diag(e) is made by the tensor cores from factors of 16 bits, each split into two halves so that
// 22 bits enter (psi' of ReLU needs one half); sums are float32. Hardware sums in its own order, so its bits are not
// the emulation's; they are the same from run to run.
//
// W(t) - W(0) = A^T X, and Z(t) - Z(0) = -K A: its norm is the change of Z in the metric of K's pseudo-inverse, so the
// moves A that sample_space_kernels.hpp keeps are not needed.
#pragma once

#include <cmath>
#include <cstdint>

#include "backend/cuda/device_rules.hpp"
#include "backend/cuda/resident_arguments.hpp"
#include "backend/cuda/simt.hpp"
#include "model/activation/list.hpp"
#include "model/stop/list.hpp"

namespace fasweep::kernels {

/// A block's place in its run, its shared memory and its thread's place in a tile.
template <int columns>
struct Resident {
  static constexpr int values = columns * resident_columns + 1;  // that blocks send: of a row each, and ||beta||^2
  static constexpr bool on_chip = is_all_on_chip(columns);       // else batch says what is

  __device__ Resident(const ResidentBatch& b, unsigned char* shared) : batch(b) {
    const ResidentLayout l = resident_layout(b);
    const int quads = b.depth_tiles * columns * lanes;
    rank = simt::cluster_rank();
    cluster = static_cast<int>(blockIdx.x) / b.blocks;
    first_tile = rank * b.tiles_a_block;
    const int left = b.unit_tiles - first_tile;
    tiles = left < b.tiles_a_block ? left : b.tiles_a_block;
    lane = static_cast<int>(threadIdx.x) % lanes;
    warp = static_cast<int>(threadIdx.x) / lanes;
    row = lane / 4;
    pair = lane % 4;
    gram_here = reinterpret_cast<Quad*>(shared + l.gram);
    factor = reinterpret_cast<SplitQuad*>(shared + l.factor);
    if (!on_chip && b.factor_on_chip == 0) {
      factor = b.factor + std::int64_t{cluster * b.blocks + rank} * quads;
    }
    z_here = reinterpret_cast<Quad*>(shared + l.z);
    beta = reinterpret_cast<float*>(shared + l.beta);
    feedback = reinterpret_cast<float*>(shared + l.feedback);
    parts = reinterpret_cast<float*>(shared + l.parts);
    mail = reinterpret_cast<float*>(shared + l.mail);
    errors = reinterpret_cast<float*>(shared + l.errors);
    test_errors = errors + resident_rows(b.depth_tiles, columns);
    sums = reinterpret_cast<double*>(shared + l.sums);
    orders = reinterpret_cast<ResidentOrders*>(shared + l.orders);
  }

  const ResidentBatch& batch;
  int rank;     // in the cluster
  int cluster;  // in the grid
  int first_tile;
  int tiles;  // own
  int lane;
  int warp;
  int row;   // g: unit of the tile, and 8 below it; or row of K
  int pair;  // t: samples 2 t, 2 t + 1
  Quad* gram_here;
  SplitQuad* factor;
  Quad* z_here;
  float* beta;
  float* feedback;
  float* parts;
  float* mail;
  float* errors;       // f - y of training samples, else 0
  float* test_errors;  // the other way round
  double* sums;
  ResidentOrders* orders;

  // Set for each run.
  ResidentRun run{};
  const Quad* gram = nullptr;
  Quad* z = nullptr;  // of the block's first tile
  float gram_scale = 0;

  __device__ int threads() const { return batch.warps * lanes; }
  __device__ std::int64_t problem_quads() const {
    return std::int64_t{run.problem} * batch.depth_tiles * columns * lanes;
  }
  /// Index of unit `row` of a tile; the one 8 below it follows 8 numbers later.
  __device__ int unit_of(int tile) const { return tile * resident_units + row; }
  __device__ bool is_unit(int unit) const { return first_tile * resident_units + unit < batch.width; }
};

/// Sum over the lanes that differ in `row`, the same in all of them.
template <class T>
__device__ inline T sum_rows(T value) {
  for (int mask = 4; mask < lanes; mask *= 2) {
    value += simt::shuffle_xor(value, mask);
  }
  return value;
}
/// Sum over the lanes that differ in `pair`.
template <class T>
__device__ inline T sum_pairs(T value) {
  value += simt::shuffle_xor(value, 1);
  return value + simt::shuffle_xor(value, 2);
}
template <class T>
__device__ inline T sum_warp(T value) {
  return sum_rows(sum_pairs(value));
}
__device__ inline double max_warp(double value) {
  for (int mask = 1; mask < lanes; mask *= 2) {
    const double other = simt::shuffle_xor(value, mask);
    value = other > value ? other : value;
  }
  return value;
}

/// 2^-k for the k with 2^k <= value < 2^(k+1), and 1 where there is none that float32 takes.
__device__ inline float inverse_power(float value) {
  if (!(value > 1e-30F && value < 1e30F)) {
    return 1;
  }
  int exponent = 0;
  std::frexp(value, &exponent);
  return std::ldexp(1.0F, 1 - exponent);
}

/// The two halves of four numbers.
__device__ inline SplitQuad split(const Quad& q) {
  SplitQuad s;
  s.high[0] = simt::pack_halves(q.value[0], q.value[1]);
  s.high[1] = simt::pack_halves(q.value[2], q.value[3]);
  s.low[0] = simt::pack_rest(q.value[0], q.value[1], s.high[0]);
  s.low[1] = simt::pack_rest(q.value[2], q.value[3], s.high[1]);
  return s;
}

/// Brings the run's K, feedback and, where they are kept on chip, Z and beta into shared memory; a run that has not
/// begun starts at Z(0) and beta(0).
template <int columns>
__device__ inline void load_run(Resident<columns>& r, int number) {
  const ResidentBatch& b = r.batch;
  r.run = b.runs[number];
  const bool is_new = b.progress[number].step == 0;
  const int thread = static_cast<int>(threadIdx.x);
  const int matrix = b.depth_tiles * columns * lanes;
  const int own_quads = r.tiles * columns * lanes;
  const int own_units = r.tiles * resident_units;
  const std::int64_t first_quad = std::int64_t{r.first_tile} * columns * lanes;
  const std::int64_t first_unit = std::int64_t{r.first_tile} * resident_units;
  const std::int64_t all_quads = std::int64_t{b.unit_tiles} * columns * lanes;
  const std::int64_t all_units = std::int64_t{b.unit_tiles} * resident_units;
  r.gram = b.gram + r.problem_quads();
  r.gram_scale = b.scales[2 * r.run.problem];
  Quad* kept_z = b.z + number * all_quads + first_quad;
  if (r.on_chip || b.gram_on_chip != 0) {
    for (int i = thread; i < matrix; i += r.threads()) {
      r.gram_here[i] = r.gram[i];
    }
    r.gram = r.gram_here;
  }
  r.z = r.on_chip || b.z_on_chip != 0 ? r.z_here : kept_z;
  const Quad* z_from = is_new ? b.initial_z + r.run.problem * all_quads + first_quad : kept_z;
  if (z_from != r.z) {
    for (int i = thread; i < own_quads; i += r.threads()) {
      r.z[i] = z_from[i];
    }
  }
  const float* beta_from = is_new ? b.initial_output + r.run.problem * all_units : b.output_weight + number * all_units;
  for (int i = thread; i < own_units; i += r.threads()) {
    r.beta[i] = beta_from[first_unit + i];
    r.feedback[i] = b.feedback[r.run.problem * all_units + first_unit + i];
  }
  __syncthreads();
}

template <int columns>
__device__ inline void save_run(const Resident<columns>& r, int number, const ResidentProgress& progress) {
  const ResidentBatch& b = r.batch;
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t first = std::int64_t{number} * b.unit_tiles + r.first_tile;
  if (r.on_chip || b.z_on_chip != 0) {
    Quad* kept = b.z + first * columns * lanes;
    for (int i = thread; i < r.tiles * columns * lanes; i += r.threads()) {
      kept[i] = r.z[i];
    }
  }
  for (int i = thread; i < r.tiles * resident_units; i += r.threads()) {
    b.output_weight[first * resident_units + i] = r.beta[i];
  }
  if (r.rank == 0 && thread == 0) {
    b.progress[number] = progress;
  }
}

/// Adds a tile's part of psi(Z) beta.
template <class Activation, int columns>
__device__ inline void add_outputs(const Quad& z, int column, float beta_0, float beta_8,
                                   float (&outputs)[columns][2]) {
  outputs[column][0] =
      fmaf(Activation::value(z.value[0]), beta_0, fmaf(Activation::value(z.value[2]), beta_8, outputs[column][0]));
  outputs[column][1] =
      fmaf(Activation::value(z.value[1]), beta_0, fmaf(Activation::value(z.value[3]), beta_8, outputs[column][1]));
}

/// Sends this block's sums to every block of the cluster, for the step of this parity. output_square: of the thread's
/// units. Ends with a meeting of the cluster, before which nobody reads them and after which nobody writes those of the
/// other parity before the next.
template <int columns>
__device__ inline void send_outputs(const Resident<columns>& r, int parity, const float (&outputs)[columns][2],
                                    float output_square) {
  constexpr int values = Resident<columns>::values;
  FASWEEP_UNROLL
  for (int column = 0; column < columns; ++column) {
    FASWEEP_UNROLL
    for (int i = 0; i < 2; ++i) {
      const float sum = sum_rows(outputs[column][i]);
      if (r.row == 0) {
        r.parts[r.warp * values + column * resident_columns + 2 * r.pair + i] = sum;
      }
    }
  }
  const float square = sum_rows(output_square);
  if (r.lane == 0) {
    r.parts[r.warp * values + values - 1] = square;
  }
  __syncthreads();
  for (int value = static_cast<int>(threadIdx.x); value < values; value += r.threads()) {
    float sum = 0;
    for (int warp = 0; warp < r.batch.warps; ++warp) {
      sum += r.parts[warp * values + value];
    }
    for (int block = 0; block < r.batch.blocks; ++block) {
      simt::remote(r.mail, block)[(parity * r.batch.blocks + r.rank) * values + value] = sum;
    }
  }
  simt::meet_cluster();
}

/// The forward pass of a run that was just loaded.
template <class Activation, int columns>
__device__ inline void send_first_outputs(const Resident<columns>& r, int parity) {
  float outputs[columns][2] = {};
  float output_square = 0;
  for (int tile = r.warp; tile < r.tiles; tile += r.batch.warps) {
    const float beta_0 = r.beta[r.unit_of(tile)];
    const float beta_8 = r.beta[r.unit_of(tile) + 8];
    output_square = fmaf(beta_0, beta_0, fmaf(beta_8, beta_8, output_square));
    FASWEEP_UNROLL
    for (int column = 0; column < columns; ++column) {
      add_outputs<Activation>(r.z[(tile * columns + column) * lanes + r.lane], column, beta_0, beta_8, outputs);
    }
  }
  send_outputs(r, parity, outputs, output_square);
}

/// Why the rule at position `rule` ends the run, or none.
template <class... Types>
__device__ inline StopReason ask_stop_rule(TypeList<Types...> /*rules*/, int rule, const double (&values)[2],
                                           const StopStep& now, double& memory) {
  StopReason reason = StopReason::none;
  int index = 0;
  const auto ask = [&](auto asked) {
    if (index++ == rule) {
      for (int i = 0; i < static_cast<int>(asked.values.size()); ++i) {
        asked.values[static_cast<std::size_t>(i)] = values[i];
      }
      reason = asked.check(now, memory) ? asked.reason : StopReason::none;
    }
  };
  (ask(Types{}), ...);
  return reason;
}

/// errors = f - y, f from what all blocks have sent for `step`. Ends with a barrier.
template <int columns>
__device__ inline void take_errors(const Resident<columns>& r, std::int64_t step) {
  constexpr int values = Resident<columns>::values;
  const ResidentBatch& b = r.batch;
  const float* mail = r.mail + static_cast<int>(step % 2) * b.blocks * values;
  const float* targets = b.targets + std::int64_t{r.run.problem} * b.rows;
  const int rows = resident_rows(b.depth_tiles, columns);
  for (int i = static_cast<int>(threadIdx.x); i < rows; i += r.threads()) {
    float error = 0;
    if (i < b.rows) {
      float sum = 0;
      for (int block = 0; block < b.blocks; ++block) {
        sum += mail[block * values + i];
      }
      error = sum * static_cast<float>(b.inverse_root_width) - targets[i];
    }
    r.errors[i] = i < b.samples ? error : 0;
    r.test_errors[i] = i < b.samples ? 0 : error;
  }
  __syncthreads();
}

/// What e is to be multiplied with so that its largest entry is within [1, 2); each warp finds out by itself.
template <int columns>
__device__ inline float error_scale(const Resident<columns>& r) {
  float largest = 0;
  for (int i = r.lane; i < r.batch.samples; i += lanes) {
    const float magnitude = std::fabs(r.errors[i]);
    largest = magnitude > largest ? magnitude : largest;
  }
  for (int mask = 1; mask < lanes; mask *= 2) {
    const float other = simt::shuffle_xor(largest, mask);
    largest = other > largest ? other : largest;
  }
  return inverse_power(largest);
}

/// The first warp: whether the run ends at this step, and the block's orders.
template <int columns>
__device__ inline void judge(const Resident<columns>& r, ResidentProgress& progress) {
  constexpr int values = Resident<columns>::values;
  const ResidentBatch& b = r.batch;
  const std::int64_t step = progress.step;
  const float* squares = r.mail + static_cast<int>(step % 2) * b.blocks * values + values - 1;
  double square = 0;
  double test_square = 0;
  for (int i = r.lane; i < b.rows; i += lanes) {
    const double error = r.errors[i];
    const double test_error = r.test_errors[i];
    square += error * error;
    test_square += test_error * test_error;
  }
  for (int mask = 1; mask < lanes; mask *= 2) {  // together, so that they wait once
    square += simt::shuffle_xor(square, mask);
    if (b.rows > b.samples) {
      test_square += simt::shuffle_xor(test_square, mask);
    }
  }
  float output_square = 0;
  for (int block = 0; block < b.blocks; ++block) {
    output_square += squares[block * values];
  }
  const double ridge = r.run.ridge * (b.ridge_factors == nullptr ? 1 : b.ridge_factors[step]);
  const double step_size = r.run.step_size * (b.step_factors == nullptr ? 1 : b.step_factors[step]);
  const double loss = 0.5 * square;
  const StopStep now{step, loss, loss + 0.5 * ridge * static_cast<double>(output_square)};
  const auto ask = [&](double& memory) { return ask_stop_rule(StopRules{}, b.stop_rule, b.stop_values, now, memory); };
  // Every lane comes to the same.
  progress.reason = judge_step(step, loss, progress.memory, ask, r.run.last_step, r.run.last_reason);
  if (r.lane == 0) {
    ResidentOrders& orders = *r.orders;
    orders.squared_error = square;
    orders.test_squared_error = test_square;
    orders.decay = static_cast<float>(1 - step_size * ridge);
    orders.scale = static_cast<float>(step_size * b.inverse_root_width);
    orders.is_recorded = progress.observations < b.records && b.record_steps[progress.observations] == step ? 1 : 0;
    orders.reason = progress.reason;
  }
}

/// factor = K diag(e) up, scaled into split_range.
template <int columns>
__device__ inline void make_factor(const Resident<columns>& r, float up) {
  const float scale = up * (split_range / 2);
  for (int i = static_cast<int>(threadIdx.x); i < r.batch.depth_tiles * columns * lanes; i += r.threads()) {
    const int sample = i / (columns * lanes) * resident_depth + 2 * (i % 4);
    Quad q = r.gram[i];
    q.value[0] *= r.errors[sample] * scale;
    q.value[1] *= r.errors[sample + 1] * scale;
    q.value[2] *= r.errors[sample + 8] * scale;
    q.value[3] *= r.errors[sample + 9] * scale;
    r.factor[i] = split(q);
  }
}

/// What a product with `make_factor`'s or the pseudo-inverse's halves takes of a tile: two pairs of samples of two
/// units each, split.
struct Operand {
  unsigned high[4] = {};
  unsigned low[4] = {};

  /// half: 0 or 1; units g and g + 8.
  __device__ void set(int half, const Quad& q, bool is_exact) {
    high[2 * half] = simt::pack_halves(q.value[0], q.value[1]);
    high[2 * half + 1] = simt::pack_halves(q.value[2], q.value[3]);
    if (!is_exact) {
      low[2 * half] = simt::pack_rest(q.value[0], q.value[1], high[2 * half]);
      low[2 * half + 1] = simt::pack_rest(q.value[2], q.value[3], high[2 * half + 1]);
    }
  }
};

/// The right factor of a product, a split matrix in tiles: read again and again from where it is,
template <int columns, bool in_registers>
struct RightFactor {
  const SplitQuad* quads;
  int lane;

  __device__ RightFactor(const SplitQuad* matrix, int /*depth_tiles*/, int own_lane) : quads(matrix), lane(own_lane) {}
  __device__ SplitQuad at(int depth, int column) const { return quads[(depth * columns + column) * lanes + lane]; }
};
/// or kept by the thread, if its registers have room for that.
template <int columns>
struct RightFactor<columns, true> {
  static constexpr int depths = (columns + 1) / 2;
  SplitQuad quads[depths][columns];

  __device__ RightFactor(const SplitQuad* matrix, int depth_tiles, int lane) {
    FASWEEP_UNROLL
    for (int depth = 0; depth < depths; ++depth) {
      FASWEEP_UNROLL
      for (int column = 0; column < columns; ++column) {
        quads[depth][column] = depth < depth_tiles ? matrix[(depth * columns + column) * lanes + lane] : SplitQuad{};
      }
    }
  }
  __device__ const SplitQuad& at(int depth, int column) const { return quads[depth][column]; }
};

/// sums += operand times 16 rows of the right factor. is_exact: operand.low is 0.
template <bool is_exact, int columns, class Right>
__device__ inline void add_products(float (&sums)[columns][4], const Operand& operand, const Right& factor, int depth) {
  constexpr int group = Resident<columns>::on_chip ? columns : 4;  // neighbours do not wait for each other's sums
  FASWEEP_UNROLL
  for (int first = 0; first < columns; first += group) {
    SplitQuad right[group];
    FASWEEP_UNROLL
    for (int i = 0; i < group; ++i) {
      right[i] = factor.at(depth, first + i);
    }
    FASWEEP_UNROLL
    for (int i = 0; i < group; ++i) {
      simt::multiply_tile(sums[first + i], operand.high, right[i].low[0], right[i].low[1]);
    }
    if constexpr (!is_exact) {
      FASWEEP_UNROLL
      for (int i = 0; i < group; ++i) {
        simt::multiply_tile(sums[first + i], operand.low, right[i].high[0], right[i].high[1]);
      }
    }
    FASWEEP_UNROLL
    for (int i = 0; i < group; ++i) {
      simt::multiply_tile(sums[first + i], operand.high, right[i].high[0], right[i].high[1]);
    }
  }
}

/// For a tile at z: sums = psi'(Z) factor, and gradients = psi(Z) e for its units g and g + 8, the same in the four
/// lanes of a unit.
template <class Activation, int columns, class Right>
__device__ inline void multiply_unit_tile(const Resident<columns>& r, const Quad* z, const Right& factor,
                                          float (&sums)[columns][4], float (&gradients)[2]) {
  constexpr bool is_exact = Activation::derivative_is_zero_or_one;
  constexpr int most_depths = (columns + 1) / 2;
  [[maybe_unused]] constexpr int unrolled = Resident<columns>::on_chip ? most_depths : 1;
  FASWEEP_UNROLL_BY(unrolled)
  for (int depth = 0; depth < most_depths; ++depth) {
    if (depth < r.batch.depth_tiles) {
      Operand operand;
      FASWEEP_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int column = 2 * depth + half;
        if (column < columns) {
          const float e_0 = r.errors[column * resident_columns + 2 * r.pair];
          const float e_1 = r.errors[column * resident_columns + 2 * r.pair + 1];
          const Quad from = z[column * lanes + r.lane];
          Quad slope;
          Quad h;
          FASWEEP_UNROLL
          for (int i = 0; i < 4; ++i) {
            h.value[i] = Activation::value(from.value[i]);
            slope.value[i] = Activation::derivative(from.value[i], h.value[i]);
          }
          gradients[0] = fmaf(h.value[0], e_0, fmaf(h.value[1], e_1, gradients[0]));
          gradients[1] = fmaf(h.value[2], e_0, fmaf(h.value[3], e_1, gradients[1]));
          operand.set(half, slope, is_exact);
        }
      }
      add_products<is_exact>(sums, operand, factor, depth);
    }
  }
  gradients[0] = sum_pairs(gradients[0]);
  gradients[1] = sum_pairs(gradients[1]);
}

/// a^T K^+ a for a = z(t) - z(0) of a tile's units g and g + 8, the same in the four lanes of a unit.
template <int columns>
__device__ inline void measure_change(const Resident<columns>& r, const Quad* z, const Quad* initial,
                                      double (&changes)[2]) {
  const SplitQuad* inverse = r.batch.inverse + r.problem_quads();
  const int trained_columns = (r.batch.samples + resident_columns - 1) / resident_columns;
  const auto change = [&](int column) {
    const Quad now = z[column * lanes + r.lane];
    const Quad then = initial[column * lanes + r.lane];
    Quad difference;
    for (int i = 0; i < 4; ++i) {
      const int sample = column * resident_columns + 2 * r.pair + i % 2;
      difference.value[i] = sample < r.batch.samples ? now.value[i] - then.value[i] : 0;
    }
    return difference;
  };
  double largest = 0;
  for (int column = 0; column < trained_columns; ++column) {
    const Quad difference = change(column);
    for (int i = 0; i < 4; ++i) {
      const double magnitude = std::fabs(difference.value[i]);
      largest = magnitude > largest ? magnitude : largest;
    }
  }
  const float up = inverse_power(static_cast<float>(max_warp(largest))) * (split_range / 2);
  const RightFactor<columns, false> right(inverse, r.batch.depth_tiles, r.lane);
  float sums[columns][4] = {};
  for (int depth = 0; depth < r.batch.depth_tiles; ++depth) {
    Operand operand;
    for (int half = 0; half < 2; ++half) {
      if (2 * depth + half < trained_columns) {
        Quad difference = change(2 * depth + half);
        for (int i = 0; i < 4; ++i) {
          difference.value[i] *= up;
        }
        operand.set(half, difference, false);
      }
    }
    add_products<false>(sums, operand, right, depth);
  }
  double square_0 = 0;
  double square_8 = 0;
  FASWEEP_UNROLL
  for (int column = 0; column < columns; ++column) {
    if (column < trained_columns) {
      const Quad difference = change(column);
      square_0 += static_cast<double>(sums[column][0]) * difference.value[0] +
                  static_cast<double>(sums[column][1]) * difference.value[1];
      square_8 += static_cast<double>(sums[column][2]) * difference.value[2] +
                  static_cast<double>(sums[column][3]) * difference.value[3];
    }
  }
  const double scale = static_cast<double>(r.batch.scales[2 * r.run.problem + 1]) / up;
  const double change_0 = sum_pairs(square_0) * scale;
  const double change_8 = sum_pairs(square_8) * scale;
  changes[0] = change_0 > 0 ? change_0 : 0;  // rounding may leave a little less
  changes[1] = change_8 > 0 ? change_8 : 0;
}

template <class Activation>
__device__ inline float derivative_at(float z) {
  return Activation::derivative(z, Activation::value(z));
}

/// The norms |X^T (e .* psi'(z))|^2 of a tile's units g and g + 8; sums times `down`: its psi'(Z) K diag(e).
template <class Activation, int columns>
__device__ inline void measure_signal(const Resident<columns>& r, const Quad* z, const float (&sums)[columns][4],
                                      float down, double (&squares)[2]) {
  double sum_0 = 0;
  double sum_8 = 0;
  FASWEEP_UNROLL
  for (int column = 0; column < columns; ++column) {
    const Quad from = z[column * lanes + r.lane];
    FASWEEP_UNROLL
    for (int i = 0; i < 2; ++i) {
      const double e = r.errors[column * resident_columns + 2 * r.pair + i];
      sum_0 += e * derivative_at<Activation>(from.value[i]) * sums[column][i];
      sum_8 += e * derivative_at<Activation>(from.value[2 + i]) * sums[column][2 + i];
    }
  }
  squares[0] = sum_pairs(sum_0) * down;
  squares[1] = sum_pairs(sum_8) * down;
}

/// Adds a unit's part, by one of its four lanes; padding has none.
template <int columns>
__device__ inline void add_unit(const Resident<columns>& r, int unit, double change, double signal, double* sums) {
  if (r.pair != 0 || !r.is_unit(unit)) {
    return;
  }
  const ResidentBatch& b = r.batch;
  const std::int64_t place = (std::int64_t{r.run.problem} * b.unit_tiles + r.first_tile) * resident_units + unit;
  const double beta = r.beta[unit];
  const double feedback = r.feedback[unit];
  const double v = feedback_of(DeviceRules{}, r.run.rule, feedback, beta);
  const double moved = std::fabs(beta - static_cast<double>(b.initial_output[place]));
  const double gradient = signal * b.inverse_root_width * b.inverse_root_width;
  sums[observed_output_square] += beta * beta;
  sums[observed_feedback_square] += feedback * feedback;
  sums[observed_feedback_dot_output] += feedback * beta;
  sums[observed_hidden_change_square] += change;
  sums[observed_rule_gradient_square] += v * v * gradient;
  sums[observed_backprop_gradient_square] += beta * beta * gradient;
  sums[observed_gradient_dot] += v * beta * gradient;
  sums[observed_max_output_change] =
      moved > sums[observed_max_output_change] ? moved : sums[observed_max_output_change];
  sums[observed_max_hidden_change_square] =
      change > sums[observed_max_hidden_change_square] ? change : sums[observed_max_hidden_change_square];
}

/// Writes the block's sums of observation `place` of the run; sums: of the thread.
template <int columns>
__device__ inline void store_observation(const Resident<columns>& r, int number, int place,
                                         const double (&sums)[observed_values]) {
  const ResidentBatch& b = r.batch;
  FASWEEP_UNROLL
  for (int i = 0; i < observed_values; ++i) {
    const double sum = i < observed_max_output_change ? sum_warp(sums[i]) : max_warp(sums[i]);
    if (r.lane == 0) {
      r.sums[r.warp * observed_values + i] = sum;
    }
  }
  __syncthreads();
  const int value = static_cast<int>(threadIdx.x);
  double* out = b.observed + ((std::int64_t{number} * (b.records + 1) + place) * b.blocks + r.rank) * resident_values;
  if (value < observed_values) {
    double total = 0;
    for (int warp = 0; warp < b.warps; ++warp) {
      const double sum = r.sums[warp * observed_values + value];
      total = value < observed_max_output_change ? total + sum : (sum > total ? sum : total);
    }
    out[value] = total;
  }
  if (value == 0) {
    out[resident_squared_error] = r.orders->squared_error;
    out[resident_test_squared_error] = r.orders->test_squared_error;
  }
}

/// One step of the block's tiles, and the outputs of the next. up: that of make_factor. is_observed: first observation
/// `place` is taken, and the step itself only unless the run is over.
template <class Activation, bool is_observed, int columns>
__device__ inline void take_step(const Resident<columns>& r, int parity, float up, int number, int place,
                                 bool is_over) {
  const Quad* initial =
      r.batch.initial_z + (std::int64_t{r.run.problem} * r.batch.unit_tiles + r.first_tile) * columns * lanes;
  constexpr bool in_registers = Resident<columns>::on_chip && !is_observed;
  const RightFactor<columns, in_registers> factor(r.factor, r.batch.depth_tiles, r.lane);
  const float down = (1 / up) * (2 / split_range) * r.gram_scale;
  const float decay = r.orders->decay;
  const float scale = r.orders->scale;
  float outputs[columns][2] = {};
  float output_square = 0;
  double observed[observed_values] = {};
  for (int tile = r.warp; tile < r.tiles; tile += r.batch.warps) {
    Quad* z = r.z + tile * columns * lanes;
    const int unit = r.unit_of(tile);
    float sums[columns][4] = {};
    float gradients[2] = {};
    multiply_unit_tile<Activation>(r, z, factor, sums, gradients);
    if constexpr (is_observed) {
      double signal[2];
      double change[2];
      measure_signal<Activation>(r, z, sums, down, signal);
      measure_change(r, z, initial + tile * columns * lanes, change);
      add_unit(r, unit, change[0], signal[0], observed);
      add_unit(r, unit + 8, change[1], signal[1], observed);
      if (is_over) {
        continue;
      }
    }
    const float old_0 = r.beta[unit];
    const float old_8 = r.beta[unit + 8];
    const float rate_0 = scale * down * feedback_of(DeviceRules{}, r.run.rule, r.feedback[unit], old_0);
    const float rate_8 = scale * down * feedback_of(DeviceRules{}, r.run.rule, r.feedback[unit + 8], old_8);
    Readout<float> readout_0{old_0, r.feedback[unit]};
    Readout<float> readout_8{old_8, r.feedback[unit + 8]};
    fasweep::take_step(DeviceRules{}, r.run.rule, readout_0, gradients[0], decay, scale);
    fasweep::take_step(DeviceRules{}, r.run.rule, readout_8, gradients[1], decay, scale);
    const float beta_0 = r.is_unit(unit) ? readout_0.beta : 0;  // padding has beta = 0 and learns nothing
    const float beta_8 = r.is_unit(unit + 8) ? readout_8.beta : 0;
    __syncwarp();  // all have read
    if (r.pair == 0) {
      r.beta[unit] = beta_0;
      r.beta[unit + 8] = beta_8;
    }
    output_square = fmaf(beta_0, beta_0, fmaf(beta_8, beta_8, output_square));
    FASWEEP_UNROLL
    for (int column = 0; column < columns; ++column) {
      Quad& kept = z[column * lanes + r.lane];
      Quad next = kept;
      next.value[0] = fmaf(-rate_0, sums[column][0], next.value[0]);
      next.value[1] = fmaf(-rate_0, sums[column][1], next.value[1]);
      next.value[2] = fmaf(-rate_8, sums[column][2], next.value[2]);
      next.value[3] = fmaf(-rate_8, sums[column][3], next.value[3]);
      kept = next;
      add_outputs<Activation>(next, column, beta_0, beta_8, outputs);
    }
  }
  if constexpr (is_observed) {
    store_observation(r, number, place, observed);
  }
  if (!is_over) {
    send_outputs(r, parity, outputs, output_square);
  }
}

/// Trains a run until it ends or `left` steps are made; returns those still left.
template <class Activation, int columns>
__device__ inline std::int64_t train_run_on_chip(Resident<columns>& r, int number, std::int64_t left) {
  load_run(r, number);
  ResidentProgress progress = r.batch.progress[number];
  send_first_outputs<Activation>(r, static_cast<int>(progress.step % 2));
  for (; left > 0; --left) {
    take_errors(r, progress.step);
    const float up = error_scale(r);
    if (r.warp == 0) {
      judge(r, progress);
    }
    make_factor(r, up);
    __syncthreads();
    progress.reason = r.orders->reason;
    const bool is_recorded = r.orders->is_recorded != 0;
    const bool is_over = progress.reason != StopReason::none;
    const int next_parity = static_cast<int>((progress.step + 1) % 2);
    if (is_recorded || is_over) {
      take_step<Activation, true>(r, next_parity, up, number, progress.observations, is_over);
      ++progress.observations;
      progress.is_last_recorded = is_recorded ? 1 : 0;
    } else {
      take_step<Activation, false>(r, next_parity, up, number, -1, false);
    }
    if (is_over) {
      break;
    }
    ++progress.step;
  }
  // Only the first warp's memory has gone with the steps; its first thread is the one that saves it.
  save_run(r, number, progress);
  return left;
}

template <class Activation, int columns>
__global__ void __launch_bounds__(max_resident_warps* lanes, 1) train_resident(ResidentBatch batch) {
  FASWEEP_SHARED(unsigned char, shared);
  Resident<columns> r(batch, &shared);
  simt::meet_cluster();  // nobody writes into a block that has not begun
  std::int64_t left = batch.steps_a_launch;
  while (left > 0) {
    if (r.rank == 0 && threadIdx.x == 0) {
      const int place = simt::take_ticket(batch.ticket);
      const int number = place < batch.active ? batch.order[place] : -1;
      for (int block = 0; block < batch.blocks; ++block) {
        simt::remote(r.orders, block)->run = number;
      }
    }
    simt::meet_cluster();
    const int number = r.orders->run;
    if (number < 0) {
      break;
    }
    left = train_run_on_chip<Activation>(r, number, left);
    simt::meet_cluster();  // nobody writes into a block that still reads
  }
}

}  // namespace fasweep::kernels
