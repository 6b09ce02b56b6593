// The noise of the rule weight-mirror, and what feedback weights learn from it. For forward weights w, rows by columns,
// that send from the rows, and noise xi_1, xi_2, ... ~ N(0, 1) on the rows, m samples,
//   b <- b + a ((1/m) sum_j xi_j (xi_j w) - c b),   E[xi (xi w)] = w,
// so that b comes to w / c, but for noise (Akrout et al. 2019, who scale both a and c otherwise). After a step of the
// forward weights, of which these are the new ones.
#pragma once

#include <cstdint>
#include <vector>

#include "model/problem.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// xi of step `step` that a hidden layer of the network, from 1, sends to the one above: mirror_samples x width.
[[nodiscard]] std::vector<double> noise_of_step(const Problem& problem, const TrainingSettings& training, int layer,
                                                std::int64_t step);

}  // namespace fasweep
