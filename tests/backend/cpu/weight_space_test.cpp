#include "backend/cpu/weight_space.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

#include "backend/cpu/training_case.hpp"
#include "model/activation/list.hpp"
#include "model/metric/list.hpp"
#include "model/rule/list.hpp"
#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"
#include "reference/plain_network.hpp"
#include "reference/train_reference.hpp"

namespace fasweep {
namespace {

using testing::are_same_bits;
using testing::expect_close;
using testing::TrainingCase;
using testing::value_at;

/// Every pair of activation and rule, by their positions.
/// W grows without bound under Hebbian rules, the less in 200 steps the smaller they are.
double stable_step_size(const RunSpec& run) {
  return is_hebbian(run.rule) ? run.step_size / 10 : run.step_size;
}

class WeightSpace : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  int activation_ = std::get<0>(GetParam());
  int rule_ = std::get<1>(GetParam());
};

INSTANTIATE_TEST_SUITE_P(EveryActivationAndRule, WeightSpace,
                         ::testing::Combine(::testing::Range(0, Activations::size),
                                            ::testing::ValuesIn(testing::rules_of(Solver::weight_space))),
                         [](const auto& pair) {
                           std::string name(Activations::names[static_cast<std::size_t>(std::get<0>(pair.param))]);
                           name += Rules::names[static_cast<std::size_t>(std::get<1>(pair.param))];
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(WeightSpace, EqualsThePlainLoopsAfterTwoHundredSteps) {
  TrainingCase c(9, 6, 21, activation_, rule_, 200);
  c.data.test_samples = 4;
  c.training.schedule = ExponentialSchedule{{0.99}};
  c.run.step_size = stable_step_size(c.run);
  const Problem problem = c.problem();

  const RunRecord record = train_weight_space<double>(c.request(problem), c.run);

  const ReferenceRun plain = train_reference(problem, {c.data, c.training, c.record}, c.run, 200);
  ASSERT_EQ(record.points, 201U);
  ASSERT_EQ(record.trajectory.size(), plain.trajectory.size());
  for (std::size_t i = 0; i < plain.trajectory.size(); ++i) {
    // The tolerance; sums of a few dozen float64 terms differ by 1e-15 a step. Cosines near 0 lose digits,
    // hence 1e-12.
    expect_close(record.trajectory[i], plain.trajectory[i], 1e-10, 1e-12,
                 std::string(Metrics::names[i / record.points]) + " at step " + std::to_string(i % record.points));
  }
  std::vector<double> last;
  for (std::size_t metric = 0; metric < record.metrics; ++metric) {
    last.push_back(record.trajectory[metric * record.points + 200]);
  }
  EXPECT_TRUE(are_same_bits(record.final_values, last)) << "the last observation is the final one";
}

TEST_P(WeightSpace, FloatFollowsDouble) {
  TrainingCase c(9, 6, 21, activation_, rule_, 200);
  c.run.step_size = stable_step_size(c.run);
  const Problem problem = c.problem();
  c.record.metrics = {Metrics::index_of<LossMetric>(), Metrics::index_of<AlignmentMetric>()};

  const RunRecord wide = train_weight_space<double>(c.request(problem), c.run);
  const RunRecord narrow = train_weight_space<float>(c.request(problem), c.run);

  for (std::size_t i = 0; i < wide.trajectory.size(); ++i) {
    // float32 rounding 6e-8 a step, 200 steps of a contracting iteration, and a loss that loses a few digits as it
    // shrinks.
    expect_close(narrow.trajectory[i], wide.trajectory[i], 2e-3, 1e-5, "value " + std::to_string(i));
  }
}

TEST(WeightSpaceOracles, LossFallsByTheSquaredGradientToFirstOrder) {
  // Backprop, no ridge: L(0) - L(1) = eta (||dL/dW||^2 + ||dL/dbeta||^2) + O(eta^2), a finite-difference check of the
  // solver.
  for (int activation = 0; activation < Activations::size; ++activation) {
    TrainingCase c(8, 5, 11, activation, Rules::index_of<Backprop>(), 1);
    constexpr double step_size = 1e-8;
    c.run.step_size = step_size;
    c.run.ridge = 0;
    const Problem problem = c.problem();
    const PlainNetwork plain(problem, c.training, Activations::names[static_cast<std::size_t>(activation)], "backprop");
    const PlainGradients gradients = plain.gradients(rows_from(0, problem.samples));
    const double square = gradients.w.squaredNorm() + gradients.beta.squaredNorm();

    const RunRecord record = train_weight_space<double>(c.request(problem), c.run);

    const double fall = value_at<LossMetric>(record, 0) - value_at<LossMetric>(record, 1);
    EXPECT_NEAR(fall / (step_size * square), 1, 1e-5);  // eta times curvature, and 1e-16 / 1e-8 of cancellation
  }
}

TEST(WeightSpaceOracles, ScalingDataAndStepTogetherChangesNothing) {
  // Linear and ReLU: (X, y, eta, lambda) and (cX, cy, eta/c^2, c^2 lambda) give the same beta(t), W(t). c = 4 scales
  // exactly in binary, so even rounding agrees except in eta lambda.
  for (const int activation : {Activations::index_of<Linear>(), Activations::index_of<Relu>()}) {
    for (const int rule : testing::rules_of(Solver::weight_space)) {
      if (is_hebbian(rule) || adapts_feedback(rule) || rule == Rules::index_of<SignedDirectFeedbackAlignment>()) {
        continue;  // steps that are not linear in the error
      }
      TrainingCase c(9, 6, 21, activation, rule, 100);
      const Problem problem = c.problem();
      const RunRecord plain = train_weight_space<double>(c.request(problem), c.run);
      Problem scaled = problem;
      for (std::vector<double>* values : {&scaled.x, &scaled.y}) {
        for (double& value : *values) {
          value *= 4;
        }
      }
      c.run.step_size = 0.01 / 16;
      c.run.ridge *= 16;

      const RunRecord other = train_weight_space<double>(c.request(scaled), c.run);

      for (std::size_t point = 0; point <= 100; ++point) {
        expect_close(value_at<AlignmentMetric>(other, point), value_at<AlignmentMetric>(plain, point), 1e-11, 1e-13,
                     "cosine");
        expect_close(value_at<HiddenChangeMetric>(other, point), value_at<HiddenChangeMetric>(plain, point), 1e-11, 0,
                     "W");
        expect_close(value_at<LossMetric>(other, point), 16 * value_at<LossMetric>(plain, point), 1e-11, 0, "loss");
      }
    }
  }
}

TEST(WeightSpaceOracles, LinearFeedbackAlignmentMovesHiddenWeightsByRankOneAlongFeedback) {
  // W(t) - W(0) = -(1/sqrt p) b v^T: every unit moves by its b_r times one vector, so
  // ||W(t) - W(0)||_F = ||b|| / max_r |b_r| * max_r ||w_r(t) - w_r(0)||.
  TrainingCase c(9, 6, 21, Activations::index_of<Linear>(), Rules::index_of<FeedbackAlignment>(), 50);
  const Problem problem = c.problem();
  double largest = 0;
  double square = 0;
  for (const double b : problem.feedback) {
    largest = std::max(largest, std::abs(b));
    square += b * b;
  }
  const double ratio = std::sqrt(square) / largest;

  const RunRecord record = train_weight_space<double>(c.request(problem), c.run);

  for (std::size_t point = 1; point <= 50; ++point) {
    expect_close(value_at<HiddenChangeMetric>(record, point), ratio * value_at<MaxHiddenChangeMetric>(record, point),
                 1e-12, 0, "rank one");
  }
}

TEST(WeightSpaceOracles, BackpropAlignsPerfectlyWithItself) {
  TrainingCase c(9, 6, 21, Activations::index_of<Tanh>(), Rules::index_of<Backprop>(), 5);
  const Problem problem = c.problem();
  const RunRecord record = train_weight_space<double>(c.request(problem), c.run);
  EXPECT_NEAR(value_at<GradientAlignmentMetric>(record, 5), 1, 1e-14);
}

TEST(WeightSpaceEnds, DivergenceIsARecordWithItsReason) {
  TrainingCase c(9, 6, 21, Activations::index_of<Linear>(), 0, 10000);
  c.run.step_size = 1e3;
  const Problem problem = c.problem();

  const RunRecord record = train_weight_space<double>(c.request(problem), c.run);

  EXPECT_EQ(record.status, RunStatus::diverged);
  EXPECT_EQ(record.reason, StopReason::exploding_loss);
  EXPECT_LT(record.steps, 10);
  EXPECT_EQ(record.points, record.steps + 1);
}

TEST(WeightSpaceEnds, NotANumberInTheDataIsDivergenceAtStepZero) {
  TrainingCase c(9, 6, 21, Activations::index_of<Relu>(), 0, 100);
  Problem problem = c.problem();
  problem.x[3] = std::numeric_limits<double>::quiet_NaN();

  const RunRecord record = train_weight_space<float>(c.request(problem), c.run);

  EXPECT_EQ(record.status, RunStatus::diverged);
  EXPECT_EQ(record.reason, StopReason::non_finite_loss);
  EXPECT_EQ(record.steps, 0);
}

TEST(WeightSpaceEnds, CancelledRunsReturnAtOnce) {
  TrainingCase c(9, 6, 21, Activations::index_of<Relu>(), 0, 1000000);
  c.record.steps = {0, 1000000};
  c.cancelled = true;
  const Problem problem = c.problem();

  const RunRecord record = train_weight_space<float>(c.request(problem), c.run);

  EXPECT_EQ(record.status, RunStatus::cancelled);
  EXPECT_EQ(record.steps, 0);
}

TEST(WeightSpaceEnds, LossBelowStopsAtTheFirstStepBelow) {
  TrainingCase c(9, 20, 21, Activations::index_of<Linear>(), 0, 1000);
  c.run.ridge = 0;
  const Problem problem = c.problem();
  const RunRecord whole = train_weight_space<double>(c.request(problem), c.run);
  const double target = value_at<LossMetric>(whole, 0) / 10;
  c.training.stop = LossBelowStop{{target}};

  const RunRecord record = train_weight_space<double>(c.request(problem), c.run);

  ASSERT_EQ(record.reason, StopReason::loss_below);
  const auto last = static_cast<std::size_t>(record.steps);
  EXPECT_LT(value_at<LossMetric>(whole, last), target);
  EXPECT_GE(value_at<LossMetric>(whole, last - 1), target);
}

}  // namespace
}  // namespace fasweep
