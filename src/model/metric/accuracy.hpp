// The share of samples that are classified correctly.
#pragma once

#include <string_view>

#include "model/metric/traits.hpp"
#include "model/observation.hpp"

namespace fasweep {

struct AccuracyMetric {
  static constexpr std::string_view name = "accuracy";
  static constexpr std::string_view long_name = "share of all training samples that are classified correctly";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_training_set | for_classes;
  static double value(const Observation& o) { return o.accuracy; }
};

struct TestAccuracyMetric {
  static constexpr std::string_view name = "test_accuracy";
  static constexpr std::string_view long_name = "share of the held-out samples that are classified correctly";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_test_set | for_classes;
  static double value(const Observation& o) { return o.test_accuracy; }
};

}  // namespace fasweep
