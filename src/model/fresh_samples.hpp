// Samples of a teacher that one step alone trains on. Sample s is a pure function of the data's seed and streams and of
// s, and step t of batches of B has the samples t B, t B + 1, ...: any step's are found without the steps before it,
// and runs of another B see the same samples in the same order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/problem.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

struct DrawnSamples {
  std::vector<double> x;  // samples x inputs
  std::vector<double> y;  // samples x outputs, with label noise
};

/// Fresh samples first, first + 1, ..., `count` of them.
[[nodiscard]] DrawnSamples draw_fresh_samples(const DataSettings& data, const ProblemKey& key, std::int64_t first,
                                              std::int64_t count);

/// Those of a run's steps.
class FreshSamples {
 public:
  /// training.batch_size >= 1.
  FreshSamples(const DataSettings& data, const TrainingSettings& training, const RunSpec& run);

  struct Batch {
    std::span<const double> x;
    std::span<const double> y;
  };
  /// The batch of step `step` >= 0. Valid until the next call.
  [[nodiscard]] Batch of_step(std::int64_t step);

 private:
  DataSettings data_;
  ProblemKey key_;
  int batch_size_;
  std::int64_t steps_a_chunk_;  // drawn together, as a teacher's weights are made anew each time
  std::int64_t chunk_ = -1;     // that drawn_ is of
  DrawnSamples drawn_;
};

}  // namespace fasweep
