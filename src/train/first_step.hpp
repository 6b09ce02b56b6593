// The check of a run's first step against the formula of its rule: proof that the rule that was asked for is the one
// that ran. The training loop shows the network before and after the step; what it should be is computed elsewhere
// (reference/first_step.hpp), as solvers and oracles must not share code.
#pragma once

#include <cmath>
#include <memory>
#include <string>

#include "model/observation.hpp"
#include "model/run_spec.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

struct FirstStep {
  double deviation = not_a_number;  // of the step from the formula, relative to it; NaN: not checked
  std::string mismatch = {};        // what is wrong, and with which rule; empty: nothing
  [[nodiscard]] bool is_checked() const { return !std::isnan(deviation); }
};

/// What the first step of a run should come to.
class ExpectedStep {
 public:
  virtual ~ExpectedStep() = default;
  /// after: the same run at step 1.
  [[nodiscard]] virtual FirstStep compare(const Snapshot& after) const = 0;
};

/// Used by all worker threads of a rank at once.
class FirstStepCheck {
 public:
  virtual ~FirstStepCheck() = default;
  /// start: the run at step 0; what it refers to outlives the result. nullptr: the run is not checked.
  [[nodiscard]] virtual std::unique_ptr<ExpectedStep> expect(const Snapshot& start, const DataSettings& data) const = 0;
};

}  // namespace fasweep
