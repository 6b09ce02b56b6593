// The weights between one hidden unit and one output, and one step of them. Every solver on every device calls a rule's
// step() for them; nothing else changes them.
#pragma once

#include "util/host_device.hpp"

namespace fasweep {

/// T: float, double or a backend's vector of either.
template <class T>
struct Readout {
  T beta;  // forward weight
  T b;     // feedback weight
};

/// decay weight - scale gradient: one step of gradient descent with ridge, decay = 1 - eta lambda, scale = eta times
/// what the gradient still lacks. One expression for all backends, so that they round alike.
template <class T>
FASWEEP_HOST_DEVICE inline T descend(T weight, T gradient, T decay, T scale) {
  return decay * weight - scale * gradient;
}

/// b after a step along its unit's activity times its output's, summed over the samples (activity), and Oja's decay by
/// the sum of the output's squares (power).
template <class T>
FASWEEP_HOST_DEVICE inline T adapt(T b, T activity, T power, T scale) {
  return b + scale * (activity - power * b);
}

/// How what teaches comes to the hidden layers below the last: from the layer above each, or straight from the outputs.
enum class Route { layerwise, direct };

/// What most rules do; each rule derives from it and hides what it does otherwise.
struct RuleDefaults {
  static constexpr Route route = Route::layerwise;
  static constexpr bool learns_feedback = false;
  static constexpr bool redraws_feedback = false;
  static constexpr bool mirrors = false;
  static constexpr bool adapts_feedback = false;
  static constexpr bool propagates_targets = false;
  static constexpr bool inverts_outputs = false;
  static constexpr bool is_hebbian = false;
  static constexpr bool error_teaches = true;
  template <class T>
  FASWEEP_HOST_DEVICE static T teaching(T error, T /*target*/) {
    return error;
  }
  template <class T>
  FASWEEP_HOST_DEVICE static void step(Readout<T>& readout, T gradient, T decay, T scale) {
    readout.beta = descend(readout.beta, gradient, decay, scale);
  }
};

}  // namespace fasweep
