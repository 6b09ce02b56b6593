// How far the hidden weights move while the outputs learn. The mean-field network of richness g is
//   f = 1 / (g p) sum_r a_r psi(w_r x), a(0) and b' ~ N(0, 1), step size eta g^2 p of all weights
// (Bordelon, Pehlevan 2022). With beta = a / (g sqrt(p)) and b = g sqrt(p) b' it is the paper's f = H beta / sqrt(p) at
// step size eta, so that a solver needs the scales of beta(0) and b, and where beta itself is sent back the factor
// g^2 p of W's steps, where its signs are g sqrt(p). The paper's network has g = 1 / sqrt(p). lambda keeps its meaning.
#pragma once

#include <cmath>

#include "model/rule/list.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// g^2 p, the square of the scale of b and of the inverse scale of beta(0); 1 under `lazy`.
[[nodiscard]] inline double square_scale(const TrainingSettings& training, int width) {
  return training.richness == lazy ? 1 : training.richness * training.richness * width;
}

/// Factor of the step size of W.
[[nodiscard]] inline double hidden_step_factor(const TrainingSettings& training, int width, int rule) {
  switch (sent_back(rule)) {
    case SentBack::output:
      return square_scale(training, width);
    case SentBack::signs:
      return std::sqrt(square_scale(training, width));
    default:
      return 1;
  }
}

}  // namespace fasweep
