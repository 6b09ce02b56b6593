// Direct feedback alignment (Nokland 2016): the outputs' error goes to each hidden layer straight, through fixed random
// weights of its own. With one hidden layer that is feedback alignment, bit for bit.
#pragma once

#include <string_view>

#include "model/rule/feedback_alignment.hpp"

namespace fasweep {

struct DirectFeedbackAlignment : FeedbackAlignment {
  static constexpr std::string_view name = "dfa";
  static constexpr std::string_view meaning =
      "v = b, straight from the outputs: with one hidden layer feedback-alignment (Nokland 2016)";
  static constexpr Route route = Route::direct;
  using computes_as = FeedbackAlignment;
};

}  // namespace fasweep
