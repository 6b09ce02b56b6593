#include "model/schedule.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace fasweep {
namespace {

double sum(const Schedule& schedule, std::int64_t steps) {
  double total = 0;
  for (std::int64_t t = 0; t < steps; ++t) {
    total += schedule_factor(schedule, t);
  }
  return total;
}

TEST(Schedule, SumsAreTheClosedForms) {
  EXPECT_EQ(sum(ConstantSchedule{}, 10), 10);
  EXPECT_EQ(sum(CutoffSchedule{{7}}, 100), 7);
  EXPECT_NEAR(sum(ExponentialSchedule{{0.9}}, 1000), 1 / (1 - 0.9), 1e-12);  // tail 0.9^1000 < 1e-45
  // tau = 1: pi^2 / 6; the tail after N terms is 1/N to first order, the second order 1/(2 N^2) is the tolerance.
  const double pi = std::acos(-1.0);
  EXPECT_NEAR(sum(InverseSquareSchedule{{1}}, 100000) + 1e-5, pi * pi / 6, 1e-9);
}

TEST(Schedule, FactorsLieBetweenZeroAndOne) {
  for (const Schedule& schedule : {Schedule(ConstantSchedule{}), Schedule(CutoffSchedule{{3}}),
                                   Schedule(ExponentialSchedule{{0.5}}), Schedule(InverseSquareSchedule{{10}})}) {
    EXPECT_EQ(schedule_factor(schedule, 0), 1);
    for (std::int64_t t = 1; t < 50; ++t) {
      EXPECT_GE(schedule_factor(schedule, t), 0);
      EXPECT_LE(schedule_factor(schedule, t), schedule_factor(schedule, t - 1));
    }
  }
}

TEST(Schedule, ParametersOutOfRangeAreInvalid) {
  EXPECT_FALSE(CutoffSchedule{{-1}}.valid());
  EXPECT_FALSE(ExponentialSchedule{{0}}.valid());
  EXPECT_FALSE(ExponentialSchedule{{1.5}}.valid());
  EXPECT_FALSE(InverseSquareSchedule{{0}}.valid());
}

}  // namespace
}  // namespace fasweep
