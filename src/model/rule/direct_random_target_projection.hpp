// Direct random target projection (Frenkel, Lefebvre, Bol 2021): the hidden layer is taught by the target alone,
// through fixed random weights. Their code descends along +B y, which turns the forward weights away from b; here the
// signal is -y b, with which they align. It never vanishes: W(t) = W(0) + (eta t / sqrt(p)) b (X^T y)^T in a linear
// network.
#pragma once

#include <string_view>

#include "model/rule/readout.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct DirectRandomTargetProjection : RuleDefaults {
  static constexpr std::string_view name = "drtp";
  static constexpr std::string_view meaning = "v = b, and -y comes back instead of e (Frenkel, Lefebvre, Bol 2021)";
  static constexpr bool feedback_is_linear = true;
  static constexpr bool error_teaches = false;
  static constexpr Route route = Route::direct;
  template <class T>
  FASWEEP_HOST_DEVICE static T feedback(T b, T /*beta*/) {
    return b;
  }
  template <class T>
  FASWEEP_HOST_DEVICE static T teaching(T /*error*/, T target) {
    return T(0) - target;
  }
};

}  // namespace fasweep
