// layered: keeps the weights of any number of hidden layers (backend/cpu/layered.hpp).
#pragma once

#include <string_view>

#include "model/solver/weight_space.hpp"

namespace fasweep {

struct Layered {
  static constexpr std::string_view name = "layered";
  static constexpr std::string_view exact_for =
      "it is exact for any run under rules that neither redraw b nor look at activity";
  static constexpr KeySet honours = WeightSpace::honours.with({"grid.depth"});

  template <class Activation, class Rule>
  static constexpr bool takes = !Rule::is_hebbian && !Rule::adapts_feedback && !Rule::redraws_feedback;

  /// Of one hidden layer no less than weight-space's, which is taken for it then. Each more is three products of p x p
  /// matrices with the batch, and the work on the matrices themselves.
  template <class Activation>
  [[nodiscard]] static double step_cost(const DataSettings& data, const TrainingSettings& training, int width) {
    const double batch = takes_minibatches(training, data) ? training.batch_size : data.samples;
    const double p = width;
    const double masks = training.dropout > 0 ? 80 : 0;
    const double directions = is_sgd(training.optimizer) ? 0 : 16;
    const double inner = batch * p * (4 * p + (Activation::is_cheap ? 4 : 20) + masks) + (30 + directions) * p * p;
    return WeightSpace::step_cost<Activation>(data, training, width) + (training.depth - 1) * inner;
  }

  template <class Activation>
  [[nodiscard]] static double evaluation_cost(const DataSettings& data, const TrainingSettings& training,
                                              unsigned traits, int width) {
    const double p = width;
    const double inner = p * p + p * (Activation::is_cheap ? 2 : 10);
    return WeightSpace::evaluation_cost<Activation>(data, training, traits, width) +
           evaluated_rows(data, training, traits) * (training.depth - 1) * inner;
  }

  /// Beside the problem itself.
  [[nodiscard]] static double setup_cost(const DataSettings& /*data*/, int /*width*/) { return 0; }
};

}  // namespace fasweep
