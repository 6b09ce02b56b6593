// psi(z) = 1 / (1 + e^-z).
#pragma once

#include <string_view>

#include "model/elementary.hpp"
#include "util/host_device.hpp"

namespace fasweep {

/// Logistic sigmoid 1 / (1 + e^-z), computed as (1 + tanh(z / 2)) / 2, which cannot overflow.
struct Sigmoid {
  static constexpr std::string_view name = "sigmoid";
  static constexpr double step_size = 1e-2;
  static constexpr bool is_cheap = false;
  static constexpr bool derivative_needs_input = false;
  static constexpr bool derivative_is_zero_or_one = false;
  template <class T>
  FASWEEP_HOST_DEVICE static T value(T z) {
    using elementary::tanh;
    return T(0.5) + T(0.5) * tanh(T(0.5) * z);
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T derivative(T /*z*/, T h) {
    return h * (T(1) - h);
  }
};

}  // namespace fasweep
