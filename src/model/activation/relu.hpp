// psi(z) = max(z, 0).
#pragma once

#include <string_view>

#include "model/elementary.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct Relu {
  static constexpr std::string_view name = "relu";
  static constexpr double step_size = 1e-3;
  static constexpr bool is_cheap = true;
  static constexpr bool derivative_needs_input = false;
  static constexpr bool derivative_is_zero_or_one = true;
  template <class T>
  FASWEEP_HOST_DEVICE static T value(T z) {
    using elementary::positive_part;
    return positive_part(z);
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T derivative(T /*z*/, T h) {
    using elementary::is_positive;
    return is_positive(h);
  }
};

}  // namespace fasweep
