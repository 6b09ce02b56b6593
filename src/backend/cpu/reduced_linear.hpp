// The solver for linear networks: everything stays in the span of B = [beta(0), U, b], U = W(0) X^T, so a step costs
// O(n^2) whatever the width. float64 throughout.
#pragma once

#include <memory>

#include "train/trainer.hpp"

namespace fasweep {

/// Trains runs of one problem, which outlives it, whose rule's feedback is linear in (b, beta); makes the Gram matrix
/// of B once.
class ReducedLinearSolver {
 public:
  explicit ReducedLinearSolver(const Problem& problem);
  ~ReducedLinearSolver();

  /// run: of the problem given to the constructor, and of `request`; its activation is linear.
  [[nodiscard]] RunRecord train(const TrainingRequest& request, const RunSpec& run) const;

 private:
  struct Shared;
  std::unique_ptr<const Shared> shared_;
};

}  // namespace fasweep
