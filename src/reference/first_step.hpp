// What the first step of a run should come to, from the formula of its rule (plain_formulas.hpp) in float64: W, beta, b
// and biases of a few hidden units, the first and the last among them. A unit's step depends on the rest of the network
// through the outputs alone, so the step's outputs are taken from the solver, and are themselves checked where the
// network is small. That costs some hundred multiplications a sample and input, whatever the width.
#pragma once

#include <memory>

#include "train/first_step.hpp"

namespace fasweep {

/// Most that a run's first step may be off, relative to the terms that its weights sum up, and to what the precision
/// resolves over this: a difference of less than 4 roundings of a weight is below it however small the step. float32: a
/// sum of n terms loses about sqrt(n) roundings of 6e-8 of their size, 6e-5 for 10^6 samples. Another rule's step
/// differs by about the step, which in sums over n samples of either sign is 1 / sqrt(n) of the terms: 1e-3 for 10^6,
/// and the largest over many weights is several times that. float64: solvers are held to 1e-9 throughout
/// (tests/backend/cpu/solver_agreement_test.cpp).
[[nodiscard]] double first_step_tolerance(Precision precision);

/// Checks runs of one hidden layer whose solver reports its outputs. Runs of several hidden layers, and of rules that
/// propagate targets, are not checked.
class PlainFirstStep final : public FirstStepCheck {
 public:
  [[nodiscard]] std::unique_ptr<ExpectedStep> expect(const Snapshot& start, const DataSettings& data) const override;
};

}  // namespace fasweep
