// Lillicrap et al. 2016: the error returns through fixed random weights b.
#pragma once

#include <string_view>

#include "model/rule/readout.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct FeedbackAlignment : RuleDefaults {
  static constexpr std::string_view name = "feedback-alignment";
  static constexpr std::string_view meaning = "v = b, fixed random weights (Lillicrap et al. 2016)";
  static constexpr bool feedback_is_linear = true;
  template <class T>
  FASWEEP_HOST_DEVICE static T feedback(T b, T /*beta*/) {
    return b;
  }
};

}  // namespace fasweep
