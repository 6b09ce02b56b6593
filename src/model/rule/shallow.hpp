// Only the output weights learn, on the random features psi(W(0) x): nothing comes back to the hidden layer. What every
// other rule is to beat.
#pragma once

#include <string_view>

#include "model/rule/readout.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct Shallow : RuleDefaults {
  static constexpr std::string_view name = "shallow";
  static constexpr std::string_view meaning = "v = 0: W stays as it is";
  static constexpr bool feedback_is_linear = true;
  template <class T>
  FASWEEP_HOST_DEVICE static T feedback(T /*b*/, T /*beta*/) {
    return T(0);
  }
};

}  // namespace fasweep
