// Every solver's snapshots are those of the plain loops, whatever it keeps of the network.
#include "model/snapshot.hpp"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/snapshot_case.hpp"
#include "model/activation/list.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/rule/list.hpp"
#include "model/schedule/list.hpp"
#include "support/memory_checkpoints.hpp"

namespace fasweep {
namespace {

using testing::expect_plain_network;
using testing::MemoryCheckpoints;
using testing::Numbers;
using testing::SnapshotCollector;
using testing::SnapshotNumbers;
using testing::TrainingCase;

RunRecord train(const TrainingCase& c, const Problem& problem, SnapshotVisitor* visitor = nullptr,
                Checkpoints* checkpoints = nullptr) {
  TrainingRequest request = c.request(problem);
  request.visitor = visitor;
  request.checkpoints = checkpoints;
  RunRecord record = make_cpu_trainer()->train(request).at(0);
  EXPECT_EQ(record.error, "");
  return record;
}

std::vector<SnapshotNumbers> snapshots_of(const TrainingCase& c, const Problem& problem) {
  SnapshotCollector collector;
  EXPECT_EQ(train(c, problem, &collector).solver, c.solver);
  return std::move(collector.snapshots);
}

/// Calls visit for every solver, activation and rule that go together.
template <class Visit>
void for_each_training(Visit visit) {
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear}) {
    for (int activation = 0; activation < Activations::size; ++activation) {
      for (int rule = 0; rule < Rules::size; ++rule) {
        if (accepts(solver, {}, {}, {0, 1, 0, activation, rule, 0})) {
          SCOPED_TRACE(std::string(name_of(solver)) + ", " +
                       std::string(Activations::names[static_cast<std::size_t>(activation)]) + ", " +
                       std::string(Rules::names[static_cast<std::size_t>(rule)]));
          visit(solver, activation, rule);
        }
      }
    }
  }
}

/// Odd sizes, test samples, few steps recorded.
struct SnapshotTraining : TrainingCase {
  SnapshotTraining(Solver wanted, int activation, int rule, int samples = 11, int inputs = 14)
      : TrainingCase(samples, inputs, 37, activation, rule, 20) {
    data.test_samples = 3;
    data.input_law = InputLaw::gaussian_scaled;
    training.schedule = ExponentialSchedule{{0.9}};
    record.steps = {0, 1, 7, 20};
    run.step_size = 0.05;
    solver = wanted;
  }
};

TEST(Snapshot, OfEverySolverIsThePlainNetwork) {
  for_each_training([](Solver solver, int activation, int rule) {
    const SnapshotTraining c(solver, activation, rule);
    const Problem problem = c.problem();

    const std::vector<SnapshotNumbers> snapshots = snapshots_of(c, problem);

    ASSERT_EQ(snapshots.size(), 4U);
    expect_plain_network(c, problem, c.run, snapshots, 1e-11);  // roundings of 20 steps, and of K's pseudo-inverse
  });
}

TEST(Snapshot, RecoversWeightsFromASingularGramMatrix) {
  for_each_training([](Solver solver, int activation, int rule) {
    const SnapshotTraining c(solver, activation, rule, 23, 9);  // rank 9 of 23
    const Problem problem = c.problem();
    expect_plain_network(c, problem, c.run, snapshots_of(c, problem), 1e-10);
  });
}

TEST(Snapshot, OfAFloatTrainingIsWidened) {
  for_each_training([](Solver solver, int activation, int rule) {
    SnapshotTraining c(solver, activation, rule);
    c.training.precision = Precision::float32;
    const Problem problem = c.problem();
    // 6e-8 a rounding, for a change of weights that is a hundredth of them, by the inverse root of K.
    expect_plain_network(c, problem, c.run, snapshots_of(c, problem), 2e-3);
  });
}

TEST(Snapshot, KnowsSeveralOutputsBiasesAndSoftmax) {
  for (int loss = 0; loss < Losses::size; ++loss) {
    for (const OutputScale scale : {OutputScale::one, OutputScale::root_width}) {
      SnapshotTraining c(Solver::weight_space, Activations::index_of<Tanh>(), 0);
      c.data.outputs = 3;
      c.data.targets = Targets::classes;
      c.training.loss = static_cast<LossFunction>(loss);
      c.training.output_scale = scale;
      c.training.biases = true;
      c.run.step_size = 0.005;
      Problem problem = c.problem();
      for (std::size_t i = 0; i < problem.y.size(); ++i) {
        problem.y[i] = i / 3 % 3 == i % 3 ? 1 : 0;
      }
      const std::vector<SnapshotNumbers> snapshots = snapshots_of(c, problem);
      ASSERT_EQ(snapshots.size(), 4U);
      expect_plain_network(c, problem, c.run, snapshots, 1e-11);
    }
  }
}

TEST(Snapshot, ReadsADataSetWhereItIs) {
  SnapshotTraining c(Solver::weight_space, Activations::index_of<Tanh>(), 0);
  const Problem teacher = c.problem();
  Dataset set;
  set.samples = teacher.samples;
  set.test_samples = teacher.test_samples;
  set.inputs = teacher.inputs;
  set.outputs = 1;
  set.y = teacher.y;
  GrowingRows rows;
  std::vector<double> scale;
  std::vector<double> shift;
  for (int j = 0; j < set.inputs; ++j) {
    scale.push_back(0.5 + j);
    shift.push_back(0.1 * j);
  }
  Problem dense = teacher;
  for (std::size_t i = 0; i < teacher.x.size(); ++i) {
    const std::size_t j = i % scale.size();
    const bool is_there = i % 4 == 0;
    if (is_there) {
      rows.add(static_cast<int>(j), teacher.x[i]);
    }
    dense.x[i] = (is_there ? teacher.x[i] * scale[j] : 0) - shift[j];
    if (j + 1 == scale.size()) {
      rows.end_row();
    }
  }
  rows.move_to(set);
  set.scale = std::move(scale);
  set.shift = std::move(shift);
  Problem sparse = teacher;
  sparse.x.clear();
  sparse.y.clear();
  sparse.dataset = &set;
  c.data.source = DataSource::csv;
  expect_plain_network(c, dense, c.run, snapshots_of(c, sparse), 1e-11);
}

TEST(Snapshot, BlocksOfAWideNetworkAreEvenAndCoverIt) {
  SnapshotTraining c(Solver::weight_space, Activations::index_of<Relu>(), 0, 1, 40000);  // blocks of 6 units
  c.data.test_samples = 1;
  c.record.steps = {0};
  c.training.max_steps = 0;
  ASSERT_LT(snapshot_block_units({1, 1, 40000, 1, 37}), 37);
  ASSERT_EQ(snapshot_block_units({1, 1, 40000, 1, 37}) % 2, 0);
  const Problem problem = c.problem();
  expect_plain_network(c, problem, c.run, snapshots_of(c, problem), 1e-11);
}

double square_of(const testing::Numbers& numbers) {
  return std::inner_product(numbers.begin(), numbers.end(), numbers.begin(), 0.0);
}

/// Eigenvalues by the trace of G and of its square, from H by double loops.
TEST(SnapshotMetrics, AreThoseOfThePlainNetwork) {
  for_each_training([](Solver solver, int activation, int rule) {
    SnapshotTraining c(solver, activation, rule);
    c.record.metrics = {Metrics::index_of<LossMetric>(), Metrics::index_of<KernelEigenvaluesMetric>(),
                        Metrics::index_of<FeedbackNormRatioMetric>()};
    const Problem problem = c.problem();
    SnapshotCollector collector;
    const RunRecord record = train(c, problem, &collector);
    constexpr std::size_t n = 11;
    ASSERT_EQ(record.metrics, 1 + n + 1);
    for (std::size_t point = 0; point < record.points; ++point) {
      const SnapshotNumbers& s = collector.snapshots[point];
      double trace = 0;
      double square = 0;
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          double g = 0;
          for (std::size_t r = 0; r < 37; ++r) {
            g += s.value[r * 14 + i] * s.value[r * 14 + j] / 37;
          }
          trace += i == j ? g : 0;
          square += g * g;
        }
      }
      double sum = 0;
      double sum_of_squares = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const double eigenvalue = record.trajectory[(1 + i) * record.points + point];
        EXPECT_TRUE(i == 0 || eigenvalue >= record.trajectory[i * record.points + point]) << "ascending";
        sum += eigenvalue;
        sum_of_squares += eigenvalue * eigenvalue;
      }
      EXPECT_NEAR(sum, trace, 1e-12 * trace);
      EXPECT_NEAR(sum_of_squares, square, 1e-12 * square);
      EXPECT_NEAR(record.trajectory[(1 + n) * record.points + point],
                  std::sqrt(square_of(s.feedback) / square_of(s.output_weight)), 1e-12);
    }
    for (std::size_t value = 0; value < record.metrics; ++value) {
      EXPECT_EQ(record.final_values[value], record.trajectory[(value + 1) * record.points - 1]);
    }
  });
}

TEST(SnapshotMetrics, ChangeNoOtherNumber) {
  for_each_training([](Solver solver, int activation, int rule) {
    SnapshotTraining c(solver, activation, rule);
    c.training.precision = Precision::float32;
    const Problem problem = c.problem();
    const RunRecord without = train(c, problem);
    c.record.metrics.push_back(Metrics::index_of<KernelEigenvaluesMetric>());

    const RunRecord with = train(c, problem);

    EXPECT_TRUE(testing::are_same_bits(
        without.trajectory,
        {with.trajectory.begin(), with.trajectory.begin() + static_cast<std::ptrdiff_t>(without.trajectory.size())}));
  });
}

TEST(SnapshotMetrics, OfAResumedRunHaveTheBitsOfTheUninterruptedOne) {
  for_each_training([](Solver solver, int activation, int rule) {
    SnapshotTraining c(solver, activation, rule);
    c.training.precision = Precision::float32;
    c.record.metrics = {Metrics::index_of<LossMetric>(), Metrics::index_of<KernelEigenvaluesMetric>()};
    const Problem problem = c.problem();
    const RunRecord whole = train(c, problem);
    for (const int saves : {1, 2, 8, 15}) {
      MemoryCheckpoints checkpoints(c.cancelled, saves);
      ASSERT_EQ(train(c, problem, nullptr, &checkpoints).status, RunStatus::cancelled);
      c.cancelled = false;
      checkpoints.saves = 1000;

      const RunRecord resumed = train(c, problem, nullptr, &checkpoints);

      EXPECT_TRUE(testing::are_same_bits(resumed.trajectory, whole.trajectory)) << saves;
      EXPECT_TRUE(testing::are_same_bits(resumed.final_values, whole.final_values)) << saves;
      c.cancelled = false;
    }
  });
}

}  // namespace
}  // namespace fasweep
