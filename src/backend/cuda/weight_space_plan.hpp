// Which runs are trained on a device in weight space, and what a batch of them needs there: pure functions, which need
// no device.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "backend/cuda/weight_space_arguments.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// What the runs of a batch share.
struct WeightSpaceShape {
  int samples = 0;        // n
  int test_samples = 0;   // rows after them
  int inputs = 0;         // d
  int outputs = 0;        // k
  int width = 0;          // p
  int batch_samples = 0;  // of a step, at most
  bool takes_minibatches = false;
  bool drops = false;
  bool decays_hidden = false;
  bool shares_data = false;  // of a data set, which is on the device already
  bool has_counts = false;   // as what 16 bits hold; products are of halves then (halves_kernels.hpp)
  unsigned traits = 0;       // MetricTraits of what is recorded
};
[[nodiscard]] WeightSpaceShape weight_space_shape(const DataSettings& data, const TrainingSettings& training,
                                                  std::span<const int> metrics, int width, bool has_counts = false);

/// Numbers in each buffer of a batch.
struct WeightSpaceSizes {
  // float32
  std::size_t inputs = 0;
  std::size_t targets = 0;
  std::size_t gathered = 0;
  std::size_t output_of_problem = 0;  // b, and beta(0), each
  std::size_t initial_hidden = 0;     // W(0) of the problems
  std::size_t hidden_weight = 0;      // and once more, kept
  std::size_t output_weight = 0;      // as above, and once for its gradient
  std::size_t hidden_bias = 0;        // and once more, kept
  std::size_t output_bias = 0;        // as above
  std::size_t hidden = 0;             // units of all samples of a pass
  std::size_t signal = 0;             // as above; none where halves stand for it
  std::size_t seen = 0;
  std::size_t predicted = 0;  // and once for the error
  std::size_t gradients = 0;  // of one run
  std::size_t signals = 0;    // what signal cosines are made of
  std::size_t units = 0;      // factors and sums of halves, of each unit, four times
  std::size_t error_size = 0;
  std::size_t hidden_gradient = 0;
  // pairs of 16 bits
  std::size_t gathered_counts = 0;
  std::size_t hidden_halves = 0;
  std::size_t signal_halves = 0;
  // float64
  std::size_t history = 0;
  std::size_t observed = 0;
  // int32
  std::size_t rows = 0;
  [[nodiscard]] std::size_t bytes() const;
};

/// Where an observation's sums lie among the numbers that come back: in this order, each run x the count here.
struct ObservedLayout {
  int batch_sums = 0;      // blocks x sample_sums, of the step's batch
  int training_sums = 0;   // the same for all training samples
  int test_sums = 0;       // the same for the test samples
  int output_sums = 0;     // blocks x OutputSum's
  int hidden_changes = 0;  // width
  int gradient_sums = 0;   // blocks x GradientSum's
  int hidden_squares = 0;  // blocks
};
inline constexpr std::array observed_sections{&ObservedLayout::batch_sums,     &ObservedLayout::training_sums,
                                              &ObservedLayout::test_sums,      &ObservedLayout::output_sums,
                                              &ObservedLayout::hidden_changes, &ObservedLayout::gradient_sums,
                                              &ObservedLayout::hidden_squares};
[[nodiscard]] ObservedLayout observed_layout(const WeightSpaceShape& shape);

/// Least compute capability (75 is 7.5) and most outputs with which products are of 16-bit factors: tensor cores that
/// take them, and what the shared memory of the kernel that makes their signals holds.
inline constexpr int least_half_capability = 75;
inline constexpr int most_half_outputs = 64;

/// Rows that are evaluated at once, at most.
inline constexpr int evaluated_rows = 1024;
/// Samples of the largest forward pass.
[[nodiscard]] int most_samples(const WeightSpaceShape& shape);
/// Whether the step's own batch says what the training loss is.
[[nodiscard]] bool batch_is_training_set(const WeightSpaceShape& shape);

[[nodiscard]] WeightSpaceSizes measure(const WeightSpaceShape& shape, int problems, int runs);

/// Most runs, at most `runs`, whose batch leaves a tenth of `free_bytes` free whatever their problems; 0 if not even
/// one fits.
[[nodiscard]] int runs_that_fit(std::size_t free_bytes, const WeightSpaceShape& shape, int runs);

/// Runs, at least one, whose products keep every multiprocessor busy.
[[nodiscard]] int runs_to_fill(int multiprocessors, const WeightSpaceShape& shape);

/// Whether runs are of one data set and problems differ in their batches: then each run gathers its own.
[[nodiscard]] bool gather_differs(const WeightSpaceShape& shape, int problems);

/// Steps, 1..max_steps_a_chunk, that a device of the slower kind takes in a fifth of a second: a drain waits for them.
[[nodiscard]] int steps_of_a_chunk(const WeightSpaceShape& shape, int runs);

/// Bytes of a data set on the device.
[[nodiscard]] std::size_t dataset_bytes(const WeightSpaceShape& shape);

}  // namespace fasweep
