// What the first step of a run should come to, from the formula of its rule (plain_formulas.hpp) in float64: W, beta, b
// and biases of a few hidden units of each layer, the first and the last among them. The step's outputs are taken from
// the solver. With one hidden layer a unit's step depends on the rest of the network through them alone; they are
// themselves checked where the network is small. That costs some hundred multiplications a sample and input, whatever
// the width. With several, all samples go through the network and back (layer_pass.hpp), and all outputs are checked.
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

/// Checks runs whose solver reports its outputs. Not checked are runs of rules that propagate targets, and of several
/// hidden layers that are both short and of large networks.
class PlainFirstStep final : public FirstStepCheck {
 public:
  [[nodiscard]] std::unique_ptr<ExpectedStep> expect(const Snapshot& start, const DataSettings& data) const override;
};

}  // namespace fasweep
