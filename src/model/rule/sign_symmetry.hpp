// Liao, Leibo, Poggio 2016: the error returns through weights with the signs of the forward weights beta(t). Their
// sizes are one for all (uSF), those of b (frSF), or drawn anew for every step (brSF).
#pragma once

#include <string_view>

#include "model/elementary.hpp"
#include "model/rule/readout.hpp"
#include "util/host_device.hpp"

namespace fasweep {

/// uSF. The size is the standard deviation of b; in a rich network W's step size brings it along (model/richness.hpp).
struct SignSymmetry : RuleDefaults {
  static constexpr std::string_view name = "sign-symmetry";
  static constexpr std::string_view meaning = "v = sign(beta) (uSF of Liao, Leibo, Poggio 2016)";
  static constexpr bool feedback_is_linear = false;
  template <class T>
  FASWEEP_HOST_DEVICE static T feedback(T /*b*/, T beta) {
    return sign(beta);
  }

 protected:
  template <class T>
  FASWEEP_HOST_DEVICE static T sign(T beta) {
    using elementary::is_positive;
    return is_positive(beta) - is_positive(T(0) - beta);
  }
};

/// frSF.
struct FixedSignSymmetry : SignSymmetry {
  static constexpr std::string_view name = "sign-symmetry-fixed";
  static constexpr std::string_view meaning = "v = |b| sign(beta) (frSF)";
  template <class T>
  FASWEEP_HOST_DEVICE static T feedback(T b, T beta) {
    using elementary::absolute;
    return absolute(b) * sign(beta);
  }
};

/// brSF: frSF with the b of each step.
struct RedrawnSignSymmetry : FixedSignSymmetry {
  static constexpr std::string_view name = "sign-symmetry-redrawn";
  static constexpr std::string_view meaning = "the same with a b drawn for each step (brSF)";
  using ComputesAs = FixedSignSymmetry;
  static constexpr bool redraws_feedback = true;
};

}  // namespace fasweep
