// Direct feedback alignment (Nokland 2016): the outputs' error goes to each hidden layer straight, through fixed random
// weights of its own. With one hidden layer that is feedback alignment, bit for bit.
#pragma once

#include <string_view>

#include "model/elementary.hpp"
#include "model/rule/feedback_alignment.hpp"

namespace fasweep {

struct DirectFeedbackAlignment : FeedbackAlignment {
  static constexpr std::string_view name = "dfa";
  static constexpr std::string_view meaning =
      "v = b, straight from the outputs: with one hidden layer feedback-alignment (Nokland 2016)";
  static constexpr Route route = Route::direct;
  using ComputesAs = FeedbackAlignment;
};

/// Of the error the signs alone come back, so that what teaches does not shrink with it (Frenkel, Lefebvre, Bol 2021).
struct SignedDirectFeedbackAlignment : FeedbackAlignment {
  static constexpr std::string_view name = "sdfa";
  static constexpr std::string_view meaning = "v = b, and sign(e) comes back, straight from the outputs (sDFA)";
  static constexpr bool error_teaches = false;
  static constexpr Route route = Route::direct;
  template <class T>
  FASWEEP_HOST_DEVICE static T teaching(T error, T /*target*/) {
    using elementary::is_positive;
    return is_positive(error) - is_positive(T(0) - error);
  }
};

}  // namespace fasweep
