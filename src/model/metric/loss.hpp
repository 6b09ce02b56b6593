// The loss: of all training samples, of a step's batch, of the test samples, and with the ridge.
#pragma once

#include <string_view>

#include "model/metric/traits.hpp"
#include "model/observation.hpp"

namespace fasweep {

struct LossMetric {
  static constexpr std::string_view name = "loss";
  static constexpr std::string_view long_name = "loss of all training samples, without ridge and dropout";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_training_set;
  static double value(const Observation& o) { return o.loss; }
};

struct BatchLossMetric {
  static constexpr std::string_view name = "batch_loss";
  static constexpr std::string_view long_name = "loss of the step's batch, with its dropout, without ridge";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = for_random_steps;
  static double value(const Observation& o) { return o.batch_loss; }
};

struct TestLossMetric {
  static constexpr std::string_view name = "test_loss";
  static constexpr std::string_view long_name = "loss of the held-out samples";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_test_set;
  static double value(const Observation& o) { return o.test_loss; }
};

struct RegularizedLossMetric {
  static constexpr std::string_view name = "regularized_loss";
  static constexpr std::string_view long_name =
      "training loss plus 1/2 lambda(t) times the squared norm of the decayed weights";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_training_set;
  static double value(const Observation& o) { return o.loss + 0.5 * o.ridge * o.decayed_square; }
};

}  // namespace fasweep
