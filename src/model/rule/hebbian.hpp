// Rules without derivatives: a weight of the hidden layer grows where its input and its unit are active together,
// whatever the error would ask for. The output weights are trained as under every rule.
#pragma once

#include <string_view>

#include "model/rule/readout.hpp"
#include "util/host_device.hpp"

namespace fasweep {

/// What these rules share: nothing comes back.
struct HebbianDefaults : RuleDefaults {
  static constexpr bool feedback_is_linear = false;
  static constexpr bool error_teaches = false;
  static constexpr bool is_hebbian = true;
  static constexpr bool is_centred = false;
  static constexpr bool decays_itself = false;
  template <class T>
  FASWEEP_HOST_DEVICE static T feedback(T /*b*/, T /*beta*/) {
    return T(0);
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T teaching(T /*error*/, T /*target*/) {
    return T(0);
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T hebbian(T /*error_square*/, T h) {
    return h;
  }
};

/// Bordelon, Pehlevan 2023: dw = (eta / sqrt(p)) sum_i |e_i|^2 psi(z_i) x_i.
struct ErrorModulatedHebb : HebbianDefaults {
  static constexpr std::string_view name = "error-modulated-hebb";
  static constexpr std::string_view meaning = "dW = (eta / sqrt(p)) (|e|^2 . H)^T X (Bordelon, Pehlevan 2023)";
  template <class T>
  FASWEEP_HOST_DEVICE static T hebbian(T error_square, T h) {
    return error_square * h;
  }
};

/// Oja 1982: dw = (eta / sqrt(p)) sum_i psi(z_i) (x_i - psi(z_i) w), which keeps w bounded.
struct Oja : HebbianDefaults {
  static constexpr std::string_view name = "oja";
  static constexpr std::string_view meaning = "dw = (eta / sqrt(p)) sum_i h_i (x_i - h_i w) for each unit (Oja 1982)";
  static constexpr bool decays_itself = true;
};

/// Sejnowski, Tesauro 1989: dw = (eta / sqrt(p)) sum_i (psi(z_i) - mean) x_i, the covariance of unit and input.
struct SejnowskiTesauro : HebbianDefaults {
  static constexpr std::string_view name = "sejnowski-tesauro";
  static constexpr std::string_view meaning = "dW = (eta / sqrt(p)) (H - mean H)^T X (Sejnowski, Tesauro 1989)";
  static constexpr bool is_centred = true;
};

}  // namespace fasweep
