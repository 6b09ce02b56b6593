// Weight mirror (Akrout et al. 2019): feedback alignment whose b learns from noise. After each step the hidden units
// send random xi to the outputs, which answer xi beta, and b takes a Hebbian step, whose mean is along beta
// (model/mirror.hpp).
#pragma once

#include <string_view>

#include "model/rule/feedback_alignment.hpp"

namespace fasweep {

struct WeightMirror : FeedbackAlignment {
  static constexpr std::string_view name = "weight-mirror";
  static constexpr std::string_view meaning =
      "v = b, which learns to be beta from noise that beta passes on (Akrout et al. 2019)";
  static constexpr bool learns_feedback = true;
  static constexpr bool mirrors = true;
};

}  // namespace fasweep
