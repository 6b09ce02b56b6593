// Every fast solver gives the trajectory of the reference solver, in every metric it records.
#include <cmath>
#include <limits>
#include <ostream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/snapshot_case.hpp"
#include "backend/cpu/training_case.hpp"
#include "model/activation/list.hpp"
#include "model/metric/list.hpp"
#include "model/rule/list.hpp"
#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"
#include "support/agreement_steps.hpp"

namespace fasweep {
namespace {

using testing::are_same_bits;
using testing::expect_close;
using testing::SnapshotCollector;
using testing::TrainingCase;
using testing::value_at;

RunRecord train(const TrainingCase& c, const Problem& problem, Solver solver, Precision precision) {
  TrainingSettings training = c.training;
  training.precision = precision;
  const TrainingRequest request{problem, c.data, training, c.record, {&c.run, 1}, solver, c.cancelled};
  std::vector<RunRecord> records = make_cpu_trainer()->train(request);
  EXPECT_EQ(records.at(0).solver, solver);
  EXPECT_EQ(records.at(0).error, "");
  return std::move(records.at(0));
}

constexpr std::int64_t agreement_steps = testing::agreement_steps(1000);

constexpr double whole_step_size = 0.01;

/// A stable training, about thirty of its steps recorded.
struct StableCase : TrainingCase {
  StableCase(int samples, int inputs, int width, int activation, int rule, std::int64_t steps)
      : TrainingCase(samples, inputs, width, activation, rule, 0) {
    data.input_law = InputLaw::gaussian_scaled;
    training.max_steps = steps;
    if (!error_teaches(rule)) {
      run.step_size = whole_step_size / 10;  // W grows without bound, and so do the largest steps that beta bears
    }
    record.steps.clear();
    for (std::int64_t step = 0; step < steps; step += 1 + step / 4) {
      record.steps.push_back(step);
    }
    record.steps.push_back(steps);
  }
};

struct Case {
  Solver solver;
  int activation;
  int rule;

  [[nodiscard]] std::string name() const {
    std::string name(name_of(solver));
    name += Activations::names[static_cast<std::size_t>(activation)];
    name += Rules::names[static_cast<std::size_t>(rule)];
    std::erase(name, '-');
    return name;
  }
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name(); }
};

std::vector<Case> fast_cases() {
  std::vector<Case> cases;
  for (const Solver solver : {Solver::sample_space, Solver::reduced_linear}) {
    for (int activation = 0; activation < Activations::size; ++activation) {
      for (int rule = 0; rule < Rules::size; ++rule) {
        // Of later rules one activation by tables and one by products, which is how networks differ.
        const bool is_chosen = rule < 4 || activation == Activations::index_of<Linear>() ||
                               activation == Activations::index_of<Relu>() ||
                               activation == Activations::index_of<Tanh>();
        if (is_chosen && accepts(solver, {}, {}, {0, 1, 0, activation, rule, 0})) {
          cases.push_back({solver, activation, rule});
        }
      }
    }
  }
  return cases;
}

class FastSolver : public ::testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] StableCase make_case(int samples, int inputs, int width, std::int64_t steps = agreement_steps) const {
    return {samples, inputs, width, GetParam().activation, GetParam().rule, steps};
  }

  /// relative: of every metric at every recorded step.
  void expect_agreement(const TrainingCase& c, Precision precision, double relative) const {
    const Problem problem = c.problem();
    const RunRecord reference = train(c, problem, Solver::weight_space, Precision::float64);
    const RunRecord fast = train(c, problem, GetParam().solver, precision);
    ASSERT_EQ(fast.points, reference.points);
    EXPECT_EQ(fast.steps, reference.steps);
    EXPECT_EQ(fast.reason, reference.reason);
    for (std::size_t metric = 0; metric < reference.metrics; ++metric) {
      const std::string name(Metrics::names[metric]);
      // Cosines near 0 and the first steps' changes, differences of nearly equal numbers, lose relative digits.
      const double absolute = relative / 100;
      for (std::size_t point = 0; point < reference.points; ++point) {
        const std::size_t at = metric * reference.points + point;
        expect_close(fast.trajectory[at], reference.trajectory[at], relative, absolute,
                     name + " at step " + std::to_string(c.record.steps[point]));
      }
      expect_close(fast.final_values[metric], reference.final_values[metric], relative, absolute, "final " + name);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(, FastSolver, ::testing::ValuesIn(fast_cases()),
                         [](const auto& instance) { return instance.param.name(); });

// The tolerance: rounding differs by some 1e-16 a step and the training contracts.
constexpr double close = 1e-9;

TEST_P(FastSolver, EqualsWeightSpaceForEveryNumberOfSamples) {
  for (const int samples : {1, 7, 50, 64, 97, 130}) {
    SCOPED_TRACE("n = " + std::to_string(samples));
    expect_agreement(make_case(samples, 150, 45), Precision::float64, close);
  }
}

TEST_P(FastSolver, EqualsWeightSpaceUnderEveryLawOfInitialWeights) {
  if (GetParam().rule > 1) {
    return;  // the initial state is that of every rule
  }
  for (std::size_t law = 0; law < testing::all_weight_laws().size(); ++law) {
    SCOPED_TRACE(WeightLaws::names[law]);
    StableCase c = make_case(11, 14, 45);
    testing::mix_weight_laws(law, c.training);
    expect_agreement(c, Precision::float64, close);
  }
}

TEST_P(FastSolver, EqualsWeightSpaceForMoreSamplesThanInputs) {
  expect_agreement(make_case(23, 9, 45), Precision::float64, close);
}

TEST_P(FastSolver, EqualsWeightSpaceForEveryWidth) {
  for (const int width : {1, 2, 15, 16, 17, 33, 1030}) {
    SCOPED_TRACE("p = " + std::to_string(width));
    expect_agreement(make_case(12, 20, width, width > 1000 ? testing::agreement_steps(100) : agreement_steps),
                     Precision::float64, close);
  }
}

TEST_P(FastSolver, EqualsWeightSpaceForEverySchedule) {
  for (const Schedule& schedule : {Schedule(ConstantSchedule{}), Schedule(CutoffSchedule{{agreement_steps / 3}}),
                                   Schedule(ExponentialSchedule{{0.99}}), Schedule(InverseSquareSchedule{{50}})}) {
    StableCase c = make_case(12, 20, 45);
    c.training.schedule = schedule;
    expect_agreement(c, Precision::float64, close);
  }
}

TEST_P(FastSolver, EqualsWeightSpaceWithCorrelatedFeedback) {
  for (const double rho : {0.6, -1.0}) {
    StableCase c = make_case(12, 20, 45);
    c.training.feedback_correlation = rho;
    expect_agreement(c, Precision::float64, close);
  }
}

TEST_P(FastSolver, EqualsWeightSpaceWithErrorsThatComeLate) {
  for (const int delay : {1, 7}) {
    StableCase c = make_case(12, 20, 45);
    c.training.error_delay = delay;
    if (GetParam().solver == Solver::reduced_linear) {
      EXPECT_FALSE(accepts(GetParam().solver, c.data, c.training, c.run));
    } else {
      expect_agreement(c, Precision::float64, close);
    }
  }
}

TEST_P(FastSolver, EqualsWeightSpaceOnTestSamples) {
  for (const int tests : {1, 9, 70}) {
    SCOPED_TRACE(std::to_string(tests) + " test samples");
    StableCase c = make_case(12, 20, 45);
    c.data.test_samples = tests;
    expect_agreement(c, Precision::float64, close);
  }
}

TEST_P(FastSolver, FloatFollowsDouble) {
  // 6e-8 a rounding, a thousand steps of a contracting iteration. The error e shrinks to a hundredth of f, so that its
  // rounding weighs the more, and ReLU units within rounding of 0 may switch.
  expect_agreement(make_case(50, 150, 200), Precision::float32, 1e-2);
}

// Numbers of samples that fill vectors of 4, 8 or 16, and that leave one to four over, in the first part of 60 or a
// later one.
TEST_P(FastSolver, FloatFollowsDoubleWhateverFillsTheVectors) {
  for (const int samples : {1, 4, 8, 10, 16, 18, 19, 20, 21, 50, 61, 64, 72, 138}) {
    for (const int width : {5, 45}) {
      SCOPED_TRACE("n = " + std::to_string(samples) + ", p = " + std::to_string(width));
      StableCase c = make_case(samples, 150, width, 30);
      c.data.test_samples = 3;
      c.run.step_size = whole_step_size;  // which 30 steps bear under every rule
      c.run.seed = 8;                     // whose ReLU units keep away from 0, where rounding would switch them
      // 6e-8 a rounding, 30 steps and sums of 138 terms; a sample forgotten in a sum would be some percent of it.
      // Where the target teaches, it moves z by the same every step, so that what rounding loses of it is the same too
      // and adds up: 6e-8 of the 2e-4 that a sigmoid unit of 45 moves.
      const double relative = error_teaches(GetParam().rule) ? 1e-4 : 3e-4;
      expect_agreement(c, Precision::float32, relative);
    }
  }
}

TEST_P(FastSolver, StopsWhereWeightSpaceStops) {
  StableCase c = make_case(12, 20, 45);
  c.run.ridge = 0;
  const Problem problem = c.problem();
  const RunRecord whole = train(c, problem, Solver::weight_space, Precision::float64);
  c.training.stop = LossBelowStop{{1.0001 * value_at<LossMetric>(whole, whole.points - 4)}};
  expect_agreement(c, Precision::float64, close);
}

TEST_P(FastSolver, FindsDivergenceWhereWeightSpaceDoes) {
  StableCase c = make_case(12, 20, 45, 10000);
  c.run.step_size = 1e4;
  const Problem problem = c.problem();

  const RunRecord reference = train(c, problem, Solver::weight_space, Precision::float64);
  const RunRecord fast = train(c, problem, GetParam().solver, Precision::float64);

  EXPECT_EQ(fast.status, reference.status);
  EXPECT_EQ(fast.reason, reference.reason);
  EXPECT_EQ(fast.steps, reference.steps);
}

TEST_P(FastSolver, NotANumberInTheDataIsDivergenceAtStepZero) {
  const StableCase c = make_case(12, 20, 45);
  Problem problem = c.problem();
  problem.x[3] = std::numeric_limits<double>::quiet_NaN();

  const RunRecord record = train(c, problem, GetParam().solver, Precision::float32);

  EXPECT_EQ(record.status, RunStatus::diverged);
  EXPECT_EQ(record.reason, StopReason::non_finite_loss);
  EXPECT_EQ(record.steps, 0);
}

TEST_P(FastSolver, RunsOfABatchDoNotDependOnTheirCompany) {
  StableCase c = make_case(12, 20, 45, 50);
  c.data.test_samples = 3;
  const Problem problem = c.problem();
  std::vector<RunSpec> runs{c.run, c.run, c.run};
  runs[0].ridge = 0.7;
  runs[1].rule =
      c.run.rule == Rules::index_of<Backprop>() ? Rules::index_of<FeedbackAlignment>() : Rules::index_of<Backprop>();
  const std::vector<RunRecord> batch =
      make_cpu_trainer()->train({problem, c.data, c.training, c.record, runs, GetParam().solver, c.cancelled});

  const RunRecord alone = train(c, problem, GetParam().solver, Precision::float64);

  EXPECT_TRUE(are_same_bits(batch[2].trajectory, alone.trajectory));
  EXPECT_FALSE(are_same_bits(batch[0].trajectory, alone.trajectory));
}

TEST(DirectFeedbackAlignment, IsFeedbackAlignmentBitForBitWithOneHiddenLayer) {
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear}) {
    for (int activation = 0; activation < Activations::size; ++activation) {
      StableCase c(12, 20, 45, activation, Rules::index_of<FeedbackAlignment>(), 40);
      if (!accepts(solver, c.data, c.training, c.run)) {
        continue;
      }
      for (const Precision precision : {Precision::float32, Precision::float64}) {
        c.run.rule = Rules::index_of<FeedbackAlignment>();
        const RunRecord alignment = train(c, c.problem(), solver, precision);
        c.run.rule = Rules::index_of<DirectFeedbackAlignment>();

        const RunRecord direct = train(c, c.problem(), solver, precision);

        EXPECT_TRUE(are_same_bits(direct.trajectory, alignment.trajectory)) << name_of(solver) << ' ' << activation;
        EXPECT_TRUE(are_same_bits(direct.final_values, alignment.final_values)) << name_of(solver) << ' ' << activation;
      }
    }
  }
}

TEST(CorrelatedFeedback, OfOneIsBackpropsFirstStep) {
  StableCase c(12, 20, 45, Activations::index_of<Tanh>(), Rules::index_of<Backprop>(), 2);
  const RunRecord backprop = train(c, c.problem(), Solver::sample_space, Precision::float64);
  c.run.rule = Rules::index_of<FeedbackAlignment>();
  c.training.feedback_correlation = 1;

  const RunRecord alignment = train(c, c.problem(), Solver::sample_space, Precision::float64);

  EXPECT_NEAR(value_at<AlignmentMetric>(alignment, 0), 1, 1e-15);
  EXPECT_EQ(value_at<LossMetric>(alignment, 1), value_at<LossMetric>(backprop, 1));
  EXPECT_NE(value_at<LossMetric>(alignment, 2), value_at<LossMetric>(backprop, 2)) << "b stays, beta moves";
}

TEST(ShallowNetwork, LearnsByItsOutputWeightsAlone) {
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear}) {
    StableCase c(12, 20, 45, Activations::index_of<Linear>(), Rules::index_of<Shallow>(), 40);
    const RunRecord record = train(c, c.problem(), solver, Precision::float64);
    for (std::size_t point = 0; point < record.points; ++point) {
      EXPECT_EQ(value_at<HiddenChangeMetric>(record, point), 0) << name_of(solver);
      EXPECT_EQ(value_at<MaxHiddenChangeMetric>(record, point), 0) << name_of(solver);
      EXPECT_TRUE(std::isnan(value_at<GradientAlignmentMetric>(record, point))) << name_of(solver);
    }
    EXPECT_LT(value_at<LossMetric>(record, record.points - 1), value_at<LossMetric>(record, 0)) << name_of(solver);
    EXPECT_GT(value_at<MaxOutputChangeMetric>(record, record.points - 1), 0) << name_of(solver);
  }
}

TEST(HebbianFeedback, EndsAtTheRegressionOfUnitsOnTheOutput) {
  StableCase c(12, 20, 45, Activations::index_of<Tanh>(), Rules::index_of<HebbianFeedback>(), 20000);
  c.run.step_size = 0.05;
  SnapshotCollector collector;
  const Problem problem = c.problem();
  TrainingRequest request = c.request(problem);
  request.visitor = &collector;

  static_cast<void>(make_cpu_trainer()->train(request));

  const testing::SnapshotNumbers& last = collector.snapshots.back();
  double power = 0;
  for (std::size_t i = 0; i < 12; ++i) {
    power += last.outputs[i] * last.outputs[i];
  }
  for (std::size_t r = 0; r < 45; ++r) {
    double activity = 0;
    for (std::size_t i = 0; i < 12; ++i) {
      activity += last.outputs[i] * last.value[r * 12 + i];
    }
    EXPECT_NEAR(last.feedback[r], activity / power, 0.05) << r;  // f still moves
  }
}

TEST(OjasRule, KeepsWeightsThatTheCovarianceRuleLetsGrow) {
  StableCase c(12, 20, 45, Activations::index_of<Tanh>(), Rules::index_of<Oja>(), 4000);
  c.run.step_size = whole_step_size;
  const RunRecord bounded = train(c, c.problem(), Solver::weight_space, Precision::float64);
  c.run.rule = Rules::index_of<SejnowskiTesauro>();

  const RunRecord growing = train(c, c.problem(), Solver::weight_space, Precision::float64);

  EXPECT_LT(value_at<HiddenChangeMetric>(bounded, bounded.points - 1), 45);  // ||w|| of 45 units goes from 4.5 to 1.
  EXPECT_LT(value_at<HiddenChangeMetric>(bounded, bounded.points - 1), 45);
  EXPECT_GT(value_at<HiddenChangeMetric>(growing, growing.points - 1), 135);
}

TEST(RedrawnSignSymmetry, IsTheFixedOneUntilItDraws) {
  StableCase c(12, 20, 45, Activations::index_of<Tanh>(), Rules::index_of<FixedSignSymmetry>(), 3);
  const RunRecord fixed = train(c, c.problem(), Solver::weight_space, Precision::float64);
  c.run.rule = Rules::index_of<RedrawnSignSymmetry>();

  const RunRecord redrawn = train(c, c.problem(), Solver::weight_space, Precision::float64);

  EXPECT_EQ(value_at<LossMetric>(redrawn, 1), value_at<LossMetric>(fixed, 1));
  EXPECT_EQ(value_at<HiddenChangeMetric>(redrawn, 1), value_at<HiddenChangeMetric>(fixed, 1));
  EXPECT_NE(value_at<AlignmentMetric>(redrawn, 1), value_at<AlignmentMetric>(fixed, 1));
  EXPECT_NE(value_at<LossMetric>(redrawn, 2), value_at<LossMetric>(fixed, 2));
}

}  // namespace
}  // namespace fasweep
