// Which samples each step of minibatch training sees: every epoch visits every sample once, in a fresh random order
// that depends on (seed, width, epoch) alone, so that any step's batch can be found without the steps before it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/run_spec.hpp"

namespace fasweep {

/// Steps that visit every training sample once; the last of them sees the rest when the batch does not divide them.
[[nodiscard]] inline std::int64_t steps_an_epoch(const TrainingSettings& training, const DataSettings& data) {
  return takes_minibatches(training, data) ? (data.samples + training.batch_size - 1) / training.batch_size : 1;
}

class BatchOrder {
 public:
  BatchOrder(const TrainingSettings& training, const DataSettings& data, const RunSpec& run);

  /// Training samples of step `step` >= 0; all of them in their own order in full-batch training. Valid until the next
  /// call.
  [[nodiscard]] std::span<const std::int32_t> rows(std::int64_t step);

 private:
  void shuffle(std::int64_t epoch);

  std::int64_t seed_;
  int width_;
  std::int64_t batch_size_;
  std::int64_t steps_an_epoch_;
  std::int64_t epoch_ = -1;  // of order_
  std::vector<std::int32_t> order_;
};

}  // namespace fasweep
