// The angle between the signals that two ways back would send, beta e and b e. The signals need not be made: their
// products are quadratic forms in the weights' Gram matrices.
#pragma once

#include <span>

#include "model/observation.hpp"

namespace fasweep {

/// Gram matrices of weights beta and b, width x k each: k x k, row-major.
struct SignalGrams {
  std::span<const double> output;    // beta^T beta
  std::span<const double> feedback;  // b^T b
  std::span<const double> mixed;     // beta^T b
};

/// The signal metrics of a batch with these errors, samples x k, row-major: NaN where a signal is too small to have a
/// direction (least_signal_square), and over the other samples.
void observe_signals(const SignalGrams& grams, std::span<const double> errors, Observation& o);

}  // namespace fasweep
