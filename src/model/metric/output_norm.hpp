// The norm of the output weights.
#pragma once

#include <cmath>
#include <string_view>

#include "model/metric/traits.hpp"
#include "model/observation.hpp"

namespace fasweep {

struct OutputNormMetric {
  static constexpr std::string_view name = "output_norm";
  static constexpr std::string_view long_name = "norm of the output weights ||beta||";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = plain;
  static double value(const Observation& o) { return std::sqrt(o.output_square); }
};

}  // namespace fasweep
