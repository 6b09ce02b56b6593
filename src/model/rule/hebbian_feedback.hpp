// Feedback alignment whose b adapts: it grows where a hidden unit and an output are active together, and is kept
// bounded as by Oja (1982): b <- b + (eta / sqrt(p)) sum_i f_i (psi(z_i) - f_i b). The paper's outlook asks for such a
// rule. It ends at b = sum f psi(z) / sum f^2, the regression of the unit on the output, which the forward weights turn
// positive.
#pragma once

#include <string_view>

#include "model/rule/feedback_alignment.hpp"

namespace fasweep {

struct HebbianFeedback : FeedbackAlignment {
  static constexpr std::string_view name = "hebbian-feedback";
  static constexpr std::string_view meaning =
      "v = b, db = (eta / sqrt(p)) sum_i f_i (h_i - f_i b) for each unit (by Oja 1982)";
  static constexpr bool learns_feedback = true;
  static constexpr bool adapts_feedback = true;
};

}  // namespace fasweep
