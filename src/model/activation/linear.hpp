// psi(z) = z.
#pragma once

#include <string_view>

#include "util/host_device.hpp"

namespace fasweep {

struct Linear {
  static constexpr std::string_view name = "linear";
  static constexpr double step_size = 1e-4;
  static constexpr bool is_cheap = true;
  static constexpr bool derivative_needs_input = false;
  static constexpr bool derivative_is_zero_or_one = false;
  template <class T>
  FASWEEP_HOST_DEVICE static T value(T z) {
    return z;
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T derivative(T /*z*/, T /*h*/) {
    return T(1);
  }
};

}  // namespace fasweep
