// Kolen and Pollack 1994 (Akrout et al. 2019): the feedback weights learn as the forward weights do, so that their
// difference decays: beta(t) - b(t) = prod_s (1 - eta lambda(s)) (beta(0) - b(0)) exactly.
#pragma once

#include <string_view>

#include "model/rule/readout.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct KolenPollack : RuleDefaults {
  static constexpr std::string_view name = "kolen-pollack";
  static constexpr std::string_view meaning = "v = b, which takes the steps of beta (Kolen, Pollack 1994)";
  static constexpr bool feedback_is_linear = true;
  static constexpr bool learns_feedback = true;
  template <class T>
  FASWEEP_HOST_DEVICE static T feedback(T b, T /*beta*/) {
    return b;
  }
  template <class T>
  FASWEEP_HOST_DEVICE static void step(Readout<T>& readout, T gradient, T decay, T scale) {
    readout.beta = descend(readout.beta, gradient, decay, scale);
    readout.b = descend(readout.b, gradient, decay, scale);
  }
};

}  // namespace fasweep
