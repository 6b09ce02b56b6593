// How the feedback weights compare in size with the forward weights that backprop would use in their place.
#pragma once

#include <cmath>
#include <limits>
#include <string_view>

#include "model/metric/traits.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

struct FeedbackNormRatioMetric {
  static constexpr std::string_view name = "feedback_norm_ratio";
  static constexpr std::string_view long_name =
      "norm of the feedback weights over that of the output weights, ||b|| / ||beta||";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_snapshot;
  static constexpr HiddenParts reads = HiddenParts::none;
  static double cost(const NetworkSizes& sizes) { return 100.0 * sizes.width * sizes.outputs; }
  /// NaN when beta is 0, as a cosine is.
  static double value(const Snapshot& snapshot) {
    double feedback = 0;
    double output = 0;
    for (const double b : snapshot.feedback()) {
      feedback += b * b;
    }
    for (const double beta : snapshot.output_weight()) {
      output += beta * beta;
    }
    return output > 0 ? std::sqrt(feedback) / std::sqrt(output) : std::numeric_limits<double>::quiet_NaN();
  }
};

}  // namespace fasweep
