// Trains a run once more with the plain network (plain_network.hpp), in float64 and one step at a time, for results to
// be checked against. Shares with the solvers what defines a run: the drawn data and initial weights, the order of
// minibatches, the random streams; none of how they compute.
#pragma once

#include <cstdint>
#include <vector>

#include "model/problem.hpp"
#include "model/run_spec.hpp"
#include "reference/plain_network.hpp"

namespace fasweep {

/// What a run should have recorded.
struct ReferenceRun {
  std::vector<std::int64_t> steps;   // recorded ones up to the last step
  std::vector<double> trajectory;    // metrics x steps, metric-major
  std::vector<double> final_values;  // metrics, at the last step
  std::vector<double> losses;        // of the step's batch, steps 0, 1, ... to the last
  std::vector<double> regularized;   // the same with ridge
};

/// `last_step` steps of the run, whatever its stop rule says. round: what is kept of numbers (PlainNetwork::round).
/// Throws ConfigError for an activation, rule or schedule that the reference does not know.
[[nodiscard]] ReferenceRun train_reference(const Problem& problem, const RunSettings& settings, const RunSpec& run,
                                           std::int64_t last_step, const PlainRounding& rounding = {});

/// Multiplications and additions that this takes, for a forecast.
[[nodiscard]] double reference_flop(const RunSettings& settings, const RunSpec& run, std::int64_t last_step);

}  // namespace fasweep
