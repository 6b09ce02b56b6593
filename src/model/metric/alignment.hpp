// The angle of feedback and output weights, which the paper calls alignment (Definition 4.1).
#pragma once

#include <string_view>

#include "model/metric/traits.hpp"
#include "model/observation.hpp"

namespace fasweep {

struct AlignmentMetric {
  static constexpr std::string_view name = "alignment";
  static constexpr std::string_view long_name = "signed cosine of feedback b and output weights beta";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = plain;
  static double value(const Observation& o) {
    return cosine(o.feedback_dot_output, o.feedback_square, o.output_square);
  }
};

}  // namespace fasweep
