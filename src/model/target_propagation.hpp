// Difference target propagation (Lee, Zhang, Fischer, Bengio 2015) and its simplified form (Bartunov et al. 2018): each
// layer is given a target in place of an error. In a network of L hidden layers (model/layers.hpp) with errors e =
// dL/df of a sample, a = training.target-step-size and what the layers pass on, H_l, its mask included, column by
// column:
//   the last target   H'_L = H_L - a dL/dH_L = H_L - a s beta e                 difference-target-propagation
//                     H'_L = H_L - g_{L+1}(f) + g_{L+1}(f - a e)                simplified-...: f - e = y, squared loss
//   those below       H'_l = H_l - g_{l+1}(H_{l+1}) + g_{l+1}(H'_{l+1})         (Lee, eq. 15)
//   inverse layers    g_{l+1}(h) = psi(s B_{l+1}^T h + c_l),  g_{L+1}(f) = psi(s b f + c_L)
// and W_l descends along the gradient of its local loss ||psi(Z_l) - H'_l||^2 / (2 a), the target held fixed, that is
//   D_l = (H_l - H'_l) / a .* psi'(Z_l) .* mask, in place of that of model/rule/list.hpp.
// The factor 1/a makes that of the last layer backprop's whatever a is, and all of them linear in the errors as a -> 0;
// Lee's step size of forward layers is eta / a in ours. beta descends along its own gradient, as under every rule.
//
// B, b begin as feedback weights do under other rules, c as 0, and c stays 0 without training.biases. In each step an
// inverse layer descends along the gradient of the mean over the batch of
//   1/2 ||g_{l+1}(f_{l+1}(h~)) - h~||^2,   h~ = H_l + sigma N(0, 1)              (Lee, eq. 13; sigma: inverse-noise)
// in B and c alone, with training.inverse-step-size, where f_{l+1} is the forward layer of the same step, without
// dropout of its own; f_{L+1}(h) = f. Under inverse-updates = alternating it does so before the step's targets are
// made, as in Lee's Algorithm 1, else the targets are those of the inverse layers before (Bartunov's parallel updates).
#pragma once

#include <cstdint>
#include <vector>

#include "model/problem.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// N(0, 1) of step `step` for what hidden layer `layer`, from 1, passes on of each of the step's samples: samples x
/// width.
[[nodiscard]] std::vector<double> noise_of_inverse(const Problem& problem, const TrainingSettings& training, int layer,
                                                   std::int64_t step, int samples);

}  // namespace fasweep
