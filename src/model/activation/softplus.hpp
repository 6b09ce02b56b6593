// psi(z) = log(1 + e^z), computed so that it cannot overflow; psi' = 1 - e^-psi.
#pragma once

#include <string_view>

#include "model/elementary.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct Softplus {
  static constexpr std::string_view name = "softplus";
  static constexpr double step_size = 1e-2;
  static constexpr bool is_cheap = false;
  static constexpr bool derivative_needs_input = false;
  static constexpr bool derivative_is_zero_or_one = false;
  template <class T>
  FASWEEP_HOST_DEVICE static T value(T z) {
    using elementary::softplus;
    return softplus(z);
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T derivative(T /*z*/, T h) {
    using elementary::exp;
    return T(1) - exp(T(0) - h);
  }
};

}  // namespace fasweep
