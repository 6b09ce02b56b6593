// The norm of the training error.
#pragma once

#include <cmath>
#include <string_view>

#include "model/metric/traits.hpp"
#include "model/observation.hpp"

namespace fasweep {

struct ErrorNormMetric {
  static constexpr std::string_view name = "error_norm";
  static constexpr std::string_view long_name =
      "norm of the training error, prediction minus target, over all training samples";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_training_set;
  static double value(const Observation& o) { return std::sqrt(o.squared_error); }
};

}  // namespace fasweep
