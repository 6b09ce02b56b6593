// Networks of every kind in weight space on the emulated device against the CPU's solver in float64, which has oracles
// of its own, and what must not change a bit.
#include "backend/cuda/weight_space_runs.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/training_case.hpp"
#include "backend/cpu/weight_space.hpp"
#include "backend/cuda/cuda_trainer.hpp"
#include "backend/cuda/device_case.hpp"
#include "backend/cuda/network_case.hpp"
#include "backend/cuda/pixel_case.hpp"
#include "model/activation/list.hpp"
#include "model/initial/list.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"
#include "support/agreement_steps.hpp"
#include "support/cuda_emulation.hpp"
#include "support/memory_checkpoints.hpp"

namespace fasweep {
namespace {

using testing::expect_close;
using testing::expect_same;
using testing::MemoryCheckpoints;
using testing::NetworkCase;
using testing::PixelSet;

class WeightSpaceRuns : public testing::EmulatedDevice {
 protected:
  ~WeightSpaceRuns() override { emulation::order_seed() = 0; }
};

std::vector<RunRecord> train(const NetworkCase& c, const Problem& problem, std::span<const RunSpec> runs,
                             GpuArithmetic arithmetic = GpuArithmetic::fast, Checkpoints* checkpoints = nullptr) {
  TrainingRequest request = c.request_for(problem, runs);
  request.checkpoints = checkpoints;
  return make_cuda_trainer(0, make_cpu_trainer(), arithmetic)->train(request);
}

struct Setting {
  std::string name;
  std::function<void(NetworkCase&)> change;
};

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all{
      {"cross entropy in full batch", [](NetworkCase&) {}},
      {"squared loss", [](NetworkCase& c) { c.training.loss = LossFunction::squared; }},
      {"mean of the losses", [](NetworkCase& c) { c.training.reduction = Reduction::mean; }},
      {"minibatches that do not divide the samples", [](NetworkCase& c) { c.training.batch_size = 5; }},
      {"minibatches of one", [](NetworkCase& c) { c.training.batch_size = 1; }},
      {"dropout", [](NetworkCase& c) { c.training.dropout = 0.4; }},
      {"dropout in minibatches",
       [](NetworkCase& c) {
         c.training.dropout = 0.25;
         c.training.batch_size = 4;
       }},
      {"biases", [](NetworkCase& c) { c.training.biases = true; }},
      {"other laws of weights and biases",
       [](NetworkCase& c) {
         c.training.initial_weights = OrthogonalLaw{{}, {2}};
         c.training.initial_output = GlorotUniformLaw{{{}, {1}}};
         c.training.initial_feedback = SparseLaw{{}, {0.3, 1}};
         c.training.biases = true;
         c.training.initial_biases = NormalLaw{{}, {0.5}};
       }},
      {"decay of all weights", [](NetworkCase& c) { c.training.decay = Decay::all; }},
      {"outputs without scale",
       [](NetworkCase& c) {
         c.training.output_scale = OutputScale::one;
         c.run.step_size = 0.01;
       }},
      {"everything at once",
       [](NetworkCase& c) {
         c.training.batch_size = 6;
         c.training.dropout = 0.3;
         c.training.biases = true;
         c.training.decay = Decay::all;
         c.training.reduction = Reduction::mean;
         c.training.schedule = ExponentialSchedule{{0.9}};
         c.training.initial_weights = GaussianScaledLaw{};
       }},
      {"no test samples", [](NetworkCase& c) { c.data.test_samples = 0; }},
      {"one output, regression",
       [](NetworkCase& c) {
         c.data.outputs = 1;
         c.data.targets = Targets::numbers;
         c.training.loss = LossFunction::squared;
       }},
      {"wider than a block of threads, and odd",
       [](NetworkCase& c) {
         c.run.width = 387;
         c.training.dropout = 0.1;
         c.training.max_steps = 4;
         c.record.steps = {0, 1, 2, 3, 4};
       }},
      {"more samples than a block of threads",
       [](NetworkCase& c) {
         c.data.samples = 300;
         c.data.test_samples = 131;
         c.training.reduction = Reduction::mean;
         c.training.max_steps = 4;
         c.record.steps = {0, 1, 2, 3, 4};
       }},
  };
  return all;
}

/// Of a value, and beside it.
struct Tolerance {
  double relative = 0;
  double absolute = 0;
};

// float32's rounding of 6e-8 in sums of some hundred terms, over a dozen steps that may double it each; angles of
// nearly equal gradients lose half the digits.
constexpr Tolerance of_a_dozen_steps{1e-3, 2e-4};

/// Holds records to those of the CPU in float64.
void expect_records_of_cpu(const NetworkCase& c, const Problem& problem, std::span<const RunSpec> runs,
                           std::span<const RunRecord> records, const Tolerance& tolerance = of_a_dozen_steps) {
  ASSERT_EQ(records.size(), runs.size());
  for (std::size_t run = 0; run < runs.size(); ++run) {
    const RunRecord expected = train_weight_space<double>(c.request_for(problem, runs), runs[run]);
    EXPECT_EQ(records[run].solver, Solver::weight_space);
    EXPECT_EQ(records[run].steps, expected.steps);
    ASSERT_EQ(records[run].trajectory.size(), expected.trajectory.size());
    for (std::size_t i = 0; i < expected.trajectory.size(); ++i) {
      expect_close(records[run].trajectory[i], expected.trajectory[i], tolerance.relative, tolerance.absolute,
                   std::string(Metrics::names[i / expected.points]) + " of run " + std::to_string(run) + " at point " +
                       std::to_string(i % expected.points));
    }
  }
}

TEST_F(WeightSpaceRuns, FollowTheCpuInEverySetting) {
  std::vector<int> trained;
  for (int activation = 0; activation < Activations::size; ++activation) {
    if (!derivative_needs_input(activation)) {
      trained.push_back(activation);
    }
  }
  for (std::size_t i = 0; i < settings().size(); ++i) {
    const Setting& setting = settings()[i];
    for (const int activation : trained) {
      if (setting.name != "everything at once" && activation != trained[i % trained.size()]) {
        continue;  // one after the other: each takes a second under the address sanitizer
      }
      SCOPED_TRACE(setting.name + ", " + std::string(Activations::names[static_cast<std::size_t>(activation)]));
      NetworkCase c(activation);
      setting.change(c);
      if (activation == Activations::index_of<Linear>() || activation == Activations::index_of<Relu>()) {
        c.run.step_size = 0.01;  // unbounded units diverge at 0.1
      }
      Problem problem = c.problem();
      if (c.data.targets == Targets::numbers) {
        problem = make_problem(c.data, {7, c.run.width, activation}, c.training);
      }
      const std::int64_t before = emulation::launches();

      const std::vector<RunRecord> records = train(c, problem, c.runs());

      EXPECT_GT(emulation::launches(), before) << "trained on the device";
      expect_records_of_cpu(c, problem, c.runs(), records);
    }
  }
}

TEST_F(WeightSpaceRuns, OfPixelsFollowTheCpuInEverySetting) {
  int number = 0;
  for (const Setting& setting : settings()) {
    const std::array activations{Activations::index_of<Tanh>(), Activations::index_of<Relu>(),
                                 Activations::index_of<Sigmoid>(), Activations::index_of<Softplus>()};
    const int activation = activations[static_cast<std::size_t>(number++) % activations.size()];
    SCOPED_TRACE(setting.name + ", " + std::string(Activations::names[static_cast<std::size_t>(activation)]));
    NetworkCase c(activation);
    c.data.inputs = 6 + 31 * (number % 2);
    setting.change(c);
    if (c.data.targets == Targets::numbers) {
      continue;  // sets of pixels have classes here
    }
    c.run.step_size = activation == Activations::index_of<Relu>() ? 0.01 : c.run.step_size;
    c.data.source = DataSource::csv;
    const PixelSet pixels(c.problem());
    for (const GpuArithmetic arithmetic : {GpuArithmetic::fast, GpuArithmetic::exact}) {
      const std::int64_t before = emulation::half_products();

      const std::vector<RunRecord> records = train(c, pixels.problem, c.runs(), arithmetic);

      EXPECT_EQ(emulation::half_products() > before, arithmetic == GpuArithmetic::fast);
      expect_records_of_cpu(c, pixels.problem, c.runs(), records);
    }
  }
}

/// Networks of pixels in minibatches, with all that may change W and the signals.
struct PixelCase : NetworkCase {
  explicit PixelCase(std::int64_t steps = 12, int activation = Activations::index_of<Tanh>())
      : NetworkCase(activation, steps) {
    data.source = DataSource::csv;
    data.inputs = 37;
    training.batch_size = 5;
    training.dropout = 0.3;
    training.biases = true;
    training.decay = Decay::all;
  }
};

TEST_F(WeightSpaceRuns, OfPixelsFollowTheCpuForAThousandSteps) {
  for (const int activation : {Activations::index_of<Tanh>(), Activations::index_of<Relu>()}) {
    SCOPED_TRACE(Activations::names[static_cast<std::size_t>(activation)]);
    constexpr std::int64_t steps = testing::agreement_steps(1000);
    PixelCase c(steps, activation);
    c.run.step_size = 0.01;
    c.record.steps = {0, 10, steps / 3, steps};
    const PixelSet pixels(c.problem());
    const std::vector<RunSpec> all = c.runs();
    const auto backprop = std::find_if(all.rbegin(), all.rend(),
                                       [](const RunSpec& run) { return run.rule == Rules::index_of<Backprop>(); });
    const std::vector<RunSpec> runs{all.front(), *backprop};  // a rule without, and another with ridge
    const std::int64_t before = emulation::half_products();

    const std::vector<RunRecord> records = train(c, pixels.problem, runs);

    EXPECT_GT(emulation::half_products() - before, steps);
    // float32 rounds 6e-8 away in each step, which is 2e-6 after a thousand if signs are random: ten times that.
    // Cosines of small gradients are held to 5e-5; a low half left out of the signals alone changes more.
    expect_records_of_cpu(c, pixels.problem, runs, records, {2e-5, 5e-5});
  }
}

/// Two seeds on the same pixels, which see other minibatches.
struct TwoSeeds {
  PixelCase c;
  PixelSet pixels{c.problem()};
  Problem other;
  std::vector<RunSpec> runs = c.runs();
  std::vector<RunSpec> other_runs = c.runs(8);

  explicit TwoSeeds(std::int64_t steps = 12)
      : c(steps), other(make_problem(c.data, {8, c.run.width, c.run.activation}, c.training, &pixels.set)) {}

  /// Records of both, the first seed's first.
  [[nodiscard]] std::vector<RunRecord> train_together(Checkpoints* checkpoints = nullptr) const {
    std::vector<TrainingRequest> requests{c.request_for(pixels.problem, runs), c.request_for(other, other_runs)};
    for (TrainingRequest& request : requests) {
      request.checkpoints = checkpoints;
    }
    return make_cuda_trainer(0, make_cpu_trainer())->train_together(requests);
  }
  [[nodiscard]] RunRecord train_alone(std::size_t run, Checkpoints* checkpoints = nullptr) const {
    const bool is_first = run < runs.size();
    const RunSpec& spec = is_first ? runs[run] : other_runs[run - runs.size()];
    return train(c, is_first ? pixels.problem : other, {&spec, 1}, GpuArithmetic::fast, checkpoints)[0];
  }
};

TEST_F(WeightSpaceRuns, OfPixelsHaveTheirBitsAloneAndInEveryBatch) {
  const TwoSeeds of;
  const std::int64_t before = emulation::half_products();
  const std::vector<RunRecord> together = of.train_together();
  EXPECT_GT(emulation::half_products(), before);
  ASSERT_EQ(together.size(), of.runs.size() + of.other_runs.size());
  for (std::size_t run = 0; run < together.size(); ++run) {
    SCOPED_TRACE(run);
    emulation::order_seed() = run;
    expect_same(of.train_alone(run), together[run]);
  }
}

TEST_F(WeightSpaceRuns, OfPixelsContinueWithTheSameBitsInWhateverBatch) {
  TwoSeeds of(40);
  of.c.record.steps = {0, 3, 20, 30, 40};
  const std::vector<RunRecord> whole = of.train_together();
  MemoryCheckpoints checkpoints(of.c.cancelled, 3 * static_cast<int>(whole.size()));  // of the third chunk
  for (const RunRecord& record : of.train_together(&checkpoints)) {
    EXPECT_EQ(record.status, RunStatus::cancelled);
  }
  of.c.cancelled = false;
  ASSERT_EQ(checkpoints.states.size(), whole.size());
  MemoryCheckpoints some(of.c.cancelled);
  some.states = checkpoints.states;
  some.states.erase({of.runs[1].run, Solver::weight_space});  // starts over, and leaves the others a smaller batch

  const std::vector<RunRecord> continued = of.train_together(&some);

  EXPECT_EQ(some.told.size(), whole.size() - 1);
  EXPECT_THAT(some.told, ::testing::Each(::testing::HasSubstr("continues at step")));
  for (std::size_t run = 0; run < whole.size(); ++run) {
    SCOPED_TRACE(run);
    expect_same(continued[run], whole[run]);
  }
  const std::size_t last = whole.size() - 1;
  MemoryCheckpoints alone(of.c.cancelled);
  alone.states = checkpoints.states;
  expect_same(of.train_alone(last, &alone), whole[last]);
  EXPECT_THAT(alone.told, ::testing::ElementsAre(::testing::HasSubstr("continues at step")));
}

TEST_F(WeightSpaceRuns, CheckpointsOfOtherKernelsAreNotMistakenForThoseOfPixels) {
  using Arithmetic = GpuArithmetic;
  for (const auto& [saving, going_on] :
       {std::pair(Arithmetic::fast, Arithmetic::exact), {Arithmetic::exact, Arithmetic::fast}}) {
    PixelCase c(20);
    c.record.steps = {0, 10, 20};
    const PixelSet pixels(c.problem());
    const std::vector<RunSpec> runs{c.runs()[1]};
    const RunRecord whole = train(c, pixels.problem, runs, going_on)[0];
    MemoryCheckpoints saved(c.cancelled, 2);
    static_cast<void>(train(c, pixels.problem, runs, saving, &saved));
    ASSERT_EQ(saved.states.size(), 1U);
    c.cancelled = false;
    MemoryCheckpoints checkpoints(c.cancelled);
    checkpoints.states = saved.states;

    expect_same(train(c, pixels.problem, runs, going_on, &checkpoints)[0], whole);

    const std::string option = saving == Arithmetic::fast ? "fast" : "exact";
    EXPECT_THAT(checkpoints.told,
                ::testing::ElementsAre(::testing::HasSubstr("continue with --gpu-arithmetic " + option)));
  }
}

TEST_F(WeightSpaceRuns, PixelsThatDoNotFitAreTrainedInSmallerBatchesAndInTheEndByTheCpu) {
  const TwoSeeds of;
  const std::vector<RunRecord> roomy = of.train_together();
  const WeightSpaceShape shape =
      weight_space_shape(of.c.data, of.c.training, of.c.record.metrics, of.c.run.width, true);
  const std::size_t set = dataset_bytes(shape);
  const auto room_for = [&](int runs) {
    constexpr std::size_t library = std::size_t{40} << 20U;
    return set + (measure(shape, runs, runs).bytes() + library) * 10 / 9 + 10;
  };
  std::int64_t products = 0;
  for (const int fitting : {8, 5, 3, 1}) {
    SCOPED_TRACE(fitting);
    emulation::device_settings().memory_bytes = room_for(fitting);
    const std::int64_t before = emulation::half_products();

    const std::vector<RunRecord> records = of.train_together();

    EXPECT_GT(emulation::half_products() - before, products) << "in more batches";
    products = emulation::half_products() - before;
    for (std::size_t run = 0; run < roomy.size(); ++run) {
      expect_same(records[run], roomy[run]);
    }
  }
  const std::vector<RunRecord> of_cpu = make_cpu_trainer()->train(of.c.request_for(of.pixels.problem, of.runs));
  for (const std::size_t bytes : {room_for(1) - 20, set + 1000, set, set - 1, std::size_t{0}}) {
    SCOPED_TRACE(bytes);
    emulation::device_settings().memory_bytes = bytes;
    const std::int64_t before = emulation::half_products();

    const std::vector<RunRecord> records = of.train_together();

    EXPECT_EQ(emulation::half_products(), before);
    for (std::size_t run = 0; run < of.runs.size(); ++run) {
      expect_same(records[run], of_cpu[run]);
    }
  }
}

/// The problem with its data as a set whose raw zeros are where x is small.
struct SetCase {
  Dataset set;
  Problem problem;

  explicit SetCase(const Problem& teacher) : problem(teacher) {
    set.samples = teacher.samples;
    set.test_samples = teacher.test_samples;
    set.inputs = teacher.inputs;
    set.outputs = teacher.outputs;
    set.is_classes = true;
    set.y = teacher.y;
    GrowingRows rows;
    std::vector<double> scale;
    std::vector<double> shift;
    for (int j = 0; j < teacher.inputs; ++j) {
      scale.push_back(0.5 + j);
      shift.push_back(0.1 * j);
    }
    for (std::size_t i = 0; i < teacher.x.size(); ++i) {
      const auto j = static_cast<int>(i) % teacher.inputs;
      if (std::abs(teacher.x[i]) > 0.8) {
        rows.add(j, teacher.x[i] / scale[static_cast<std::size_t>(j)]);
      }
      if (j + 1 == teacher.inputs) {
        rows.end_row();
      }
    }
    rows.move_to(set);
    set.scale = std::move(scale);
    set.shift = std::move(shift);
    problem.x.clear();
    problem.y.clear();
    problem.dataset = &set;
  }
};

TEST_F(WeightSpaceRuns, ADataSetIsBroughtToTheDeviceOnceForAllProblems) {
  NetworkCase c;
  c.data.source = DataSource::csv;
  c.training.batch_size = 4;
  SetCase data(c.problem());
  Problem other = make_problem(c.data, {8, c.run.width, c.run.activation}, c.training, &data.set);
  const std::vector<RunSpec> runs = c.runs();
  const std::vector<RunSpec> other_runs = c.runs(8);
  const std::vector<TrainingRequest> requests{c.request_for(data.problem, runs), c.request_for(other, other_runs)};

  const std::unique_ptr<Trainer> trainer = make_cuda_trainer(0, make_cpu_trainer());

  const std::vector<RunRecord> records = trainer->train_together(requests);

  EXPECT_EQ(emulation::allocated_bytes(), dataset_bytes(weight_space_shape(c.data, c.training, {}, c.run.width)))
      << "it stays, and only once";
  ASSERT_EQ(records.size(), runs.size() + other_runs.size());
  expect_records_of_cpu(c, data.problem, runs, std::span(records).first(runs.size()));
  expect_records_of_cpu(c, other, other_runs, std::span(records).subspan(runs.size()));
}

TEST_F(WeightSpaceRuns, ADataSetThatDoesNotFitLeavesItsRunsToTheCpu) {
  NetworkCase c;
  c.data.source = DataSource::csv;
  SetCase data(c.problem());
  emulation::device_settings().memory_bytes = 100;
  const std::int64_t before = emulation::launches();
  EXPECT_EQ(train(c, data.problem, c.runs())[3].steps, 12);
  EXPECT_EQ(emulation::launches(), before);
}

TEST_F(WeightSpaceRuns, BatchesHaveTheBitsOfSingleRunsInAnyOrderOfThreads) {
  NetworkCase c;
  c.training.batch_size = 5;
  c.training.dropout = 0.3;
  c.training.biases = true;
  c.training.decay = Decay::all;
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = c.runs();
  const std::vector<RunRecord> together = train(c, problem, runs);
  for (const std::uint64_t seed : {0, 1, 2, 3}) {
    emulation::order_seed() = seed;
    const std::vector<RunRecord> again = train(c, problem, runs);
    for (std::size_t run = 0; run < runs.size(); ++run) {
      expect_same(again[run], together[run]);
    }
    const auto one = static_cast<std::size_t>(seed);
    expect_same(train(c, problem, {&runs[one], 1})[0], together[one]);
  }
}

TEST_F(WeightSpaceRuns, RunsLeaveTheBatchAtExactlyTheirStep) {
  NetworkCase c(Activations::index_of<Tanh>(), 60);
  c.training.batch_size = 4;
  c.training.stop = RidgeTimeStop{{2.05}};  // ridge 0.5 ends at step 41, ridge 0 never
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = c.runs();
  const std::vector<RunRecord> every = train(c, problem, runs);
  c.record.steps = {0, 60};

  const std::vector<RunRecord> sparse = train(c, problem, runs);

  for (std::size_t run = 0; run < runs.size(); ++run) {
    EXPECT_EQ(sparse[run].steps, run % 2 == 0 ? 60 : 41);
    EXPECT_EQ(sparse[run].steps, every[run].steps);
    EXPECT_TRUE(testing::are_same_bits(sparse[run].final_values, every[run].final_values)) << "run " << run;
  }
}

TEST_F(WeightSpaceRuns, DivergenceLeavesTheOthersAlone) {
  NetworkCase c(Activations::index_of<Linear>(), 150);
  c.training.loss = LossFunction::squared;
  c.run.step_size = 0.001;
  c.record.steps = {0, 150};
  const Problem problem = c.problem();
  std::vector<RunSpec> runs = c.runs();
  const std::vector<RunRecord> before = train(c, problem, runs);
  runs[1].ridge = 1e9;

  const std::vector<RunRecord> records = train(c, problem, runs);

  EXPECT_EQ(records[1].status, RunStatus::diverged);
  EXPECT_LT(records[1].steps, 20);
  for (const std::size_t run : {0, 2, 3}) {
    expect_same(records[run], before[run]);
  }
}

TEST_F(WeightSpaceRuns, ABatchThatDoesNotFitIsSplit) {
  NetworkCase c;
  const Problem problem = c.problem();
  const std::vector<RunRecord> roomy = train(c, problem, c.runs());
  const WeightSpaceShape shape = weight_space_shape(c.data, c.training, c.record.metrics, c.run.width);
  constexpr std::size_t library = std::size_t{40} << 20U;
  emulation::device_settings().memory_bytes = (measure(shape, 1, 1).bytes() + library) * 10 / 9 + 10000;
  const std::vector<RunRecord> tight = train(c, problem, c.runs());
  for (std::size_t run = 0; run < roomy.size(); ++run) {
    EXPECT_EQ(tight[run].solver, Solver::weight_space);
    expect_same(tight[run], roomy[run]);
  }
}

TEST(WeightSpacePlan, WhatIsMeasuredIsAllocated) {
  for (const Setting& setting : settings()) {
    SCOPED_TRACE(setting.name);
    NetworkCase c;
    setting.change(c);
    const Problem problem = c.problem();
    const WeightSpaceShape shape = weight_space_shape(c.data, c.training, c.record.metrics, c.run.width);
    const std::vector<BatchRun> runs(3);
    Stream stream;
    const fasweep::WeightSpaceRuns batch(stream, c.request_for(problem, {}), 0, std::array{&problem}, runs, nullptr);
    // Beside what is planned lie the small buffers of each run: parameters, limits, decays.
    EXPECT_NEAR(static_cast<double>(emulation::allocated_bytes()), static_cast<double>(measure(shape, 1, 3).bytes()),
                8192);
  }
}

TEST(WeightSpacePlan, WhatIsMeasuredOfPixelsIsAllocated) {
  PixelCase c;
  c.data.samples = 200;  // so that each array is more than the small buffers
  c.data.inputs = 101;
  c.run.width = 203;
  c.training.batch_size = 90;
  const PixelSet pixels(c.problem());
  const Problem other = make_problem(c.data, {8, c.run.width, 0}, c.training, &pixels.set);
  const WeightSpaceShape shape = weight_space_shape(c.data, c.training, c.record.metrics, c.run.width, true);
  const std::vector<BatchRun> runs{{0, 0, 0.1}, {0, 0, 0.1}, {1, 0, 0.1}};
  Stream stream;
  const DeviceDataset set(pixels.set, 1, stream);
  EXPECT_EQ(emulation::allocated_bytes(), dataset_bytes(shape));

  const fasweep::WeightSpaceRuns batch(stream, c.request_for(pixels.problem, {}), 0,
                                       std::array{&pixels.problem, &other}, runs, &set);

  EXPECT_NEAR(static_cast<double>(emulation::allocated_bytes() - dataset_bytes(shape)),
              static_cast<double>(measure(shape, 2, 3).bytes()), 8192);
}

TEST(WeightSpacePlan, ChunksOfLongStepsAreShort) {
  WeightSpaceShape shape;
  shape.batch_samples = 600;
  shape.inputs = 784;
  shape.width = 1000;
  EXPECT_EQ(steps_of_a_chunk(shape, 1), 128);
  EXPECT_EQ(steps_of_a_chunk(shape, 30), 17);  // 1e12 / (4 * 600 * 784 * 1000 * 30)
  shape.batch_samples = 60000;
  EXPECT_EQ(steps_of_a_chunk(shape, 30), 1);
}

}  // namespace
}  // namespace fasweep
