// A batch trained by the resident kernel, for its tests and canaries; kernel_case.hpp has the plain loops.
#pragma once

#include <numeric>

#include "backend/cuda/device_rules.hpp"
#include "backend/cuda/kernel_case.hpp"
#include "backend/cuda/resident_plan.hpp"
#include "backend/cuda/resident_runs.hpp"
#include "model/observation.hpp"
#include "model/stop/list.hpp"

namespace fasweep::testing {

struct ResidentResult {
  std::vector<float> state;  // z, output weights
  std::vector<Observation> observations;
  ResidentProgress progress;
  int blocks = 0;  // of the run
};

/// Trains the case in launches of `steps_a_launch` steps; every step is recorded. shared_bytes: of a block, which
/// decides how many blocks a run has.
inline std::vector<ResidentResult> train_on_chip(const KernelCase& c, int shared_bytes = 100 * 1024,
                                                 std::int64_t steps_a_launch = 1000, int clusters = 2) {
  const std::vector<Problem> problems = make_problems(c);
  const Problem& first = problems[0];
  std::optional<ResidentBatch> sizes =
      measure_resident({first.samples, first.samples + first.test_samples, first.width}, shared_bytes, 90);
  sizes->clusters = clusters;
  std::vector<ResidentStart> starts;
  for (const Problem& problem : problems) {
    starts.emplace_back(problem, sizes->depth_tiles, sizes->column_tiles);
  }
  std::vector<ResidentRun> runs;
  for (const BatchRun& run : c.runs) {
    runs.push_back({run.step_size, c.ridge, c.steps, StopReason::max_steps, device_rule(run.rule), run.problem});
  }
  TrainingSettings training;
  training.max_steps = c.steps;
  training.stop = NeverStop{};
  std::vector<std::int64_t> records;
  for (int step = 0; step <= c.steps; ++step) {
    records.push_back(step);
  }
  Stream stream;
  ResidentRuns batch(stream, c.activation, *sizes, training, records, starts, runs);
  std::vector<int> active(runs.size());
  std::iota(active.begin(), active.end(), 0);
  while (!active.empty()) {
    batch.train(active, steps_a_launch);
    std::erase_if(active,
                  [&](int run) { return batch.progress()[static_cast<std::size_t>(run)].reason != StopReason::none; });
  }
  std::vector<ResidentResult> results;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    const ResidentProgress& progress = batch.progress()[run];
    const int number = static_cast<int>(run);
    results.push_back(
        {batch.state(number), batch.observations(number, 0, progress.observations), progress, sizes->blocks});
  }
  return results;
}

}  // namespace fasweep::testing
