// Gradient descent: the error returns through the forward weights beta(t).
#pragma once

#include <string_view>

#include "model/rule/readout.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct Backprop : RuleDefaults {
  static constexpr std::string_view name = "backprop";
  static constexpr std::string_view meaning = "v = beta: gradient descent";
  static constexpr bool feedback_is_linear = true;
  template <class T>
  FASWEEP_HOST_DEVICE static T feedback(T /*b*/, T beta) {
    return beta;
  }
};

}  // namespace fasweep
