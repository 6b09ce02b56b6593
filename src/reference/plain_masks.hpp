// Dropout of the plain reference, one factor at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/layers.hpp"
#include "model/random.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// The masks of a hidden layer of a run: uniform numbers of its stream at (step, sample of the batch, unit), each
/// sample's at an even position.
class PlainMasks {
 public:
  /// layer: from 0.
  PlainMasks(const RunSpec& run, double dropout, int batch_size, int layer)
      : stream_(layer_masks(seed_of_training(run), run.width, layer + 1)),
        dropout_(dropout),
        batch_size_(batch_size),
        uniform_(static_cast<std::size_t>(run.width + 1) / 2 * 2) {}

  /// 0, or 1 / (1 - dropout), of a unit for the sample-th of a step's batch.
  [[nodiscard]] double factor(std::int64_t step, int sample, int unit) {
    if (step != step_ || sample != sample_) {
      step_ = step;
      sample_ = sample;
      stream_.fill_uniform(uniform_, static_cast<std::uint64_t>(step_ * batch_size_ + sample) * uniform_.size());
    }
    return uniform_[static_cast<std::size_t>(unit)] < dropout_ ? 0 : 1 / (1 - dropout_);
  }

 private:
  RandomStream stream_;
  double dropout_;
  int batch_size_;
  std::vector<double> uniform_;  // of one sample
  std::int64_t step_ = -1;
  int sample_ = -1;
};

}  // namespace fasweep
