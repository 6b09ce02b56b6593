// How fast a kind of GPU was measured to train, and what follows for runs of other sizes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/run_spec.hpp"
#include "model/solver.hpp"

namespace fasweep {

/// What a step of one run costs, besides its solver and activation, follows from these.
struct StepShape {
  int samples = 0;  // of the step
  int width = 0;    // p
  int inputs = 0;   // these two count in weight space alone
  int outputs = 1;
};
[[nodiscard]] StepShape step_shape(const DataSettings& data, const TrainingSettings& training, int width);

/// The time of a step of one run while the device is full of such runs and nothing is recorded.
struct MeasuredRate {
  Solver solver = Solver::automatic;  // sample_space or weight_space
  int activation = 0;                 // position in `Activations`
  StepShape shape;
  double seconds = 0;
};

struct DeviceProfile {
  std::string name;
  int shared_bytes_a_block = 0;
  std::vector<MeasuredRate> rates;
};

/// An H100, by `fasweep selftest` (README.md here says when).
[[nodiscard]] DeviceProfile h100_profile();

struct StepForecast {
  double seconds = 0;
  bool is_measured = false;  // between widths at which this very activation and shape were; else scaled by the work
};

/// The time of a step of one run of a full device; nullopt if nothing like it was measured. Scaled by n^2 p in sample
/// space, n p (d + k) in weight space; an activation that was not measured takes the time of the slowest that was.
[[nodiscard]] std::optional<StepForecast> forecast_step(const DeviceProfile& device, Solver solver, int activation,
                                                        const StepShape& shape);

}  // namespace fasweep
