// The hidden layers after the first of a network of several: their scale, and what their weights and the feedback to
// the layers below begin as. Layers count from 1; all have the run's width p. With H_0 = X
//   Z_1 = X W_1^T,   Z_{l+1} = s H_l W_{l+1}^T,   H_l = psi(Z_l),   f = s H_L beta,   s = 1/sqrt(p) or 1
// (training.output-scale), biases added to each Z and to f. W_1, beta and b are those of one hidden layer; W_2, W_3,
// ... are of the law of W_1, with fan-in and fan-out p, except that they are N(0, 1/(s^2 p)) under gaussian and
// gaussian-scaled, so that all Z are of one size at the start whatever the scale. Feedback and biases likewise.
#pragma once

#include <cstdint>
#include <vector>

#include "model/initial/weight_law.hpp"
#include "model/random.hpp"

namespace fasweep {

struct Problem;
struct TrainingSettings;

/// Most hidden layers that a job may ask for.
inline constexpr int max_depth = 16;

/// Standard deviation of the weights of a layer >= 2 at the start under the default law: 1/(s sqrt(p)). A rule's
/// feedback there is that of weights of size 1, scaled: feedback(B / size, W / size) size.
[[nodiscard]] double inner_weight_size(const TrainingSettings& training, int width);

/// The law of a layer >= 2 where that of the first is `law`.
[[nodiscard]] WeightLaw inner_law(const WeightLaw& law, const TrainingSettings& training, int width);

/// Rows of W_layer(0), layer >= 2: units x width.
[[nodiscard]] FillRows inner_weight(const Problem& problem, const TrainingSettings& training, int layer);

/// Rows of B_layer(0), layer >= 2, which sends back to layer - 1 what W_layer would.
[[nodiscard]] FillRows inner_feedback(const Problem& problem, const TrainingSettings& training, int layer);

/// Rows of B_layer, 1 <= layer < depth, which sends the outputs' errors straight to `layer`: units x outputs, of the
/// law of b.
[[nodiscard]] FillRows direct_feedback(const Problem& problem, const TrainingSettings& training, int layer);

/// Biases of a layer >= 2 at the start: width.
[[nodiscard]] std::vector<double> inner_bias(const Problem& problem, const TrainingSettings& training, int layer);

/// The stream of dropout masks of a layer >= 1 (step_samples.hpp).
[[nodiscard]] RandomStream layer_masks(std::int64_t seed, int width, int layer);

}  // namespace fasweep
