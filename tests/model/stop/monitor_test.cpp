#include "model/stop/monitor.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"
#include "support/test_types.hpp"

namespace fasweep {
namespace {

TEST(StopMonitor, RunsToMaxSteps) {
  StopMonitor monitor(NeverStop{}, ConstantSchedule{}, 0.1, 0, 2);

  EXPECT_FALSE(monitor.check(0, 1, 1));
  EXPECT_FALSE(monitor.check(1, 1, 1));
  EXPECT_EQ(monitor.check(2, 1, 1), StopReason::max_steps);
}

TEST(StopMonitor, TimeIsStepSizeTimesSteps) {
  EXPECT_EQ(StopMonitor(TimeStop{{1}}, ConstantSchedule{}, 0.1, 0, 1000).last_step(), 10);
  EXPECT_EQ(StopMonitor(TimeStop{{1.05}}, ConstantSchedule{}, 0.1, 0, 1000).last_step(), 11);
  EXPECT_EQ(StopMonitor(TimeStop{{1e30}}, ConstantSchedule{}, 0.1, 0, 1000).last_step(), 1000);
}

TEST(StopMonitor, TimeSumsTheScheduleOfTheStepSize) {
  const MultistepSchedule halves{{0.5, 4}};  // eta = 0.1 for 4 steps, then 0.05
  EXPECT_EQ(StopMonitor(TimeStop{{0.6}}, ConstantSchedule{}, 0.1, 0, 1000, halves).last_step(), 8);
  EXPECT_EQ(StopMonitor(RidgeTimeStop{{0.3}}, ConstantSchedule{}, 0.1, 0.5, 1000, halves).last_step(), 8);
}

template <class Rule>
class EveryStopRule : public ::testing::Test {};
TYPED_TEST_SUITE(EveryStopRule, testing::TestTypes<StopRules>::List, );

TYPED_TEST(EveryStopRule, EndsAtMaxStepsAtTheLatest) {
  TypeParam rule;
  ASSERT_TRUE(take_values(rule, std::vector<double>(TypeParam::parameters.size(), 1)));
  ASSERT_TRUE(rule.valid());
  StopMonitor monitor(rule, ConstantSchedule{}, 1e-3, 1e-3, 7);
  EXPECT_LE(monitor.last_step(), 7);
  for (std::int64_t step = 0; step < 7; ++step) {
    EXPECT_FALSE(monitor.check(step, 1000.0 * std::pow(3.0, static_cast<double>(step)),
                               1000.0 * std::pow(3.0, static_cast<double>(step))))
        << step;
  }
  EXPECT_EQ(monitor.check(7, 1e9, 1e9), StopReason::max_steps);
}

TYPED_TEST(EveryStopRule, OnlyRulesThatLookAtTheLossWantIt) {
  TypeParam rule;
  ASSERT_TRUE(take_values(rule, std::vector<double>(TypeParam::parameters.size(), 1)));
  EXPECT_EQ(looks_at_loss(StopRule(rule)), TypeParam::looks_at_loss);
  if (!TypeParam::looks_at_loss) {
    EXPECT_FALSE(rule.wants_regularized_loss(0));
  }
}

TEST(StopMonitor, RidgeTimeSumsTheSchedule) {
  const RidgeTimeStop rule{{0.5}};
  EXPECT_EQ(StopMonitor(rule, ConstantSchedule{}, 0.1, 0.5, 1000).last_step(), 10);
  EXPECT_EQ(StopMonitor(rule, ConstantSchedule{}, 0.1, 0, 1000).last_step(), 1000);
  // lambda 0.5 for 4 steps sums to eta lambda t = 0.2: never reaches 0.5.
  EXPECT_EQ(StopMonitor(rule, CutoffSchedule{{4}}, 0.1, 0.5, 1000).last_step(), 1000);
  EXPECT_EQ(StopMonitor(rule, CutoffSchedule{{40}}, 0.1, 0.5, 1000).last_step(), 10);
  StopMonitor monitor(rule, ConstantSchedule{}, 0.1, 0.5, 1000);
  EXPECT_FALSE(monitor.check(0, 1, 1));
  EXPECT_EQ(monitor.check(10, 1, 1), StopReason::ridge_time);
}

TEST(StopMonitor, PlateauComparesLossesOneWindowApart) {
  StopMonitor monitor(PlateauStop{{0.1, 10}}, ConstantSchedule{}, 0.1, 0, 1000);

  EXPECT_TRUE(monitor.wants_regularized_loss(20));
  EXPECT_FALSE(monitor.wants_regularized_loss(21));
  EXPECT_FALSE(monitor.check(0, 100, 100));
  EXPECT_FALSE(monitor.check(5, 100, 100));                   // not a multiple of the window
  EXPECT_FALSE(monitor.check(10, 80, 80));                    // changed by 20 %
  EXPECT_EQ(monitor.check(20, 75, 75), StopReason::plateau);  // by 6 %
}

TEST(StopMonitor, PlateauLooksAtRisesToo) {
  StopMonitor monitor(PlateauStop{{0.1, 10}}, ConstantSchedule{}, 0.1, 0, 1000);

  EXPECT_FALSE(monitor.check(0, 1, 1));
  EXPECT_FALSE(monitor.check(10, 5, 5));
  EXPECT_EQ(monitor.check(20, 5.1, 5.1), StopReason::plateau);
}

TEST(StopMonitor, LossBelowUsesTheUnregularizedLoss) {
  StopMonitor monitor(LossBelowStop{{0.5}}, ConstantSchedule{}, 0.1, 1, 1000);

  EXPECT_FALSE(monitor.check(0, 0.6, 0.4));
  EXPECT_EQ(monitor.check(1, 0.4, 0.6), StopReason::loss_below);
}

TEST(StopMonitor, DivergenceIsSeenAtTheStepItHappens) {
  StopMonitor monitor(NeverStop{}, ConstantSchedule{}, 0.1, 0, 1000);

  EXPECT_FALSE(monitor.check(0, 2, 2));
  EXPECT_FALSE(monitor.check(1, 1e12, 1e12));
  EXPECT_EQ(monitor.check(2, 1e13, 1e13), StopReason::exploding_loss);
  EXPECT_EQ(monitor.check(3, std::nan(""), 0), StopReason::non_finite_loss);
  EXPECT_EQ(monitor.check(4, std::numeric_limits<double>::infinity(), 0), StopReason::non_finite_loss);
}

}  // namespace
}  // namespace fasweep
