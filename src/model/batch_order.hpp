// Which rows of the problem each step of minibatch training sees: every epoch visits every sample once, in a fresh
// random order that depends on (seed, width, epoch) alone, so that any step's batch can be found without the steps
// before it; or in the data's own order. What is left over is a smaller batch, or is not seen (training.sample-order,
// last-batch).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/run_spec.hpp"

namespace fasweep {

/// Steps that visit every training sample once, but for those of a last batch that is dropped; 0 where samples are
/// fresh, which no step visits again.
[[nodiscard]] inline std::int64_t steps_an_epoch(const TrainingSettings& training, const DataSettings& data) {
  if (data.sampling == Sampling::fresh) {
    return 0;
  }
  if (!takes_minibatches(training, data)) {
    return 1;
  }
  const int left_over = training.last_batch == LastBatch::kept ? training.batch_size - 1 : 0;
  return (data.samples + left_over) / training.batch_size;
}

class BatchOrder {
 public:
  BatchOrder(const TrainingSettings& training, const DataSettings& data, const RunSpec& run);

  /// Training samples of step `step` >= 0; all of them in their own order in full-batch training. Fresh samples have
  /// the numbers after all rows of the problem. Valid until the next call.
  [[nodiscard]] std::span<const std::int32_t> rows(std::int64_t step);

 private:
  void shuffle(std::int64_t epoch);

  std::int64_t seed_;
  int width_;
  std::int64_t batch_size_;
  std::int64_t steps_an_epoch_;  // 0: the batch of every step has the same numbers
  bool shuffles_;
  std::int64_t epoch_ = -1;  // of order_
  std::vector<std::int32_t> order_;
};

}  // namespace fasweep
