// weight-space: keeps W; the reference, for any setting.
#pragma once

#include <algorithm>
#include <string_view>

#include "model/metric/traits.hpp"
#include "model/settings.hpp"
#include "model/step_samples.hpp"
#include "model/teacher.hpp"

namespace fasweep {

/// Rows that an observation with metrics of these traits evaluates beside a step.
[[nodiscard]] inline double evaluated_rows(const DataSettings& data, const TrainingSettings& training,
                                           unsigned traits) {
  const bool sees_all = sees_training_set_whole(training, data);
  return ((traits & sees_training_set) != 0 && !sees_all ? data.samples : 0) +
         ((traits & sees_test_set) != 0 ? data.test_samples : 0.0);
}

/// Work of a sample that a step draws, with its targets.
[[nodiscard]] inline double drawing_cost(const DataSettings& data, int width) {
  constexpr double flop_a_normal = 60;
  const double units = std::max(1, teacher_units(data, width));
  return data.sampling == Sampling::fresh ? data.inputs * (flop_a_normal + 2 * units) : 0;
}

struct WeightSpace {
  static constexpr std::string_view name = "weight-space";
  static constexpr std::string_view exact_for =
      "it is exact for any run of one hidden layer under rules that do not propagate targets";
  static constexpr KeySet honours = teacher_keys.with({"data.source",
                                                       "data.path",
                                                       "data.outputs",
                                                       "data.targets",
                                                       "data.normalize",
                                                       "data.checksum",
                                                       "data.target",
                                                       "data.header",
                                                       "data.split",
                                                       "data.samples",
                                                       "training.schedule",
                                                       "training.max-steps",
                                                       "training.stop",
                                                       "training.loss",
                                                       "training.precision",
                                                       "training.reduction",
                                                       "training.batch-size",
                                                       "training.dropout",
                                                       "training.last-batch",
                                                       "training.sample-order",
                                                       "training.output-scale",
                                                       "training.biases",
                                                       "training.initial-biases",
                                                       "training.decay",
                                                       "training.step-schedule",
                                                       "training.error-delay",
                                                       "training.optimizer",
                                                       "training.output-step-factor"});

  template <class Activation, class Rule>
  static constexpr bool takes = !Rule::propagates_targets;

  template <class Activation>
  [[nodiscard]] static double step_cost(const DataSettings& data, const TrainingSettings& training, int width) {
    const double batch = takes_minibatches(training, data) ? training.batch_size : data.samples;
    const double masks = training.dropout > 0 ? 80 : 0;
    const double inputs = data.inputs * std::min(2.5, 3.9 * traits_of(data.source).density);         // dense or sparse
    const double directions = is_sgd(training.optimizer) ? 0 : 16.0 * (data.inputs + data.outputs);  // a unit
    return batch * width * (inputs + 4 * data.outputs + (Activation::is_cheap ? 4 : 20) + masks) + width * directions +
           batch * drawing_cost(data, width);
  }

  template <class Activation>
  [[nodiscard]] static double evaluation_cost(const DataSettings& data, const TrainingSettings& training,
                                              unsigned traits, int width) {
    DataSettings evaluated = data;
    evaluated.samples = 1;
    evaluated.sampling = Sampling::fixed;
    constexpr double forward_share = 0.5;  // of a step, without the way back
    return evaluated_rows(data, training, traits) * forward_share * step_cost<Activation>(evaluated, {}, width);
  }

  /// Beside the problem itself.
  [[nodiscard]] static double setup_cost(const DataSettings& /*data*/, int /*width*/) { return 0; }
};

}  // namespace fasweep
