// sample-space: keeps Z = X W^T, as the weights move in the span of the inputs when every step sees all of a teacher's
// samples (backend/cpu/sample_space.hpp).
#pragma once

#include <string_view>

#include "model/settings.hpp"

namespace fasweep {

struct SampleSpace {
  static constexpr std::string_view name = "sample-space";
  static constexpr std::string_view exact_for =
      "it is exact for one hidden layer, one output, a teacher's data, squared loss summed over all samples in every "
      "step, no dropout, no biases, decay of the output weights and scale root-width, under rules that neither redraw "
      "nor mirror b nor look at activity nor propagate targets";
  static constexpr KeySet honours =
      teacher_keys.with({"training.schedule", "training.max-steps", "training.stop", "training.precision",
                         "training.step-schedule", "training.error-delay"});

  template <class Activation, class Rule>
  static constexpr bool takes = !Rule::redraws_feedback && !Rule::is_hebbian && !Rule::adapts_feedback &&
                                !Rule::mirrors && !Rule::propagates_targets;

  template <class Activation>
  [[nodiscard]] static double step_cost(const DataSettings& data, const TrainingSettings& /*training*/, int width) {
    const double n = data.samples;
    const double rows = n + data.test_samples;
    const double p = width;
    if (Activation::derivative_is_zero_or_one) {
      return 0.4 * n * rows * p + 5 * rows * p + 18 * n * rows;
    }
    return 0.85 * n * rows * p + (Activation::is_cheap ? 4 : 20) * rows * p;
  }

  template <class Activation>
  [[nodiscard]] static double evaluation_cost(const DataSettings& /*data*/, const TrainingSettings& /*training*/,
                                              unsigned /*traits*/, int /*width*/) {
    return 0;  // test samples are rows of Z
  }

  [[nodiscard]] static double setup_cost(const DataSettings& data, int width) {
    const double n = data.samples + data.test_samples;
    const double d = data.inputs;
    return 2 * n * d * width + 2 * n * n * d;
  }
};

}  // namespace fasweep
