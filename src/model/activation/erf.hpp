// psi(z) = erf(z), for which the kernels of wide networks have closed forms (Williams 1997);
// psi'(z) = 2 / sqrt(pi) e^-z^2, no function of psi.
#pragma once

#include <string_view>

#include "model/elementary.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct Erf {
  static constexpr std::string_view name = "erf";
  static constexpr double step_size = 1e-2;
  static constexpr bool is_cheap = false;
  static constexpr bool derivative_needs_input = true;
  static constexpr bool derivative_is_zero_or_one = false;
  template <class T>
  FASWEEP_HOST_DEVICE static T value(T z) {
    using elementary::erf;
    return erf(z);
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T derivative(T z, T /*h*/) {
    using elementary::exp;
    constexpr double two_over_root_pi = 1.12837916709551257390;
    return T(two_over_root_pi) * exp(T(0) - z * z);
  }
};

}  // namespace fasweep
