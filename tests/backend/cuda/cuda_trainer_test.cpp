// The trainer on the emulated device against the CPU's, and what it does when devices are small, lost or missing.
#include "backend/cuda/cuda_trainer.hpp"

#include <map>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/training_case.hpp"
#include "backend/cpu/weight_space.hpp"
#include "backend/cuda/device_case.hpp"
#include "backend/cuda/device_plan.hpp"
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

class CudaTrainer : public testing::EmulatedDevice {};

std::vector<RunSpec> grid(const TrainingCase& c) {
  return testing::make_runs(c, {0.0, 0.1, 2.0});
}

TEST_F(CudaTrainer, FollowsTheCpuForAThousandSteps) {
  constexpr std::int64_t steps = testing::agreement_steps(1000);
  for (int activation = 0; activation < Activations::size; ++activation) {
    FloatCase c(activation, steps);
    c.data.test_samples = 3;
    c.record.steps = {0, 1, 2, steps / 10, steps / 3, steps};
    c.training.schedule = ExponentialSchedule{{0.999}};
    const Problem problem = c.problem();
    const std::vector<RunSpec> runs = grid(c);

    const std::vector<RunRecord> records = train(c, problem, runs);

    ASSERT_EQ(records.size(), runs.size());
    for (std::size_t run = 0; run < runs.size(); ++run) {
      const RunRecord expected = train_weight_space<double>(
          {problem, c.data, c.training, c.record, runs, Solver::weight_space, c.cancelled}, runs[run]);
      EXPECT_EQ(records[run].solver, Solver::sample_space);
      EXPECT_EQ(records[run].steps, steps);
      ASSERT_EQ(records[run].points, expected.points);
      for (std::size_t i = 0; i < expected.trajectory.size(); ++i) {
        // As for float32 on the CPU (FloatFollowsDouble), five times the steps: rounding of 6e-8 a step that a
        // contracting iteration damps, and losses that lose digits as they shrink.
        expect_close(records[run].trajectory[i], expected.trajectory[i], 5e-3, 2e-5,
                     std::string(Metrics::names[i / expected.points]) + " of run " + std::to_string(run));
      }
    }
  }
}

TEST_F(CudaTrainer, TrainsRichNetworksByTheirInitialStateAndLeavesOtherStepSizesOfWToTheCpu) {
  FloatCase c(Activations::index_of<Relu>(), 200);
  c.record.steps = {0, 10, 200};
  c.training.richness = 1;
  c.run.step_size = 1e-3;
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = grid(c);

  const std::vector<RunRecord> records = train(c, problem, runs);

  for (std::size_t run = 0; run < runs.size(); ++run) {
    const RunRecord expected = train_weight_space<double>(
        {problem, c.data, c.training, c.record, runs, Solver::weight_space, c.cancelled}, runs[run]);
    ASSERT_EQ(records[run].points, expected.points);
    for (std::size_t i = 0; i < expected.trajectory.size(); ++i) {
      // As above.
      expect_close(records[run].trajectory[i], expected.trajectory[i], 5e-3, 2e-5,
                   std::string(Metrics::names[i / expected.points]) + " of run " + std::to_string(run));
    }
  }
}

TEST_F(CudaTrainer, BeginsWithTheWeightsOfAnInitialState) {
  for (const Solver solver : {Solver::sample_space, Solver::weight_space}) {
    FloatCase c(Activations::index_of<Tanh>(), 100);
    c.record.steps = {0, 1, 100};
    c.run.width = 37;  // no whole block of units
    c.data.outputs = solver == Solver::weight_space ? 2 : 1;
    c.solver = solver;
    const Problem other = make_problem(c.data, {c.run.seed + 1, c.run.width, c.run.activation});
    const InitialState state{c.run.width,           c.data.inputs,       c.data.outputs,
                             other.hidden_weight(), other.output_weight, other.feedback};
    c.training.initial_state.path = "state.h5";
    const Problem problem =
        make_problem(c.data, {c.run.seed, c.run.width, c.run.activation}, c.training, nullptr, &state);
    const std::vector<RunSpec> runs{c.run};

    const std::vector<RunRecord> records = train(c, problem, runs);

    const RunRecord expected = train_weight_space<double>(
        {problem, c.data, c.training, c.record, runs, Solver::weight_space, c.cancelled}, c.run);
    EXPECT_EQ(records[0].solver, solver);
    ASSERT_EQ(records[0].points, expected.points);
    for (std::size_t i = 0; i < expected.trajectory.size(); ++i) {
      // As in FollowsTheCpuForAThousandSteps.
      expect_close(records[0].trajectory[i], expected.trajectory[i], 5e-3, 2e-5,
                   std::string(Metrics::names[i / expected.points]));
    }
  }
}

TEST_F(CudaTrainer, BatchesHaveTheBitsOfSingleRuns) {
  FloatCase c(Activations::index_of<Relu>(), 300);
  c.record.steps = {0, 7, 300};
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = grid(c);
  const std::vector<RunRecord> together = train(c, problem, runs);
  for (std::size_t run = 0; run < runs.size(); ++run) {
    expect_same(train(c, problem, {&runs[run], 1})[0], together[run]);
  }
}

TEST_F(CudaTrainer, StepSizesShareABatchAndSettingsDoNot) {
  FloatCase c(Activations::index_of<Tanh>(), 60);
  c.record.steps = {0, 7, 60};
  const Problem problem = c.problem();
  std::vector<RunSpec> runs = grid(c);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs[i].step_size = 0.01 * static_cast<double>(i + 1);
  }
  TrainingSettings shorter = c.training;
  shorter.schedule = CutoffSchedule{{5}};
  shorter.max_steps = 20;
  const RecordSettings fewer{{0, 3, 20}, c.record.metrics};
  const std::vector<TrainingRequest> requests{
      {problem, c.data, c.training, c.record, std::span(runs).first(4), c.solver, c.cancelled},
      {problem, c.data, shorter, fewer, std::span(runs).subspan(4), c.solver, c.cancelled}};
  const std::unique_ptr<Trainer> trainer = make_cuda_trainer(0, make_cpu_trainer());

  const std::vector<RunRecord> together = trainer->train_together(requests);

  ASSERT_EQ(together.size(), runs.size());
  for (std::size_t run = 0; run < runs.size(); ++run) {
    TrainingRequest alone = requests[run < 4 ? 0 : 1];
    alone.runs = {&runs[run], 1};
    EXPECT_EQ(together[run].steps, run < 4 ? 60 : 20);
    expect_same(trainer->train(alone)[0], together[run]);
  }
}

TEST_F(CudaTrainer, SeedsShareABatchAndKeepTheirBits) {
  FloatCase c(Activations::index_of<Tanh>(), 100);
  c.record.steps = {0, 7, 100};
  std::vector<Problem> problems;
  std::vector<std::vector<RunSpec>> runs;
  for (const std::int64_t seed : {3, 4, 5}) {
    problems.push_back(make_problem(c.data, {seed, 40, c.run.activation}));
    runs.push_back(testing::make_runs(c, {0.1}));  // which all together fit into a batch
    for (RunSpec& run : runs.back()) {
      run.run += 100 * seed;
      run.seed = seed;
    }
  }
  std::vector<RunRecord> alone;
  const std::int64_t before = emulation::launches();
  for (std::size_t i = 0; i < problems.size(); ++i) {
    for (RunRecord& record : train(c, problems[i], runs[i])) {
      alone.push_back(std::move(record));
    }
  }
  const std::int64_t launches_alone = emulation::launches() - before;
  const std::unique_ptr<Trainer> trainer = make_cuda_trainer(0, make_cpu_trainer());
  std::vector<TrainingRequest> requests;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    requests.push_back({problems[i], c.data, c.training, c.record, runs[i], c.solver, c.cancelled});
  }

  const std::vector<RunRecord> together = trainer->train_together(requests);

  EXPECT_EQ(3 * (emulation::launches() - before - launches_alone), launches_alone) << "one batch, not three";
  EXPECT_GE(trainer->problems_at_once(c.data, 40), 3);
  ASSERT_EQ(together.size(), alone.size());
  for (std::size_t run = 0; run < alone.size(); ++run) {
    expect_same(together[run], alone[run]);
  }
}

TEST_F(CudaTrainer, RunsThatStopInAChunkEndAtExactlyTheirStep) {
  // Sparse recording lets the device run ahead; recording every step does not. Nothing else may differ.
  for (const StopRule& stop : {StopRule(LossBelowStop{{0.5}}), StopRule(PlateauStop{{1e-2, 7}}),
                               StopRule(TimeStop{{2.345}}), StopRule(RidgeTimeStop{{0.1}})}) {
    FloatCase c(Activations::index_of<Tanh>(), 400);
    c.training.stop = stop;
    const Problem problem = c.problem();
    const std::vector<RunSpec> runs = grid(c);
    const std::vector<RunRecord> every = train(c, problem, runs);
    c.record.steps = {0, 400};
    const std::vector<RunRecord> sparse = train(c, problem, runs);
    bool some_stopped_early = false;
    for (std::size_t run = 0; run < runs.size(); ++run) {
      const RunRecord cpu = train_weight_space<float>(
          {problem, c.data, c.training, c.record, runs, Solver::weight_space, c.cancelled}, runs[run]);
      EXPECT_EQ(sparse[run].steps, every[run].steps);
      EXPECT_EQ(sparse[run].reason, every[run].reason);
      EXPECT_EQ(sparse[run].steps, cpu.steps) << "run " << run;
      EXPECT_EQ(sparse[run].reason, cpu.reason) << "run " << run;
      const auto final_loss = static_cast<std::size_t>(Metrics::index_of<LossMetric>());
      EXPECT_EQ(sparse[run].final_values[final_loss], every[run].final_values[final_loss]);
      some_stopped_early = some_stopped_early || sparse[run].steps < 400;
    }
    EXPECT_TRUE(some_stopped_early);
  }
}

TEST_F(CudaTrainer, DivergenceIsARecordAndLeavesTheOthersAlone) {
  FloatCase c(Activations::index_of<Linear>(), 200);
  c.record.steps = {0, 200};
  const Problem problem = c.problem();
  std::vector<RunSpec> runs = grid(c);
  const std::vector<RunRecord> alone = train(c, problem, {runs.data(), 1});
  runs[1].ridge = 1e6;  // 1 - eta lambda = -1e4

  const std::vector<RunRecord> records = train(c, problem, runs);

  EXPECT_EQ(records[1].status, RunStatus::diverged);
  EXPECT_LT(records[1].steps, 20);
  expect_same(records[0], alone[0]);
}

TEST_F(CudaTrainer, CancelledRunsReturnAtOnce) {
  FloatCase c(Activations::index_of<Relu>(), 1000000);
  c.record.steps = {0, 1000000};
  c.cancelled = true;
  const Problem problem = c.problem();
  const std::vector<RunRecord> records = train(c, problem, grid(c));
  for (const RunRecord& record : records) {
    EXPECT_EQ(record.status, RunStatus::cancelled);
    EXPECT_EQ(record.steps, 0);
  }
}

TEST_F(CudaTrainer, SavedRunsContinueBitForBitInWhateverBatch) {
  for (const Solver solver : {Solver::sample_space, Solver::weight_space}) {
    FloatCase c(Activations::index_of<Tanh>(), 300);
    c.solver = solver;
    c.record.steps = {0, 7, 130, 300};
    const Problem problem = c.problem();
    const std::vector<RunSpec> runs = grid(c);
    const std::vector<RunRecord> whole = train(c, problem, runs);
    const int count = static_cast<int>(runs.size());
    MemoryCheckpoints checkpoints(c.cancelled, 3 * count);  // cancelled at the start of the third chunk
    for (const RunRecord& record : train(c, problem, runs, &checkpoints)) {
      EXPECT_EQ(record.status, RunStatus::cancelled);
    }
    checkpoints.states.erase({runs[1].run, solver});  // one starts over, among others that do not
    c.cancelled = false;
    MemoryCheckpoints again(c.cancelled);
    again.states = checkpoints.states;

    const std::vector<RunRecord> continued = train(c, problem, runs, &again);

    ASSERT_EQ(continued.size(), whole.size());
    for (std::size_t run = 0; run < whole.size(); ++run) {
      expect_same(continued[run], whole[run]);
      EXPECT_EQ(continued[run].status, RunStatus::done);
    }
    EXPECT_EQ(again.told.size(), runs.size() - 1);
    EXPECT_THAT(again.told, ::testing::Each(::testing::HasSubstr("continues at step")));
  }
}

TEST_F(CudaTrainer, ForgedCheckpointsStartTheirBatchOver) {
  for (const Solver solver : {Solver::sample_space, Solver::weight_space}) {
    FloatCase c(Activations::index_of<Tanh>(), 15);
    c.solver = solver;
    c.record.steps = {0, 3, 8, 15};
    const Problem problem = c.problem();
    const std::vector<RunSpec> runs = grid(c);
    const std::vector<RunRecord> whole = train(c, problem, runs);
    MemoryCheckpoints saved(c.cancelled, 3 * static_cast<int>(runs.size()));
    static_cast<void>(train(c, problem, runs, &saved));
    Bytes& one = saved.states.at({runs[1].run, solver});
    std::vector<Bytes> forgeries = testing::forgeries_of(one, 15, 5);
    forgeries.push_back(testing::with_number(one, one.size() - sizeof(float), std::numeric_limits<float>::infinity()));
    forgeries.push_back(testing::with_number(one, testing::step_at + 8, std::numeric_limits<double>::quiet_NaN()));
    for (const Bytes& forged : forgeries) {
      c.cancelled = false;
      MemoryCheckpoints checkpoints(c.cancelled);
      checkpoints.states = saved.states;
      checkpoints.states[{runs[1].run, solver}] = forged;

      const std::vector<RunRecord> records = train(c, problem, runs, &checkpoints);

      for (std::size_t run = 0; run < whole.size(); ++run) {
        expect_same(records[run], whole[run]);
      }
      EXPECT_THAT(checkpoints.told, ::testing::Contains(::testing::HasSubstr("run 1 starts over: ")));
    }
  }
}

/// Keeps what it was told last of each run.
class LastNews final : public ProgressListener {
 public:
  void reached(std::int64_t run, double share, double restored) override { news[run] = {share, restored}; }
  std::map<std::int64_t, std::pair<double, double>> news;
};

TEST_F(CudaTrainer, TellsHowFarItsRunsCameAndWhatWasRestored) {
  FloatCase c(Activations::index_of<Tanh>(), 300);
  c.record.steps = {0, 300};
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = grid(c);
  const auto train_and_tell = [&](Checkpoints& checkpoints) {
    LastNews listener;
    static_cast<void>(
        make_cuda_trainer(0, make_cpu_trainer())
            ->train({problem, c.data, c.training, c.record, runs, c.solver, c.cancelled, &checkpoints, &listener}));
    return listener.news;
  };
  MemoryCheckpoints first(c.cancelled, 2 * static_cast<int>(runs.size()));  // cancelled at the second save
  const auto stopped = train_and_tell(first);
  for (const auto& [run, news] : stopped) {
    EXPECT_LT(news.first, 1);
  }
  c.cancelled = false;
  MemoryCheckpoints second(c.cancelled);
  second.states = first.states;

  const auto finished = train_and_tell(second);

  ASSERT_EQ(finished.size(), runs.size());
  for (const auto& [run, news] : finished) {
    EXPECT_EQ(news.first, 1);
    EXPECT_GT(news.second, 0);
    EXPECT_LT(news.second, 1);
  }
}

TEST_F(CudaTrainer, CheckpointsOfACpuAreNotMistakenForItsOwn) {
  FloatCase c(Activations::index_of<Tanh>(), 50);
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs{grid(c)[0]};
  const std::vector<RunRecord> whole = train(c, problem, runs);
  MemoryCheckpoints of_cpu(c.cancelled, 5);
  TrainingRequest request{problem, c.data, c.training, c.record, runs, c.solver, c.cancelled, &of_cpu};
  static_cast<void>(make_cpu_trainer()->train(request));
  ASSERT_EQ(of_cpu.states.size(), 1U);
  c.cancelled = false;
  MemoryCheckpoints checkpoints(c.cancelled);
  checkpoints.states = of_cpu.states;

  expect_same(train(c, problem, runs, &checkpoints)[0], whole[0]);

  EXPECT_THAT(checkpoints.told, ::testing::ElementsAre(::testing::HasSubstr("written by a CPU")));
  c.cancelled = true;
  MemoryCheckpoints of_device(c.cancelled, 0);
  static_cast<void>(train(c, problem, runs, &of_device));
  c.cancelled = false;
  MemoryCheckpoints on_cpu(c.cancelled);
  on_cpu.states = of_device.states;
  request.checkpoints = &on_cpu;
  EXPECT_EQ(make_cpu_trainer()->train(request)[0].steps, 50);
  EXPECT_THAT(on_cpu.told, ::testing::ElementsAre(::testing::HasSubstr("its checkpoint was written by a GPU")));
}

TEST_F(CudaTrainer, ABatchThatDoesNotFitIsSplit) {
  FloatCase c(Activations::index_of<Relu>(), 50);
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = grid(c);
  const std::vector<RunRecord> roomy = train(c, problem, runs);
  for (const int fitting : {4, 1}) {
    emulation::device_settings().memory_bytes = batch_bytes({12, 12, 40}, fitting, fitting) * 10 / 9 + 100;
    const std::vector<RunRecord> tight = train(c, problem, runs);
    for (std::size_t run = 0; run < runs.size(); ++run) {
      EXPECT_EQ(tight[run].solver, Solver::sample_space);
      expect_same(tight[run], roomy[run]);
    }
  }
}

TEST_F(CudaTrainer, WhatItCannotTrainGoesToTheOtherTrainer) {
  FloatCase c(Activations::index_of<Relu>(), 20);
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = grid(c);
  const std::int64_t before = emulation::launches();
  emulation::device_settings().memory_bytes = 1000;
  EXPECT_EQ(train(c, problem, runs)[5].steps, 20);
  emulation::device_settings() = {};
  c.training.precision = Precision::float64;
  EXPECT_EQ(train(c, problem, runs)[5].precision, Precision::float64);
  c.training.precision = Precision::float32;
  c.solver = Solver::weight_space;
  emulation::device_settings().has_products = false;
  EXPECT_EQ(train(c, problem, runs)[5].solver, Solver::weight_space);
  EXPECT_EQ(emulation::launches(), before);
}

TEST_F(CudaTrainer, ADeviceLostInMidBatchIsADeviceError) {
  FloatCase c(Activations::index_of<Relu>(), 500);
  c.record.steps = {0, 500};
  const Problem problem = c.problem();
  emulation::device_settings().launches_until_lost = emulation::launches() + 200;
  EXPECT_THROW(static_cast<void>(train(c, problem, grid(c))), DeviceError);
}

TEST_F(CudaTrainer, MissingDevicesAreCountedAndRefused) {
  emulation::device_settings().devices = 0;
  EXPECT_EQ(count_cuda_devices(), 0);
  EXPECT_THROW(static_cast<void>(make_cuda_trainer(0, make_cpu_trainer())), DeviceError);
}

TEST_F(CudaTrainer, TheSecondOfTwoDevicesIsSelected) {
  emulation::device_settings().devices = 2;
  const std::unique_ptr<Trainer> trainer = make_cuda_trainer(1, make_cpu_trainer());
  EXPECT_EQ(emulation::selected_device(), 1);
}

}  // namespace
}  // namespace fasweep
