// reduced-linear: keeps coordinates in the span of beta(0), b and W(0) X^T, whose number does not depend on the width
// (backend/cpu/reduced_linear.hpp). Always float64.
#pragma once

#include <string_view>
#include <type_traits>

#include "model/activation/list.hpp"
#include "model/settings.hpp"

namespace fasweep {

struct ReducedLinear {
  static constexpr std::string_view name = "reduced-linear";
  static constexpr std::string_view exact_for =
      "it is exact for linear networks with one hidden layer, one output, a teacher's data, squared loss summed over "
      "all samples in "
      "every step, no dropout, no biases, decay of the output weights and scale root-width, under rules with linear "
      "feedback that the error teaches and that do not learn it";
  static constexpr KeySet honours = teacher_keys.with(
      {"training.schedule", "training.max-steps", "training.stop", "training.precision", "training.step-schedule"});

  template <class Activation, class Rule>
  static constexpr bool takes =
      std::is_same_v<Activation, Linear>&& Rule::feedback_is_linear&& Rule::error_teaches && !Rule::learns_feedback;

  template <class Activation>
  [[nodiscard]] static double step_cost(const DataSettings& data, const TrainingSettings& /*training*/, int /*width*/) {
    const double n = data.samples;
    const double rows = n + data.test_samples;
    return 8 * (n + 2) * (2 * n + rows) + 2e4;
  }

  template <class Activation>
  [[nodiscard]] static double evaluation_cost(const DataSettings& /*data*/, const TrainingSettings& /*training*/,
                                              unsigned /*traits*/, int /*width*/) {
    return 0;  // test samples are coordinates
  }

  [[nodiscard]] static double setup_cost(const DataSettings& data, int width) {
    const double n = data.samples + data.test_samples;
    const double d = data.inputs;
    const double p = width;
    return 2 * n * d * p + 2 * n * n * p;
  }
};

}  // namespace fasweep
