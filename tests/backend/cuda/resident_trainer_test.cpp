// The trainer with fast arithmetic on an emulated device that has tensor cores: runs that stay on chip against the
// CPU's, and what happens when they stop, are interrupted, do not fit or lose their device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/training_case.hpp"
#include "backend/cpu/weight_space.hpp"
#include "backend/cuda/cuda_trainer.hpp"
#include "backend/cuda/device_case.hpp"
#include "backend/cuda/resident_plan.hpp"
#include "backend/cuda/resident_start.hpp"
#include "model/activation/list.hpp"
#include "model/metric/list.hpp"
#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"
#include "support/agreement_steps.hpp"
#include "support/forged_checkpoints.hpp"
#include "support/memory_checkpoints.hpp"

namespace fasweep {
namespace {

using testing::expect_close;
using testing::expect_same;
using testing::FloatCase;
using testing::MemoryCheckpoints;
using testing::train;
using testing::TrainingCase;

class ResidentTrainer : public testing::EmulatedDevice {
 protected:
  ResidentTrainer() { emulation::device_settings().compute_capability = 90; }
};

struct WideCase : FloatCase {  // K is well conditioned
  WideCase(int activation, std::int64_t steps) : FloatCase(activation, steps, 19) {}
};

std::vector<RunSpec> grid(const TrainingCase& c) {
  return testing::make_runs(c, {0.0, 2.0});
}

RunRecord train_exactly(TrainingCase& c, const Problem& problem, const RunSpec& run) {
  return train_weight_space<double>(
      {problem, c.data, c.training, c.record, {&run, 1}, Solver::weight_space, c.cancelled}, run);
}

TEST_F(ResidentTrainer, FollowsFloat64InEveryMetric) {
  for (int activation = 0; activation < Activations::size; ++activation) {
    WideCase c(activation, 150);
    c.data.test_samples = 3;
    c.record.steps = {0, 1, 2, 5, 10, 100, 150};
    c.training.schedule = ExponentialSchedule{{0.999}};
    const Problem problem = c.problem();
    const std::vector<RunSpec> runs = grid(c);

    const std::vector<RunRecord> records = train(c, problem, runs);

    ASSERT_EQ(records.size(), runs.size());
    for (std::size_t run = 0; run < runs.size(); ++run) {
      const RunRecord expected = train_exactly(c, problem, runs[run]);
      EXPECT_EQ(records[run].solver, Solver::sample_space);
      EXPECT_EQ(records[run].steps, 150);
      EXPECT_EQ(records[run].reason, StopReason::max_steps);
      ASSERT_EQ(records[run].points, expected.points);
      for (std::size_t i = 0; i < expected.trajectory.size(); ++i) {
        // As for the exact kernels, cuda_trainer_test.cpp.
        expect_close(records[run].trajectory[i], expected.trajectory[i], 5e-3, 2e-5,
                     std::string(Metrics::names[i / expected.points]) + " of run " + std::to_string(run));
      }
    }
  }
}

TEST_F(ResidentTrainer, FollowsFloat64OverAThousandSteps) {
  constexpr std::int64_t steps = testing::agreement_steps(1000);
  WideCase c(Activations::index_of<Relu>(), steps);
  c.record.steps = {0, 10, steps};
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs{grid(c)[1]};  // with a ridge: without one the gradient ends as rounding noise
  const RunRecord ours = train(c, problem, runs)[0];
  const RunRecord expected = train_exactly(c, problem, runs[0]);
  for (std::size_t i = 0; i < expected.trajectory.size(); ++i) {
    expect_close(ours.trajectory[i], expected.trajectory[i], 5e-3, 2e-5,
                 std::string(Metrics::names[i / expected.points]));
  }
}

TEST_F(ResidentTrainer, BatchesOfSeveralProblemsHaveTheBitsOfSingleRuns) {
  WideCase c(Activations::index_of<Tanh>(), 30);  // which all end in one launch
  c.record.steps = {0, 7, 30};
  std::vector<Problem> problems;
  std::vector<std::vector<RunSpec>> runs;
  for (const std::int64_t seed : {3, 4}) {
    problems.push_back(make_problem(c.data, {seed, 40, c.run.activation}));
    runs.push_back(grid(c));
    runs.back().resize(4);  // which all together fit into a batch
    for (RunSpec& run : runs.back()) {
      run.run += 100 * seed;
      run.seed = seed;
      run.step_size = 0.01 * static_cast<double>(seed);
    }
  }
  std::vector<TrainingRequest> requests;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    requests.push_back({problems[i], c.data, c.training, c.record, runs[i], c.solver, c.cancelled});
  }
  const std::int64_t before = emulation::launches();

  const std::vector<RunRecord> together = make_cuda_trainer(0, make_cpu_trainer())->train_together(requests);

  EXPECT_EQ(emulation::launches() - before, 1) << "one launch for all of them";
  for (std::size_t i = 0; i < problems.size(); ++i) {
    for (std::size_t run = 0; run < runs[i].size(); ++run) {
      expect_same(train(c, problems[i], {&runs[i][run], 1})[0], together[i * runs[0].size() + run]);
    }
  }
}

TEST_F(ResidentTrainer, RunsEndAtExactlyTheirStep) {
  for (const StopRule& stop : {StopRule(LossBelowStop{{0.5}}), StopRule(PlateauStop{{1e-2, 7}}),
                               StopRule(TimeStop{{2.345}}), StopRule(RidgeTimeStop{{0.1}})}) {
    WideCase c(Activations::index_of<Tanh>(), 300);
    c.training.stop = stop;
    c.record.steps = {0, 300};
    const Problem problem = c.problem();
    const std::vector<RunSpec> runs = grid(c);
    const std::vector<RunRecord> records = train(c, problem, runs);
    bool some_stopped_early = false;
    for (std::size_t run = 0; run < runs.size(); ++run) {
      const RunRecord expected = train_exactly(c, problem, runs[run]);
      EXPECT_EQ(records[run].steps, expected.steps) << "run " << run;
      EXPECT_EQ(records[run].reason, expected.reason) << "run " << run;
      EXPECT_EQ(records[run].points, expected.points);
      for (std::size_t metric = 0; metric < expected.final_values.size(); ++metric) {
        expect_close(records[run].final_values[metric], expected.final_values[metric], 5e-3, 2e-5,
                     std::string(Metrics::names[metric]));
      }
      some_stopped_early = some_stopped_early || records[run].steps < 300;
    }
    EXPECT_TRUE(some_stopped_early);
  }
}

TEST_F(ResidentTrainer, DivergenceIsARecordAndLeavesTheOthersAlone) {
  WideCase c(Activations::index_of<Relu>(), 100);
  c.record.steps = {0, 100};
  const Problem problem = c.problem();
  std::vector<RunSpec> runs = grid(c);
  const RunRecord alone = train(c, problem, {runs.data(), 1})[0];
  runs[1].ridge = 1e6;  // 1 - eta lambda = -1e4

  const std::vector<RunRecord> records = train(c, problem, runs);

  EXPECT_EQ(records[1].status, RunStatus::diverged);
  EXPECT_LT(records[1].steps, 20);
  expect_same(records[0], alone);
}

TEST_F(ResidentTrainer, SavedRunsContinueBitForBit) {
  WideCase c(Activations::index_of<Tanh>(), 700);  // more than the first launch makes
  c.record.steps = {0, 7, 130, 700};
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = grid(c);
  const std::vector<RunRecord> whole = train(c, problem, runs);
  MemoryCheckpoints checkpoints(c.cancelled, 1);
  for (const RunRecord& record : train(c, problem, runs, &checkpoints)) {
    EXPECT_EQ(record.status, RunStatus::cancelled);
  }
  ASSERT_FALSE(checkpoints.states.empty());
  checkpoints.states.erase({runs[1].run, Solver::sample_space});  // one starts over, among others that do not
  c.cancelled = false;
  MemoryCheckpoints again(c.cancelled);
  again.states = checkpoints.states;

  const std::vector<RunRecord> continued = train(c, problem, runs, &again);

  for (std::size_t run = 0; run < whole.size(); ++run) {
    expect_same(continued[run], whole[run]);
    EXPECT_EQ(continued[run].status, RunStatus::done);
  }
  EXPECT_EQ(again.told.size(), checkpoints.states.size());
  EXPECT_THAT(again.told, ::testing::Each(::testing::HasSubstr("continues at step")));
}

TEST_F(ResidentTrainer, ForgedCheckpointsStartTheirBatchOver) {
  WideCase c(Activations::index_of<Tanh>(), 300);
  c.record.steps = {0, 7, 260, 300};
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs{grid(c)[0]};
  const RunRecord whole = train(c, problem, runs)[0];
  MemoryCheckpoints saved(c.cancelled, 1);
  static_cast<void>(train(c, problem, runs, &saved));
  ASSERT_EQ(saved.states.size(), 1U);
  const Bytes& one = saved.states.begin()->second;
  std::vector<Bytes> forgeries = testing::forgeries_of(one, 300, 299);
  forgeries.push_back(testing::with_number(one, one.size() - sizeof(float), std::numeric_limits<float>::infinity()));
  const std::size_t state_at = one.size() - sizeof(float) * static_cast<std::size_t>(12 + 1) * 40 - 28;
  forgeries.push_back(testing::with_number(one, state_at, std::int64_t{5}));        // step
  forgeries.push_back(testing::with_number(one, state_at + 24, std::int32_t{-9}));  // observations
  forgeries.push_back(testing::with_number(one, state_at + 24, std::int32_t{9}));
  for (const Bytes& forged : forgeries) {
    c.cancelled = false;
    MemoryCheckpoints checkpoints(c.cancelled);
    checkpoints.states[saved.states.begin()->first] = forged;

    expect_same(train(c, problem, runs, &checkpoints)[0], whole);

    EXPECT_THAT(checkpoints.told, ::testing::ElementsAre(::testing::HasSubstr("starts over: ")));
  }
}

TEST_F(ResidentTrainer, SavedRunsContinueOnADeviceThatLaysThemOutOtherwise) {
  WideCase c(Activations::index_of<Tanh>(), 700);
  c.record.steps = {0, 130, 700};
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = grid(c);
  const std::vector<RunRecord> whole = train(c, problem, runs);
  MemoryCheckpoints checkpoints(c.cancelled, 1);
  static_cast<void>(train(c, problem, runs, &checkpoints));
  c.cancelled = false;
  MemoryCheckpoints again(c.cancelled);
  again.states = checkpoints.states;
  emulation::DeviceSettings& device = emulation::device_settings();
  const int before =
      measure_resident({12, 12, 40}, device.shared_bytes_a_block, device.compute_capability)->column_tiles;
  device.shared_bytes_a_block = 20 * 1024;
  device.compute_capability = 80;  // no clusters: a run that one block has no room for
  ASSERT_NE(measure_resident({12, 12, 40}, device.shared_bytes_a_block, device.compute_capability)->column_tiles,
            before);

  const std::vector<RunRecord> continued = train(c, problem, runs, &again);

  EXPECT_EQ(again.told.size(), checkpoints.states.size());
  EXPECT_THAT(again.told, ::testing::Each(::testing::HasSubstr("continues at step")));
  for (std::size_t run = 0; run < whole.size(); ++run) {
    for (std::size_t i = 0; i < whole[run].trajectory.size(); ++i) {
      expect_close(continued[run].trajectory[i], whole[run].trajectory[i], 5e-3, 2e-5, "value " + std::to_string(i));
    }
  }
}

TEST_F(ResidentTrainer, CheckpointsOfOtherKernelsAreNotMistakenForItsOwn) {
  WideCase c(Activations::index_of<Tanh>(), 300);
  c.record.steps = {0, 300};
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs{grid(c)[0]};
  const RunRecord whole = train(c, problem, runs)[0];
  MemoryCheckpoints exact(c.cancelled, 1);
  static_cast<void>(train(c, problem, runs, &exact, GpuArithmetic::exact));
  ASSERT_EQ(exact.states.size(), 1U);
  c.cancelled = false;
  MemoryCheckpoints checkpoints(c.cancelled);
  checkpoints.states = exact.states;

  expect_same(train(c, problem, runs, &checkpoints)[0], whole);

  EXPECT_THAT(checkpoints.told, ::testing::ElementsAre(::testing::HasSubstr("continue with --gpu-arithmetic exact")));
}

TEST_F(ResidentTrainer, ABatchThatDoesNotFitIsSplit) {
  WideCase c(Activations::index_of<Relu>(), 30);
  c.record.steps = {0, 30};
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = grid(c);
  const std::vector<RunRecord> roomy = train(c, problem, runs);
  const ResidentBatch sizes = *measure_resident({12, 12, 40}, emulation::device_settings().shared_bytes_a_block, 90);
  emulation::device_settings().memory_bytes = resident_bytes(sizes, c.training, 2, 2, 2) * 10 / 9 + 100;
  const std::int64_t before = emulation::launches();

  const std::vector<RunRecord> tight = train(c, problem, runs);

  EXPECT_GT(emulation::launches() - before, 1);
  for (std::size_t run = 0; run < runs.size(); ++run) {
    expect_same(tight[run], roomy[run]);
  }
}

TEST_F(ResidentTrainer, BadlyConditionedInputsKeepTheExactKernelsWhereTheChangeOfWIsRecorded) {
  WideCase c(Activations::index_of<Relu>(), 10);
  c.record.steps = {0, 10};
  Problem problem = c.problem();
  const auto inputs = static_cast<std::ptrdiff_t>(problem.inputs);
  std::copy_n(problem.x.begin(), inputs, problem.x.begin() + inputs);  // two samples that are next to the same
  problem.x[static_cast<std::size_t>(inputs)] += 1e-3;
  ASSERT_GT(gram_condition(problem), worst_resident_condition);
  const std::vector<RunSpec> runs{grid(c)[0]};
  const RunRecord exact = train(c, problem, runs, nullptr, GpuArithmetic::exact)[0];
  expect_same(train(c, problem, runs)[0], exact);
  c.record.metrics = {Metrics::index_of<LossMetric>()};
  const std::int64_t before = emulation::launches();
  static_cast<void>(train(c, problem, runs));
  EXPECT_EQ(emulation::launches() - before, 1) << "on chip";
}

TEST_F(ResidentTrainer, ADeviceLostBetweenLaunchesIsADeviceError) {
  WideCase c(Activations::index_of<Relu>(), 600);
  c.record.steps = {0, 600};
  const Problem problem = c.problem();
  emulation::device_settings().launches_until_lost = emulation::launches() + 1;
  EXPECT_THROW(static_cast<void>(train(c, problem, grid(c))), DeviceError);
}

}  // namespace
}  // namespace fasweep
