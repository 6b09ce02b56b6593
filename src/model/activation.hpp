// Activations psi. To add one: write its struct, add it to `Activations`; the job grammar, help, backends, file
// attributes and typed tests follow. The functions are templates over float, double and the backends' vector types, on
// host and device.
#pragma once

#include <string_view>

#include "model/elementary.hpp"
#include "util/host_device.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each activation has
//   name           as written in a job file;
//   step_size      eta of the paper's synthetic experiment (section 5), the default of `training.step-size`;
//   value(z)       psi(z), elementwise;
//   derivative(h)  psi'(z) as a function of h = psi(z), so that solvers keep one array. ReLU'(0) = 0;
//   is_cheap       whether computing value(z) again costs less than keeping it;
//   derivative_is_zero_or_one   and not always one, which lets a solver add instead of multiply.

struct Linear {
  static constexpr std::string_view name = "linear";
  static constexpr double step_size = 1e-4;
  static constexpr bool is_cheap = true;
  static constexpr bool derivative_is_zero_or_one = false;
  template <class T>
  FASWEEP_HOST_DEVICE static T value(T z) {
    return z;
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T derivative(T /*h*/) {
    return T(1);
  }
};

struct Relu {
  static constexpr std::string_view name = "relu";
  static constexpr double step_size = 1e-3;
  static constexpr bool is_cheap = true;
  static constexpr bool derivative_is_zero_or_one = true;
  template <class T>
  FASWEEP_HOST_DEVICE static T value(T z) {
    using elementary::positive_part;
    return positive_part(z);
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T derivative(T h) {
    using elementary::is_positive;
    return is_positive(h);
  }
};

struct Tanh {
  static constexpr std::string_view name = "tanh";
  static constexpr double step_size = 1e-2;
  static constexpr bool is_cheap = false;
  static constexpr bool derivative_is_zero_or_one = false;
  template <class T>
  FASWEEP_HOST_DEVICE static T value(T z) {
    using elementary::tanh;
    return tanh(z);
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T derivative(T h) {
    return T(1) - h * h;
  }
};

/// Logistic sigmoid 1 / (1 + e^-z), computed as (1 + tanh(z / 2)) / 2, which cannot overflow.
struct Sigmoid {
  static constexpr std::string_view name = "sigmoid";
  static constexpr double step_size = 1e-2;
  static constexpr bool is_cheap = false;
  static constexpr bool derivative_is_zero_or_one = false;
  template <class T>
  FASWEEP_HOST_DEVICE static T value(T z) {
    using elementary::tanh;
    return T(0.5) + T(0.5) * tanh(T(0.5) * z);
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T derivative(T h) {
    return h * (T(1) - h);
  }
};

using Activations = TypeList<Linear, Relu, Tanh, Sigmoid>;

}  // namespace fasweep
