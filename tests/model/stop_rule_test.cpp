#include "model/stop_rule.hpp"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

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
