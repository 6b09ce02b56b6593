// What the sample-space kernels are given and what they keep in shared memory: sizes and device pointers, plain data
// that host code and nvcc both read.
#pragma once

#include <cstdint>

#include "util/host_device.hpp"

namespace fasweep {

// A block trains `tiles_a_block` tiles of 64 hidden units of one run, one after the other. These shapes are written
// into the kernels; sample_space_kernels.hpp says why they are as they are.
inline constexpr int threads_a_block = 128;
inline constexpr int blocks_a_multiprocessor = 6;  // training blocks, which the compiler leaves registers for
inline constexpr int tile_units = 64;
inline constexpr int rows_a_pass = 64;
inline constexpr int max_rows = 256;         // training and test samples together
inline constexpr int max_blocks_a_run = 32;  // partial sums that every block adds up again

/// Sums of one block for an observation, in this order.
enum ObservedSum {
  observed_output_square,
  observed_feedback_square,
  observed_feedback_dot_output,
  observed_hidden_change_square,
  observed_rule_gradient_square,
  observed_backprop_gradient_square,
  observed_gradient_dot,
  observed_max_output_change,  // maxima from here on
  observed_max_hidden_change_square,
  observed_values
};

/// What differs between runs and never changes.
struct RunParameters {
  float scale = 0;  // eta / sqrt(p)
  int rule = 0;     // position in `DeviceRules`
  int problem = 0;  // which gram, targets, feedback and initial_output
};

/// One batch on the device. All runs share samples, rows, width and activation. Arrays are written with their shapes,
/// last index fastest; `run` counts the slots of the batch, `value` the rows and then one more, ||beta||^2.
struct SampleSpaceBatch {
  int samples = 0;      // n, training samples
  int rows = 0;         // n and the test samples after them, <= max_rows
  int padded_rows = 0;  // rows rounded up to whole passes
  int width = 0;        // p
  int blocks = 0;       // blocks a run
  int tiles_a_block = 0;
  int slots = 0;  // runs in the batch, active or not
  float inverse_root_width = 0;

  const RunParameters* parameters = nullptr;  // run
  const int* active = nullptr;                // grid row -> run
  const std::int64_t* limits = nullptr;       // run: steps >= this one leave it alone
  const std::int64_t* first_step = nullptr;   // 1: the step t of launch offset 0
  const float* decays = nullptr;              // max_steps_a_chunk x run: 1 - eta lambda(t), by launch offset
  const float* gram = nullptr;                // problem x samples x padded_rows: K^T, rows beyond `rows` are 0
  const float* targets = nullptr;             // problem x rows
  const float* feedback = nullptr;            // problem x width
  const float* initial_output = nullptr;      // problem x width

  float* z = nullptr;              // run x rows x width: pre-activations, unit fastest
  float* moves = nullptr;          // run x samples x width: A with W(t) = W(0) - A^T X
  float* output_weight = nullptr;  // run x width: beta
  float* partials = nullptr;       // 2 x run x blocks x value: sums over a block's units, by parity of the step
  float* history = nullptr;        // max_steps_a_chunk x run x value: errors f - y and ||beta||^2 before the step
  float* errors = nullptr;         // run x value: the same at the last observation
  double* observed = nullptr;      // run x blocks x observed_values
};

namespace kernels {

// A warp's 32 lanes own two units each, its 4 warps 16 rows of a pass each: 32 sums a thread. For one column of K a
// thread then reads 16 entries of K, the same for the whole warp, and 2 of M for 32 multiply-adds.
inline constexpr int lanes = 32;
inline constexpr int warps = threads_a_block / lanes;
inline constexpr int units_a_thread = tile_units / lanes;
inline constexpr int rows_a_thread = rows_a_pass / warps;
inline constexpr int panel_columns = 32;
inline constexpr int product_stride = lanes + 1;  // odd: column sums then touch 32 different banks

/// Shared memory of a block; signal(), samples x tile_units, follows it.
struct alignas(16) BlockMemory {
  union {
    float panel[panel_columns][rows_a_pass];  // of K^T
    float products[rows_a_pass][product_stride];
    double observed[observed_values][tile_units];
  };
  float values[max_rows + 4];  // errors, then ||beta||^2
  float next_values[max_rows];
  float beta[tile_units];
  float output_square[tile_units];
  float unit_sums[warps][tile_units];

  FASWEEP_HOST_DEVICE float* signal() { return reinterpret_cast<float*>(this + 1); }
};

/// Bytes of BlockMemory and its signal.
constexpr int shared_bytes(int samples) {
  return static_cast<int>(sizeof(BlockMemory)) + samples * tile_units * static_cast<int>(sizeof(float));
}

}  // namespace kernels
}  // namespace fasweep
