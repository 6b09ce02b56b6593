// Networks that an emulated device hands out at recorded steps, by each of its kernels, held to plain loops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/snapshot_case.hpp"
#include "backend/cuda/device_case.hpp"
#include "backend/cuda/network_case.hpp"
#include "model/metric/list.hpp"
#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"
#include "support/memory_checkpoints.hpp"

namespace fasweep {
namespace {

using testing::expect_plain_network;
using testing::expect_same;
using testing::FloatCase;
using testing::make_runs;
using testing::MemoryCheckpoints;
using testing::NetworkCase;
using testing::SnapshotCollector;
using testing::SnapshotNumbers;
using testing::TrainingCase;

class DeviceSnapshots : public testing::EmulatedDevice {
 protected:
  DeviceSnapshots() { emulation::device_settings().compute_capability = 90; }

  /// Those of one run of the case, trained beside the others.
  static std::vector<SnapshotNumbers> collect(TrainingCase& c, const Problem& problem, std::span<const RunSpec> runs,
                                              std::int64_t wanted, GpuArithmetic arithmetic, Solver solver) {
    SnapshotCollector collector;
    collector.wanted = wanted;
    const std::vector<RunRecord> records = make_cuda_trainer(0, make_cpu_trainer(), arithmetic)
                                               ->train({problem, c.data, c.training, c.record, runs, c.solver,
                                                        c.cancelled, nullptr, nullptr, nullptr, &collector});
    for (const RunRecord& record : records) {
      EXPECT_EQ(record.solver, solver);
    }
    return std::move(collector.snapshots);
  }

  static void expect_steps(const std::vector<SnapshotNumbers>& snapshots, const std::vector<std::int64_t>& steps) {
    std::vector<std::int64_t> found;
    for (const SnapshotNumbers& snapshot : snapshots) {
      found.push_back(snapshot.step);
    }
    EXPECT_EQ(found, steps);
  }
};

/// 12 samples of 19 inputs: K is well conditioned, so that such runs stay on chip. The last step is not recorded.
struct SampleCase : FloatCase {
  explicit SampleCase(int activation) : FloatCase(activation, 45, 19) {
    data.test_samples = 3;
    training.schedule = ExponentialSchedule{{0.99}};
    record.steps = {0, 1, 3, 17, 40};
  }
};

TEST_F(DeviceSnapshots, AreThePlainNetworksInSampleSpace) {
  for (const int activation : {Activations::index_of<Relu>(), Activations::index_of<Gelu>()}) {
    for (const GpuArithmetic arithmetic : {GpuArithmetic::fast, GpuArithmetic::exact}) {
      SampleCase c(activation);
      const Problem problem = c.problem();
      const std::vector<RunSpec> runs = make_runs(c, {0.0, 2.0});
      for (const RunSpec& run : runs) {
        SCOPED_TRACE(std::string(gpu_arithmetic_names[static_cast<std::size_t>(arithmetic)]) + ", " +
                     std::string(Activations::names[static_cast<std::size_t>(activation)]) + ", run " +
                     std::to_string(run.run));
        const std::vector<SnapshotNumbers> snapshots =
            collect(c, problem, runs, run.run, arithmetic, Solver::sample_space);
        expect_steps(snapshots, {0, 1, 3, 17, 40, 45});
        expect_plain_network(c, problem, run, snapshots, 1e-5);  // 45 steps that round by 6e-8 each, and K's inverse
      }
    }
  }
}

TEST_F(DeviceSnapshots, AreThePlainNetworksInWeightSpace) {
  NetworkCase c(Activations::index_of<Tanh>(), 12);
  c.training.biases = true;
  c.record.steps = {0, 5, 12};
  c.solver = Solver::weight_space;
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = c.runs();
  for (const RunSpec& run : runs) {
    const std::vector<SnapshotNumbers> snapshots =
        collect(c, problem, runs, run.run, GpuArithmetic::fast, Solver::weight_space);
    expect_steps(snapshots, {0, 5, 12});
    expect_plain_network(c, problem, run, snapshots, 1e-5);
  }
}

TEST_F(DeviceSnapshots, RunsThatStopBetweenRecordedStepsShowTheirLast) {
  SampleCase c(Activations::index_of<Tanh>());
  c.training.stop = LossBelowStop{{1}};
  c.training.max_steps = 400;
  c.record.steps = {0, 100, 400};
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = make_runs(c, {0.0});
  for (const GpuArithmetic arithmetic : {GpuArithmetic::fast, GpuArithmetic::exact}) {
    const std::vector<SnapshotNumbers> snapshots = collect(c, problem, runs, 0, arithmetic, Solver::sample_space);
    ASSERT_GE(snapshots.size(), 2U);
    const std::int64_t last = snapshots.back().step;
    EXPECT_FALSE(last == 0 || last == 100 || last == 400) << "it stopped at " << last;
    double loss = 0;
    for (const double e : snapshots.back().errors) {
      loss += 0.5 * e * e;
    }
    EXPECT_LT(loss, 1);
  }
}

/// Records a metric of snapshots, and one of sums.
struct MetricCase : SampleCase {
  MetricCase() : SampleCase(Activations::index_of<Relu>()) {
    record.metrics = {Metrics::index_of<LossMetric>(), Metrics::index_of<KernelEigenvaluesMetric>()};
  }
};

TEST_F(DeviceSnapshots, GiveEachRunItsNumbersWhateverIsBesideIt) {
  for (const GpuArithmetic arithmetic : {GpuArithmetic::fast, GpuArithmetic::exact}) {
    MetricCase c;
    const Problem problem = c.problem();
    const std::vector<RunSpec> runs = make_runs(c, {0.0, 0.5, 2.0});
    const std::vector<RunRecord> together = testing::train(c, problem, runs, nullptr, arithmetic);
    for (std::size_t run = 0; run < runs.size(); ++run) {
      const RunRecord alone = testing::train(c, problem, {&runs[run], 1}, nullptr, arithmetic)[0];
      EXPECT_EQ(alone.points, 5U);
      expect_same(alone, together[run]);
      EXPECT_EQ(alone.final_values, together[run].final_values);
    }
  }
}

TEST_F(DeviceSnapshots, AreTheSameInARunThatWasInterrupted) {
  for (const GpuArithmetic arithmetic : {GpuArithmetic::fast, GpuArithmetic::exact}) {
    MetricCase c;
    const Problem problem = c.problem();
    const std::vector<RunSpec> runs = make_runs(c, {2.0});
    const std::vector<RunRecord> whole = testing::train(c, problem, runs, nullptr, arithmetic);

    MemoryCheckpoints checkpoints(c.cancelled, static_cast<int>(runs.size()));
    for (const RunRecord& record : testing::train(c, problem, runs, &checkpoints, arithmetic)) {
      EXPECT_EQ(record.status, RunStatus::cancelled);
    }
    c.cancelled = false;
    MemoryCheckpoints again(c.cancelled);
    again.states = checkpoints.states;
    const std::vector<RunRecord> continued = testing::train(c, problem, runs, &again, arithmetic);
    EXPECT_THAT(again.told, ::testing::Each(::testing::HasSubstr("continues at step")));
    for (std::size_t run = 0; run < runs.size(); ++run) {
      expect_same(continued[run], whole[run]);
      EXPECT_EQ(continued[run].final_values, whole[run].final_values);
    }
  }
}

}  // namespace
}  // namespace fasweep
