// What tests of trainers on the emulated device share.
#pragma once

#include <cmath>
#include <initializer_list>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/training_case.hpp"
#include "backend/cuda/cuda_trainer.hpp"
#include "backend/cuda/tested_rules.hpp"
#include "support/device_emulated.hpp"
#include "train/record.hpp"

namespace fasweep::testing {

/// The emulated device as tests find it, and as they leave it.
class EmulatedDevice : public ::testing::Test {
 protected:
  ~EmulatedDevice() override {
    emulation::device_settings() = {};
    EXPECT_EQ(emulation::allocated_bytes(), 0U) << "device memory is given back";
  }
};

/// 12 samples and 40 units in float32, in sample space.
struct FloatCase : TrainingCase {
  FloatCase(int activation, std::int64_t steps, int inputs = 9) : TrainingCase(12, inputs, 40, activation, 0, steps) {
    training.precision = Precision::float32;
    solver = Solver::sample_space;
  }
};

/// Runs of the case's problem: the tested rules that devices take, with each ridge.
inline std::vector<RunSpec> make_runs(const TrainingCase& c, std::initializer_list<double> ridges) {
  std::vector<RunSpec> runs;
  for (const int rule : tested_rules) {
    for (const double ridge : ridges) {
      RunSpec run = c.run;
      run.run = static_cast<std::int64_t>(runs.size());
      run.rule = rule;
      run.ridge = ridge;
      runs.push_back(run);
    }
  }
  return runs;
}

/// By the trainer of device 0, which leaves to the CPU's what it does not take.
inline std::vector<RunRecord> train(TrainingCase& c, const Problem& problem, std::span<const RunSpec> runs,
                                    Checkpoints* checkpoints = nullptr,
                                    GpuArithmetic arithmetic = GpuArithmetic::fast) {
  return make_cuda_trainer(0, make_cpu_trainer(), arithmetic)
      ->train({problem, c.data, c.training, c.record, runs, c.solver, c.cancelled, checkpoints});
}

/// All that must not differ: everything but times.
inline void expect_same(const RunRecord& a, const RunRecord& b) {
  EXPECT_EQ(a.run, b.run);
  EXPECT_EQ(a.steps, b.steps);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.points, b.points);
  ASSERT_EQ(a.trajectory.size(), b.trajectory.size());
  for (std::size_t i = 0; i < a.trajectory.size(); ++i) {
    EXPECT_TRUE(a.trajectory[i] == b.trajectory[i] || (std::isnan(a.trajectory[i]) && std::isnan(b.trajectory[i])))
        << "value " << i << ": " << a.trajectory[i] << " and " << b.trajectory[i];
  }
}

}  // namespace fasweep::testing
