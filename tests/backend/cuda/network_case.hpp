// A small classification for the weight-space kernels: every rule with two ridges.
#pragma once

#include <algorithm>
#include <vector>

#include "backend/cpu/training_case.hpp"
#include "backend/cuda/tested_rules.hpp"
#include "model/activation/list.hpp"
#include "model/loss/list.hpp"
#include "model/rule/list.hpp"

namespace fasweep::testing {

/// Every step recorded, float32.
struct NetworkCase : TrainingCase {
  explicit NetworkCase(int activation = Activations::index_of<Tanh>(), std::int64_t steps = 12)
      : TrainingCase(13, 6, 21, activation, 0, steps) {
    data.outputs = 3;
    data.test_samples = 5;
    data.targets = Targets::classes;
    training.loss = LossFunction::cross_entropy;
    training.precision = Precision::float32;
    run.step_size = 0.1;
  }

  [[nodiscard]] Problem problem(std::int64_t seed = 7) const {
    Problem problem = make_problem(data, {seed, run.width, run.activation}, training);
    const auto outputs = static_cast<std::ptrdiff_t>(problem.outputs);
    for (auto row = problem.y.begin(); row != problem.y.end(); row += outputs) {
      const auto largest = std::max_element(row, row + outputs);
      const auto truth = largest - row;
      std::fill_n(row, outputs, 0.0);
      row[truth] = 1;
    }
    return problem;
  }

  /// The tested rules, with two ridges.
  [[nodiscard]] std::vector<RunSpec> runs(std::int64_t seed = 7) const {
    std::vector<RunSpec> runs;
    for (const int rule : tested_rules) {
      for (const double ridge : {0.0, 0.5}) {
        RunSpec one = run;
        one.run = 100 * seed + static_cast<std::int64_t>(runs.size());
        one.seed = seed;
        one.rule = rule;
        one.ridge = ridge;
        runs.push_back(one);
      }
    }
    return runs;
  }

  [[nodiscard]] TrainingRequest request_for(const Problem& problem, std::span<const RunSpec> runs) const {
    return {problem, data, training, record, runs, Solver::weight_space, cancelled};
  }
};

}  // namespace fasweep::testing
