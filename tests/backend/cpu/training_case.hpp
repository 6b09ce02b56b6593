// A small training problem with everything a TrainingRequest refers to, for tests of trainers.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/activation/list.hpp"
#include "model/initial/list.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/optimizer/list.hpp"
#include "model/problem.hpp"
#include "model/rule/list.hpp"
#include "model/solver.hpp"
#include "train/trainer.hpp"

namespace fasweep::testing {

struct TrainingCase {
  DataSettings data;
  TrainingSettings training;
  RecordSettings record;
  RunSpec run;
  Solver solver = Solver::weight_space;
  std::atomic<bool> cancelled = false;

  /// n samples, d inputs, p units, float64, `steps` steps all recorded, every metric that is a function of sums.
  TrainingCase(int samples, int inputs, int width, int activation, int rule, std::int64_t steps) {
    data.samples = samples;
    data.inputs = inputs;
    training.max_steps = steps;
    training.precision = Precision::float64;
    for (std::int64_t step = 0; step <= steps; ++step) {
      record.steps.push_back(step);
    }
    for (int metric = 0; metric < Metrics::size; ++metric) {
      if (!reads_snapshot(metric)) {
        record.metrics.push_back(metric);
      }
    }
    run = {0, width, 0.1, activation, rule, 7, 0.01};
  }

  /// A teacher's; its largest output is the class where the loss is of classes.
  [[nodiscard]] Problem problem() const {
    Problem made = make_problem(data, {run.seed, run.width, run.activation}, training);
    if (visit_loss(training.loss, [](auto type) { return decltype(type)::type::needs_classes; })) {
      for (auto first = made.y.begin(); first != made.y.end(); first += data.outputs) {
        const auto largest = std::max_element(first, first + data.outputs);
        std::fill(first, first + data.outputs, 0.0);
        *largest = 1;
      }
    }
    return made;
  }
  [[nodiscard]] TrainingRequest request(const Problem& problem) const {
    return {problem, data, training, record, {&run, 1}, solver, cancelled};
  }
};

/// Positions of the rules that a solver takes.
[[nodiscard]] inline std::vector<int> rules_of(Solver solver) {
  std::vector<int> rules;
  for (int rule = 0; rule < Rules::size; ++rule) {
    if (accepts(solver, {}, {}, {0, 1, 0, Activations::index_of<Tanh>(), rule, 0})) {
      rules.push_back(rule);
    }
  }
  return rules;
}

/// Each optimizer but plain gradient descent, with values that people use.
[[nodiscard]] inline std::vector<Optimizer> all_optimizers() {
  return {MomentumOptimizer{{0.9}}, NesterovOptimizer{{0.9}}, RmspropOptimizer{{0.99}}, AdamOptimizer{{0.9, 0.999}},
          ManhattanOptimizer{}};
}

/// Every law of initial weights with some values.
[[nodiscard]] inline std::vector<WeightLaw> all_weight_laws() {
  return {GaussianLaw{},
          GaussianScaledLaw{},
          NormalLaw{{}, {0.7}},
          UniformLaw{{}, {0.9}},
          GlorotNormalLaw{{{}, {1}}},
          GlorotUniformLaw{{{}, {1}}},
          HeNormalLaw{{{}, {1}}},
          HeUniformLaw{{{}, {1}}},
          ZeroLaw{},
          OrthogonalLaw{{}, {1.5}},
          SparseLaw{{}, {0.5, 1}},
          LowRankLaw{{}, {2, 0.5}},
          PositiveLaw{{}, {0.5}}};
}

/// Gives W(0) law i, and beta(0), b and biases other ones, so that no network is 0 throughout.
inline void mix_weight_laws(std::size_t i, TrainingSettings& training) {
  const std::vector<WeightLaw> laws = all_weight_laws();
  training.initial_weights = laws[i % laws.size()];
  training.initial_output = laws[(i + 1) % laws.size()];
  training.initial_feedback = laws[(i + 5) % laws.size()];
  training.initial_biases = laws[(i + 3) % laws.size()];
}

/// Metric `Metric` of a record at position `point` of its trajectory, all metrics recorded.
template <class Metric>
[[nodiscard]] double value_at(const RunRecord& record, std::size_t point) {
  return record.trajectory.at(static_cast<std::size_t>(Metrics::index_of<Metric>()) * record.points + point);
}

/// Bit for bit, so that a metric that does not apply (NaN) equals itself.
[[nodiscard]] inline bool are_same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

/// Both not numbers, or equal within `relative` of the larger plus `absolute`.
inline void expect_close(double a, double b, double relative, double absolute, const std::string& what) {
  if (std::isnan(a) && std::isnan(b)) {
    return;
  }
  EXPECT_LE(std::abs(a - b), relative * std::max(std::abs(a), std::abs(b)) + absolute)
      << what << ": " << a << " and " << b;
}

}  // namespace fasweep::testing
