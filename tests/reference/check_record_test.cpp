// Records of the solvers pass; the same records with one number changed do not.
#include "reference/check_record.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/training_case.hpp"
#include "model/activation/list.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/rule/list.hpp"
#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"

namespace fasweep {
namespace {

using ::testing::HasSubstr;
using testing::TrainingCase;
using testing::value_at;

RunRecord train(const TrainingCase& c, Solver solver = Solver::automatic) {
  const Problem problem = c.problem();
  const TrainingRequest request{problem, c.data, c.training, c.record, {&c.run, 1}, solver, c.cancelled};
  RunRecord record = make_cpu_trainer()->train(request).at(0);
  EXPECT_EQ(record.error, "");
  return record;
}

RecordCheck check(const TrainingCase& c, const RunRecord& record) {
  return check_record(c.problem(), {c.data, c.training, c.record}, c.run, record);
}

/// The one metric that is wrong; -1: none or several.
int wrong_metric(const RecordCheck& check) {
  int wrong = -1;
  int count = 0;
  for (const Deviation& d : check.deviations) {
    if (d.is_wrong()) {
      wrong = d.metric;
      ++count;
    }
  }
  return count == 1 ? wrong : -1;
}

class EveryVariant : public ::testing::TestWithParam<std::tuple<int, int, Solver, Precision>> {};
INSTANTIATE_TEST_SUITE_P(, EveryVariant,
                         ::testing::Combine(::testing::Range(0, Activations::size), ::testing::Range(0, Rules::size),
                                            ::testing::Values(Solver::weight_space, Solver::sample_space),
                                            ::testing::Values(Precision::float32, Precision::float64)));

TEST_P(EveryVariant, PassesAsItsSolverRecordsIt) {
  const auto [activation, rule, solver, precision] = GetParam();
  TrainingCase c(9, 20, 21, activation, rule, 60);
  if (!accepts(solver, c.data, c.training, c.run)) {
    return;  // weight space's alone
  }
  c.data.test_samples = 4;
  c.training.precision = precision;
  c.record.steps = {0, 1, 3, 10, 30, 60};

  const RecordCheck result = check(c, train(c, solver));

  EXPECT_EQ(result.wrong_end, "");
  EXPECT_EQ(result.deviations.size(), c.record.metrics.size());
  for (const Deviation& d : result.deviations) {
    EXPECT_FALSE(d.is_wrong()) << Metrics::names[static_cast<std::size_t>(d.metric)] << " at step " << d.step << ": "
                               << d.recorded << " and " << d.expected << ", " << d.relative << " off of " << d.allowed;
  }
}

TEST(CheckRecord, FindsEveryNumberThatWasChanged) {
  for (const auto& [precision, change] : {std::pair(Precision::float64, 1e-7), std::pair(Precision::float32, 3e-2)}) {
    TrainingCase c(9, 20, 21, Activations::index_of<Tanh>(), 0, 20);
    c.training.precision = precision;
    c.record.steps = {0, 5, 20};
    const RunRecord record = train(c);
    for (std::size_t at = 0; at < record.trajectory.size(); ++at) {
      const std::size_t metric = at / record.points;
      double scale = 1;  // of cosines and shares; of others, the largest
      for (std::size_t i = 0; i < record.points; ++i) {
        scale = std::max(scale, std::abs(record.trajectory[metric * record.points + i]));
      }
      RunRecord changed = record;
      changed.trajectory[at] = std::isnan(record.trajectory[at]) ? 0 : record.trajectory[at] + change * scale;

      const RecordCheck result = check(c, changed);

      EXPECT_EQ(wrong_metric(result), c.record.metrics[metric]) << at;
      EXPECT_EQ(result.deviations[metric].step, c.record.steps[at % record.points]) << at;
      EXPECT_EQ(result.wrong_end, "");
    }
  }
}

TEST(CheckRecord, FindsAFinalValueThatWasChangedAndAMissingNumber) {
  TrainingCase c(9, 20, 21, Activations::index_of<Relu>(), 0, 20);
  c.record.steps = {0, 5, 20};
  RunRecord record = train(c);
  const double kept = record.final_values[2];
  record.final_values[2] *= 1.001;
  EXPECT_EQ(wrong_metric(check(c, record)), 2);
  record.final_values[2] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(wrong_metric(check(c, record)), 2);
  record.final_values[2] = kept;
  EXPECT_TRUE(check(c, record).is_sound());
  EXPECT_FALSE(check(c, record).is_sensitive);
}

/// Gradients of errors that are rounding have no angle; the reference's, in float64, still have one.
TEST(CheckRecord, PassesGradientsThatAreMarkedAsVanished) {
  TrainingCase c(5, 30, 40, Activations::index_of<Relu>(), Rules::index_of<Backprop>(), 2000);
  c.training.precision = Precision::float32;
  c.run.step_size = 0.05;
  c.run.ridge = 0;
  c.record.steps = {0, 10, 2000};

  const RunRecord narrow = train(c, Solver::weight_space);
  EXPECT_LT(value_at<LossMetric>(narrow, 2), 1e-11 * value_at<LossMetric>(narrow, 0));
  EXPECT_FALSE(std::isnan(value_at<GradientAlignmentMetric>(narrow, 1)));
  EXPECT_TRUE(std::isnan(value_at<GradientAlignmentMetric>(narrow, 2)));
  for (const Deviation& d : check(c, narrow).deviations) {
    EXPECT_FALSE(d.metric == Metrics::index_of<GradientAlignmentMetric>() && d.is_wrong()) << d.expected;
  }

  RunRecord changed = narrow;
  changed.trajectory[static_cast<std::size_t>(Metrics::index_of<GradientAlignmentMetric>()) * changed.points + 1] =
      std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(check(c, changed).is_sound()) << "it has not vanished yet";

  c.training.precision = Precision::float64;
  c.record.steps = {0, 10, 500};
  c.training.max_steps = 500;
  EXPECT_FALSE(std::isnan(value_at<GradientAlignmentMetric>(train(c, Solver::weight_space), 1)));
}

/// In float32 a confident sample's error has few digits as a difference from 1, or none.
TEST(CheckRecord, PassesSignalsOfConfidentSamples) {
  TrainingCase c(13, 20, 40, Activations::index_of<Tanh>(), Rules::index_of<FeedbackAlignment>(), 3000);
  c.data.outputs = 3;
  c.training.loss = LossFunction::cross_entropy;
  c.training.precision = Precision::float32;
  c.run.step_size = 20;
  c.run.ridge = 0;
  c.record.steps = {0, 10, 300, 3000};

  const RunRecord record = train(c);

  EXPECT_LT(value_at<LossMetric>(record, 3), 13 * 1e-4) << "confident";
  for (const Deviation& d : check(c, record).deviations) {
    if (d.metric == Metrics::index_of<SignalAlignmentMetric>()) {
      EXPECT_LT(d.relative, 1e-4) << d.recorded << " and " << d.expected << " at step " << d.step;
    }
  }
}

TEST(CheckRecord, PassesNetworksWithEverySetting) {
  for (int loss = 0; loss < Losses::size; ++loss) {
    TrainingCase c(13, 6, 21, Activations::index_of<Tanh>(), 0, 40);
    c.data.outputs = 3;
    c.data.test_samples = 5;
    c.training.loss = static_cast<LossFunction>(loss);
    c.training.batch_size = 4;
    c.training.dropout = 0.3;
    c.training.biases = true;
    c.training.decay = Decay::all;
    c.training.reduction = Reduction::mean;
    c.training.output_scale = OutputScale::one;
    c.training.schedule = MultistepSchedule{{0.5, 5, 20}};
    c.training.step_schedule = InverseSquareSchedule{{30}};
    c.record.steps = {0, 1, 7, 40};

    EXPECT_TRUE(check(c, train(c)).is_sound());
  }
}

TEST(CheckRecord, PassesSeveralHiddenLayersUnderEveryRule) {
  int judged = 0;
  for (int rule = 0; rule < Rules::size; ++rule) {
    for (const Precision precision : {Precision::float32, Precision::float64}) {
      for (const bool is_plain : {true, false}) {
        TrainingCase c(13, 6, 21, Activations::index_of<Tanh>(), rule, 40);
        c.data.test_samples = 5;
        c.training.depth = 3;
        c.training.precision = precision;
        if (!is_plain) {
          c.data.outputs = 3;
          c.training.batch_size = 4;
          c.training.dropout = 0.3;
          c.training.biases = true;
          c.training.decay = Decay::all;
          c.training.reduction = Reduction::mean;
          c.training.output_scale = OutputScale::one;
        }
        c.record.steps = {0, 1, 7, 40};
        if (!accepts(Solver::layered, c.data, c.training, c.run)) {
          continue;
        }
        RunRecord record = train(c);
        ASSERT_EQ(record.solver, Solver::layered);

        const RecordCheck result = check(c, record);

        EXPECT_TRUE(result.is_sound()) << rule << " " << is_plain;
        if (!result.is_sensitive) {
          // Of the outputs, which learn under every rule. Signs that rounding turns let a run wander.
          const auto metric = static_cast<std::size_t>(Metrics::index_of<LossMetric>());
          record.trajectory[record.points * metric + record.points - 1] *=
              sent_back(rule) == SentBack::signs ? 2 : 1.05;
          EXPECT_FALSE(check(c, record).is_sound()) << rule << " " << is_plain;
          ++judged;
        }
      }
    }
  }
  EXPECT_GT(judged, Rules::size);
}

TEST(CheckRecord, FindsASettingThatWasNotHonoured) {
  TrainingCase c(13, 6, 21, Activations::index_of<Tanh>(), 0, 40);
  const RunRecord record = train(c);
  c.training.step_schedule = MultistepSchedule{{0.99, 39}};  // of the last step alone

  EXPECT_FALSE(check(c, record).is_sound());
}

/// Every stop rule at a bound that the run reaches before max-steps.
std::vector<StopRule> stop_rules() {
  return {StopRule(LossBelowStop{{3}}), StopRule(PlateauStop{{0.02, 5}}), StopRule(TimeStop{{0.405}}),
          StopRule(RidgeTimeStop{{0.0305}})};
}

TEST(CheckRecord, KnowsWhereEveryStopRuleEndsARun) {
  for (const StopRule& stop : stop_rules()) {
    for (const Schedule& schedule : {Schedule(ConstantSchedule{}), Schedule(ExponentialSchedule{{0.999}})}) {
      TrainingCase c(9, 20, 21, Activations::index_of<Tanh>(), 1, 2000);
      c.training.stop = stop;
      c.training.step_schedule = schedule;
      const RunRecord record = train(c);
      ASSERT_LT(record.steps, 2000) << stop.position();
      ASSERT_GT(record.steps, 5) << stop.position();
      EXPECT_EQ(check(c, record).wrong_end, "") << stop.position();

      const RunSettings settings{c.data, c.training, c.record};
      const auto wrong_end = [&](std::int64_t steps) {
        c.training.stop = NeverStop{};
        c.training.max_steps = steps;
        RunRecord other = train(c);
        other.reason = record.reason;
        return check_record(c.problem(), settings, c.run, other).wrong_end;
      };
      EXPECT_THAT(wrong_end(record.steps + 1), HasSubstr("should have ended it")) << stop.position();
      EXPECT_THAT(wrong_end(record.steps - 1), HasSubstr("should have continued")) << stop.position();
    }
  }
}

TEST(CheckRecord, PassesRunsThatDiverge) {
  for (const double step_size : {2.0, 1e3, 1e9, 1e30}) {
    for (const Precision precision : {Precision::float32, Precision::float64}) {
      for (int activation = 0; activation < Activations::size; ++activation) {
        TrainingCase c(9, 6, 21, activation, 0, 10000);
        c.record.steps = {0, 1, 2, 3, 5, 100, 10000};
        c.training.precision = precision;
        c.run.step_size = step_size;
        const RunRecord record = train(c);
        if (record.status == RunStatus::diverged) {
          const RecordCheck result = check(c, record);
          EXPECT_EQ(result.wrong_end, "") << step_size << " " << activation;
          for (const Deviation& d : result.deviations) {
            EXPECT_FALSE(d.is_wrong()) << Metrics::names[static_cast<std::size_t>(d.metric)] << " at step " << d.step
                                       << ": " << d.recorded << " and " << d.expected << ", " << step_size << " "
                                       << activation << " " << (precision == Precision::float32);
          }
        }
      }
    }
  }
}

TEST(CheckRecord, FindsANumberThatWasChangedInARunThatDiverges) {
  TrainingCase c(9, 6, 21, Activations::index_of<Linear>(), 0, 10000);
  c.run.step_size = 20;
  RunRecord record = train(c);
  ASSERT_EQ(record.status, RunStatus::diverged);
  ASSERT_TRUE(check(c, record).is_sound());
  record.trajectory[1] *= 1.001;  // the loss at step 1, long before the largest

  EXPECT_EQ(wrong_metric(check(c, record)), 0);
}

TEST(CheckRecord, AllowsMoreWhereARunMakesRoundingsGrow) {
  // Under drtp W grows without bound; once beta diverges, what is left of a decayed difference decides its sign.
  TrainingCase c(9, 20, 21, Activations::index_of<Linear>(), Rules::index_of<DirectRandomTargetProjection>(), 60);
  c.training.precision = Precision::float32;
  const RunRecord record = train(c, Solver::weight_space);
  ASSERT_EQ(record.status, RunStatus::diverged);

  const RecordCheck result = check(c, record);

  EXPECT_TRUE(result.is_sound());
  EXPECT_TRUE(result.is_sensitive);
  EXPECT_GT(result.deviations[0].relative, 0.1) << "the case is no longer one";
  EXPECT_GT(result.deviations[0].allowed, result.deviations[0].relative);
}

}  // namespace
}  // namespace fasweep
