// The only source of randomness: Philox4x32-10 (Salmon et al. 2011, Random123), a pure function of (seed, width,
// purpose, layer, position). Lambda, rule, schedule, activation and solver never enter, so runs that differ in those
// are paired. Streams give the same bits on every machine: the normals use only IEEE +, -, *, / and sqrt, never fused.
#pragma once

#include <cstdint>
#include <span>

namespace fasweep {

enum class Purpose : std::uint32_t {
  inputs,
  label_noise,
  teacher_hidden,
  teacher_output,
  hidden_weight,
  output_weight,
  feedback,
  test_inputs,
  batches,
  masks,
  samples_of_ranges,  // of a grid: the position is the point, the width the axis
  checked_runs,       // of a result file: the position is the run
  split,              // of a data set: the position is the sample
  feedback_of_steps,
  mirror_noise,   // of a layer: the position goes on from step to step
  inverse_noise,  // likewise
  hidden_bias,
  output_bias,
  fresh_inputs,  // the position is the sample, counted over all steps
  fresh_noise    // likewise
};

struct RandomStream {
  std::int64_t seed = 0;
  std::int32_t width = 0;
  Purpose purpose = Purpose::inputs;
  std::int32_t layer = 0;  // counted from 0, below 2^16: hidden layers after the first have streams of their own

  /// Standard normals (Box and Muller 1958) at positions first, first + 1, ... of the stream; first must be even.
  void fill_normal(std::span<double> out, std::uint64_t first = 0) const;

  /// Uniform numbers in (0, 1), multiples of 2^-53 plus 2^-54, at positions first, first + 1, ...; first must be even.
  void fill_uniform(std::span<double> out, std::uint64_t first = 0) const;
};

}  // namespace fasweep
