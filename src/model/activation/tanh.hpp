// psi(z) = tanh z.
#pragma once

#include <string_view>

#include "model/elementary.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct Tanh {
  static constexpr std::string_view name = "tanh";
  static constexpr double step_size = 1e-2;
  static constexpr bool is_cheap = false;
  static constexpr bool derivative_needs_input = false;
  static constexpr bool derivative_is_zero_or_one = false;
  template <class T>
  FASWEEP_HOST_DEVICE static T value(T z) {
    using elementary::tanh;
    return tanh(z);
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T derivative(T /*z*/, T h) {
    return T(1) - h * h;
  }
};

}  // namespace fasweep
