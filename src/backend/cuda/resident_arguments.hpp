// What the resident kernel is given and what it keeps in shared memory: sizes and device pointers, plain data that host
// code and nvcc both read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "backend/cuda/sample_space_arguments.hpp"
#include "model/status.hpp"
#include "model/stop/judge.hpp"

namespace fasweep {

// The shapes of mma.m16n8k16: 16 hidden units by 16 training samples, times 16 training samples by 8 rows.
inline constexpr int resident_units = 16;
inline constexpr int resident_depth = 16;
inline constexpr int resident_columns = 8;

inline constexpr int max_resident_warps = 8;  // which leaves each thread all the registers it can have

/// Column tiles that the kernel is compiled for, increasing: 50 samples, the paper's, need 7, max_rows 32.
struct ResidentColumns {
  template <class Use>
  static void visit(Use use) {
    use(std::integral_constant<int, 7>{});
    use(std::integral_constant<int, 16>{});
    use(std::integral_constant<int, 32>{});
  }
};
inline constexpr int max_resident_blocks = 16;  // of a run: what a cluster may have

/// Whether a kernel of so many column tiles takes only runs that are on chip altogether; it is faster for that, and has
/// the registers for K diag(e).
FASWEEP_HOST_DEVICE constexpr bool is_all_on_chip(int column_tiles) {
  return column_tiles < 8;
}

// Numbers of which the largest is below this, split into halves of 16 bits, keep 22 bits, or all that is not 2^-37 of
// it.
inline constexpr float split_range = 8192;

/// Four numbers that a thread reads at once: of a tile of Z, units g and g + 8 of samples 2 t and 2 t + 1, as
/// (g, 2 t), (g, 2 t + 1), (g + 8, 2 t), (g + 8, 2 t + 1) for lane 4 g + t; of K, rows 8 n + g and training samples
/// 16 k + {2 t, 2 t + 1, 2 t + 8, 2 t + 9}.
struct alignas(16) Quad {
  float value[4];
};

/// Four such numbers of K in two halves of 16 bits each, packed in pairs: value = high + low within 2^-22 of the
/// largest.
struct alignas(16) SplitQuad {
  unsigned high[2];
  unsigned low[2];
};

/// What differs between runs and never changes.
struct ResidentRun {
  double step_size = 0;                       // eta
  double ridge = 0;                           // lambda
  std::int64_t last_step = 0;                 // it ends there at the latest,
  StopReason last_reason = StopReason::none;  // for this reason
  int rule = 0;                               // position in `DeviceRules`
  int problem = 0;                            // which gram, targets, ...
};

/// How far a run is. At `step` nothing is observed or judged yet.
struct ResidentProgress {
  std::int64_t step = 0;
  StopMemory memory;
  int observations = 0;                  // made
  int is_last_recorded = 0;              // whether the last of them belongs to the trajectory
  StopReason reason = StopReason::none;  // none: not over
};

/// Sums of an observation: ObservedSum, then these.
enum ResidentSum {
  resident_squared_error = observed_values,  // of the training samples
  resident_test_squared_error,
  resident_values
};

/// One batch on the device. All runs share samples, rows, width, activation, stop rule and schedules. Arrays are
/// written with their shapes, last index fastest; what lies in tiles is padded with zeros.
struct ResidentBatch {
  int samples = 0;       // n, training samples
  int rows = 0;          // n and the test samples after them, <= max_rows
  int depth_tiles = 0;   // of 16 training samples
  int column_tiles = 0;  // of 8 rows, as many as the kernel is compiled for
  int width = 0;         // p
  int unit_tiles = 0;    // of 16 units
  int tiles_a_block = 0;
  int blocks = 0;          // of a run
  int warps = 0;           // of a block
  int clusters = 0;        // in the grid
  int z_on_chip = 0;       // whether Z stays in shared memory, else in z;
  int gram_on_chip = 0;    // the same for K,
  int factor_on_chip = 0;  // and K diag(e)
  int records = 0;         // steps to record
  int active = 0;          // runs to train
  int stop_rule = 0;       // position in `StopRules`
  double stop_values[2] = {};
  double inverse_root_width = 0;
  std::int64_t steps_a_launch = 0;  // most that a cluster makes

  const ResidentRun* runs = nullptr;           // run
  const int* order = nullptr;                  // active: run
  int* ticket = nullptr;                       // 1: the next of them
  const std::int64_t* record_steps = nullptr;  // records, increasing
  const double* ridge_factors = nullptr;       // by step, or nullptr where it is 1 throughout
  const double* step_factors = nullptr;        // as above
  const Quad* gram = nullptr;                  // problem x depth_tiles x column_tiles x lane: K, scaled
  const SplitQuad* inverse = nullptr;          // as above, the pseudo-inverse of K over training samples
  const float* scales = nullptr;               // problem x 2: the powers of two that the two above lack
  const float* targets = nullptr;              // problem x rows
  const Quad* initial_z = nullptr;             // problem x unit_tiles x column_tiles x lane
  const float* initial_output = nullptr;       // problem x unit_tiles x 16: beta(0)
  const float* feedback = nullptr;             // as above, b

  ResidentProgress* progress = nullptr;  // run
  Quad* z = nullptr;                     // run x unit_tiles x column_tiles x lane
  float* output_weight = nullptr;        // run x unit_tiles x 16
  SplitQuad* factor = nullptr;           // cluster x block x depth_tiles x column_tiles x lane, unless on chip
  double* observed = nullptr;            // run x (records + 1) x block x resident_values
};

namespace kernels {

/// Where the parts of a block's shared memory begin, in bytes.
struct ResidentLayout {
  int gram = 0;
  int factor = 0;
  int z = 0;
  int beta = 0;      // float: unit of the block
  int feedback = 0;  // as above
  int parts = 0;     // float: warp x value
  int mail = 0;      // float: parity x block x value
  int errors = 0;    // float: errors, test errors x resident_rows
  int sums = 0;      // double: warp x observed_values
  int orders = 0;    // ResidentOrders
  int bytes = 0;
};

/// What the first warp tells the others of a step.
struct ResidentOrders {
  double squared_error;
  double test_squared_error;
  float decay;  // 1 - eta lambda
  float scale;  // eta / sqrt p
  int is_recorded;
  int run;  // < 0: no more
  StopReason reason;
};

/// Training samples or rows with their padding, whichever are more.
FASWEEP_HOST_DEVICE constexpr int resident_rows(int depth_tiles, int column_tiles) {
  const int depth = depth_tiles * resident_depth;
  const int rows = column_tiles * resident_columns;
  return depth > rows ? depth : rows;
}

FASWEEP_HOST_DEVICE constexpr ResidentLayout resident_layout(const ResidentBatch& b) {
  constexpr int lanes_a_quad = lanes * static_cast<int>(sizeof(Quad));
  const int values = b.column_tiles * resident_columns + 1;  // of a row each, and ||beta||^2
  const int matrix = b.depth_tiles * b.column_tiles * lanes_a_quad;
  ResidentLayout l;
  int at = 0;
  const auto take = [&at](int bytes) {
    const int begin = at;
    at += (bytes + 15) / 16 * 16;
    return begin;
  };
  l.gram = take(b.gram_on_chip != 0 ? matrix : 0);
  l.factor = take(b.factor_on_chip != 0 ? matrix : 0);
  l.z = take(b.z_on_chip != 0 ? b.tiles_a_block * b.column_tiles * lanes_a_quad : 0);
  l.beta = take(b.tiles_a_block * resident_units * static_cast<int>(sizeof(float)));
  l.feedback = take(b.tiles_a_block * resident_units * static_cast<int>(sizeof(float)));
  l.parts = take(b.warps * values * static_cast<int>(sizeof(float)));
  l.mail = take(2 * b.blocks * values * static_cast<int>(sizeof(float)));
  l.errors = take(2 * resident_rows(b.depth_tiles, b.column_tiles) * static_cast<int>(sizeof(float)));
  l.sums = take(b.warps * observed_values * static_cast<int>(sizeof(double)));
  l.orders = take(static_cast<int>(sizeof(ResidentOrders)));
  l.bytes = at;
  return l;
}

}  // namespace kernels
}  // namespace fasweep
