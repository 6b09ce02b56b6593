// psi(z) = z Phi(z), Phi the normal distribution function, by erfc and not by an approximation (Hendrycks and Gimpel
// 2016); psi'(z) = Phi(z) + z phi(z), no function of psi.
#pragma once

#include <string_view>

#include "model/elementary.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct Gelu {
  static constexpr std::string_view name = "gelu";
  static constexpr double step_size = 1e-2;
  static constexpr bool is_cheap = false;
  static constexpr bool derivative_needs_input = true;
  static constexpr bool derivative_is_zero_or_one = false;
  /// Phi(z).
  template <class T>
  FASWEEP_HOST_DEVICE static T distribution(T z) {
    using elementary::erfc;
    constexpr double inverse_root_two = 0.70710678118654752440;
    return T(0.5) * erfc(T(-inverse_root_two) * z);
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T value(T z) {
    return z * distribution(z);
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T derivative(T z, T /*h*/) {
    using elementary::exp;
    constexpr double inverse_root_two_pi = 0.39894228040143267794;
    return distribution(z) + z * (T(inverse_root_two_pi) * exp(T(-0.5) * z * z));
  }
};

}  // namespace fasweep
