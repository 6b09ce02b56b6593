// What the samples of a step mean to it, once for every backend: a sample's share of the loss, where its dropout mask's
// random numbers lie, the scale of the outputs, and what many samples' sums come to.
#pragma once

#include <cmath>
#include <cstdint>

#include "model/metric/traits.hpp"
#include "model/observation.hpp"
#include "model/run_spec.hpp"
#include "util/host_device.hpp"

namespace fasweep {

/// The weight of one sample's loss, and so of its error, among `samples` >= 1.
FASWEEP_HOST_DEVICE constexpr double loss_share(Reduction reduction, int samples) {
  return reduction == Reduction::mean ? 1.0 / samples : 1.0;
}

/// s of f = s beta^T h [+ bias].
[[nodiscard]] inline double output_scale(OutputScale scale, int width) {
  return scale == OutputScale::one ? 1 : 1 / std::sqrt(static_cast<double>(width));
}

/// Whether every step sees all training samples, all of the network, so that its own sums are those of the whole set.
[[nodiscard]] inline bool sees_training_set_whole(const TrainingSettings& training, const DataSettings& data) {
  return !takes_minibatches(training, data) && training.dropout == 0;
}

/// Share of `samples` that are classified correctly; not a number where targets are no classes.
[[nodiscard]] inline double accuracy(Targets targets, double correct, int samples) {
  return targets == Targets::classes ? correct / samples : not_a_number;
}

/// In the stream Purpose::masks: the pair of uniform numbers of hidden units 0 and 1 for the `sample`-th of a step's
/// batch of at most `batch_samples`; unit pairs follow one another. Counts pairs: the position is twice that.
FASWEEP_HOST_DEVICE constexpr std::uint64_t first_mask_pair(std::int64_t step, int batch_samples, int sample,
                                                            int width) {
  const auto pairs_a_sample = (static_cast<std::uint64_t>(width) + 1) / 2;
  return static_cast<std::uint64_t>(step * batch_samples + sample) * pairs_a_sample;
}

/// 0 for a silent unit, else 1 / (1 - q), q = dropout.
template <class T>
FASWEEP_HOST_DEVICE constexpr T mask_factor(double uniform, double dropout) {
  return uniform < dropout ? T(0) : static_cast<T>(1 / (1 - dropout));
}

}  // namespace fasweep
