// Snapshots of a device's runs (emulated) are those of the plain loops, also where a run is taken back to its stop.
#include "backend/cuda/kept_network.hpp"

#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/snapshot_case.hpp"
#include "backend/cuda/cuda_trainer.hpp"
#include "backend/cuda/device_case.hpp"
#include "support/memory_checkpoints.hpp"

namespace fasweep {
namespace {

using testing::expect_plain_network;
using testing::MemoryCheckpoints;
using testing::SnapshotCollector;
using testing::TrainingCase;

class KeptNetwork : public testing::EmulatedDevice {
 protected:
  /// One run a rule, snapshots of the last; both solvers of the device.
  struct Case : TrainingCase {
    Case(Solver wanted, int activation) : TrainingCase(12, 9, 40, activation, 0, 20) {
      data.test_samples = 3;
      data.input_law = InputLaw::gaussian_scaled;
      training.precision = Precision::float32;
      training.schedule = ExponentialSchedule{{0.9}};
      training.decay = wanted == Solver::weight_space ? Decay::all : Decay::output;
      training.biases = wanted == Solver::weight_space;
      record.steps = {0, 1, 7, 20};
      solver = wanted;
    }
    [[nodiscard]] std::vector<RunSpec> runs() const {
      std::vector<RunSpec> runs;
      for (int rule = 0; rule < Rules::size; ++rule) {
        runs.push_back(run);
        runs.back().run = rule;
        runs.back().rule = rule;
      }
      return runs;
    }
  };

  static std::vector<RunRecord> train(const Case& c, const Problem& problem, const std::vector<RunSpec>& runs,
                                      SnapshotVisitor* visitor = nullptr, Checkpoints* checkpoints = nullptr) {
    const std::int64_t before = emulation::launches();
    std::vector<RunRecord> records = make_cuda_trainer(0, make_cpu_trainer())
                                         ->train({problem, c.data, c.training, c.record, runs, c.solver, c.cancelled,
                                                  checkpoints, nullptr, nullptr, visitor});
    EXPECT_GT(emulation::launches(), before) << "trained on the device";
    return records;
  }
};

constexpr double close = 2e-4;  // float32, 20 steps

TEST_F(KeptNetwork, IsThePlainNetwork) {
  for (const Solver solver : {Solver::sample_space, Solver::weight_space}) {
    for (int activation = 0; activation < Activations::size; ++activation) {
      const Case c(solver, activation);
      const Problem problem = c.problem();
      for (const RunSpec& run : c.runs()) {
        SCOPED_TRACE(std::string(name_of(solver)) + ", activation " + std::to_string(activation) + ", rule " +
                     std::to_string(run.rule));
        SnapshotCollector collector;
        collector.wanted = run.run;

        const std::vector<RunRecord> records = train(c, problem, c.runs(), &collector);

        EXPECT_EQ(records[0].solver, solver);
        ASSERT_EQ(collector.snapshots.size(), 4U);
        expect_plain_network(c, problem, run, collector.snapshots, close);
      }
    }
  }
}

TEST_F(KeptNetwork, OfARunThatStopsWithinAChunkIsThatOfItsStop) {
  for (const Solver solver : {Solver::sample_space, Solver::weight_space}) {
    Case c(solver, Activations::index_of<Tanh>());
    const Problem problem = c.problem();
    c.record.metrics = {Metrics::index_of<LossMetric>()};
    c.record.steps = {0, 13, 20};
    const RunRecord whole = train(c, problem, c.runs())[0];
    c.training.stop = LossBelowStop{{1.000001 * whole.trajectory[1]}};  // the loss of step 13
    SnapshotCollector collector;
    c.record.steps = {0, 20};

    const RunRecord stopped = train(c, problem, c.runs(), &collector)[0];

    ASSERT_EQ(stopped.steps, 13);
    ASSERT_EQ(collector.snapshots.size(), 2U);
    EXPECT_EQ(collector.snapshots[1].step, 13);
    expect_plain_network(c, problem, c.runs()[0], collector.snapshots, close);
  }
}

TEST_F(KeptNetwork, MetricsFollowTheCpuAndChangeNoOtherNumber) {
  for (const Solver solver : {Solver::sample_space, Solver::weight_space}) {
    Case c(solver, Activations::index_of<Relu>());
    const Problem problem = c.problem();
    const std::vector<RunSpec> runs = c.runs();
    const std::vector<RunRecord> without = train(c, problem, runs);
    const std::size_t first = c.record.metrics.size();
    c.record.metrics.push_back(Metrics::index_of<KernelEigenvaluesMetric>());
    c.record.metrics.push_back(Metrics::index_of<FeedbackNormRatioMetric>());

    const std::vector<RunRecord> records = train(c, problem, runs);

    const std::vector<RunRecord> cpu =
        make_cpu_trainer()->train({problem, c.data, c.training, c.record, runs, Solver::weight_space, c.cancelled});
    for (std::size_t run = 0; run < runs.size(); ++run) {
      ASSERT_EQ(records[run].metrics, first + 12 + 1);
      for (std::size_t i = 0; i < cpu[run].trajectory.size(); ++i) {
        if (i < without[run].trajectory.size()) {
          EXPECT_TRUE(testing::are_same_bits({records[run].trajectory[i]}, {without[run].trajectory[i]}));
        } else {
          testing::expect_close(records[run].trajectory[i], cpu[run].trajectory[i], 1e-3, 1e-5,
                                "number " + std::to_string(i));
        }
      }
    }
  }
}

TEST_F(KeptNetwork, MetricsOfAResumedRunHaveTheBitsOfTheUninterruptedOne) {
  for (const Solver solver : {Solver::sample_space, Solver::weight_space}) {
    Case c(solver, Activations::index_of<Tanh>());
    c.record.metrics = {Metrics::index_of<LossMetric>(), Metrics::index_of<KernelEigenvaluesMetric>()};
    const Problem problem = c.problem();
    const std::vector<RunSpec> runs{c.runs()[0]};
    const RunRecord whole = train(c, problem, runs)[0];
    MemoryCheckpoints checkpoints(c.cancelled, 2);
    ASSERT_EQ(train(c, problem, runs, nullptr, &checkpoints)[0].status, RunStatus::cancelled);
    c.cancelled = false;
    checkpoints.saves = 1000;

    testing::expect_same(train(c, problem, runs, nullptr, &checkpoints)[0], whole);
  }
}

}  // namespace
}  // namespace fasweep
