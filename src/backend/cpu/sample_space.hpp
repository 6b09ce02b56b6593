// The solver for full batches: weights move only within the span of the inputs, so it keeps Z = X W^T instead of W and
// steps Z <- Z - (eta / sqrt p) K [(e v^T) .* psi'(Z)], K = X X^T: 2 n^2 p flop a step instead of 4 n d p. Exact for
// every activation and rule. Precision is `Scalar` throughout; recorded sums are float64.
#pragma once

#include <memory>

#include "train/trainer.hpp"

namespace fasweep {

/// Trains runs of one problem, which outlives it; makes what they share once.
template <class Scalar>
class SampleSpaceSolver {
 public:
  explicit SampleSpaceSolver(const Problem& problem);
  ~SampleSpaceSolver();

  /// run: of the problem given to the constructor, and of `request`.
  [[nodiscard]] RunRecord train(const TrainingRequest& request, const RunSpec& run) const;

 private:
  struct Shared;
  std::unique_ptr<const Shared> shared_;
};

extern template class SampleSpaceSolver<float>;
extern template class SampleSpaceSolver<double>;

}  // namespace fasweep
