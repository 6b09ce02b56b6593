#include "model/schedule/list.hpp"

#include <cmath>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "support/test_types.hpp"

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

/// A schedule of the type with values that it accepts.
template <class Type>
Type example() {
  for (const double first : {0.5, 3.0}) {
    Type schedule;
    std::vector<double> values(Type::parameters.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = first + 10 * static_cast<double>(i);
    }
    if (take_values(schedule, values) && schedule.valid()) {
      return schedule;
    }
  }
  throw std::logic_error("no example of this schedule; give it values here");
}

template <class Type>
class EverySchedule : public ::testing::Test {};
TYPED_TEST_SUITE(EverySchedule, testing::TestTypes<Schedules>::List, );

TYPED_TEST(EverySchedule, FactorsAreFiniteAndNotNegative) {
  const TypeParam schedule = example<TypeParam>();
  for (const std::int64_t t : {0L, 1L, 2L, 100L, 1'000'000'000L}) {
    EXPECT_TRUE(std::isfinite(schedule.factor(t))) << t;
    EXPECT_GE(schedule.factor(t), 0) << t;
  }
}

TYPED_TEST(EverySchedule, TakesOneValueForEachParameterAtLeast) {
  TypeParam schedule;
  const std::size_t count = TypeParam::parameters.size();

  EXPECT_TRUE(take_values(schedule, std::vector<double>(count, 1)));
  EXPECT_EQ(schedule.values.size(), count);
  if (count > 0) {
    EXPECT_FALSE(take_values(schedule, std::vector<double>(count - 1, 1)));
  }
}

TEST(Schedule, MilestonesAreAList) {
  MultistepSchedule schedule;

  ASSERT_TRUE(take_values(schedule, std::vector<double>{0.5, 3, 5, 9}));
  EXPECT_TRUE(schedule.valid());
  EXPECT_EQ(schedule.factor(2), 1);
  EXPECT_EQ(schedule.factor(3), 0.5);
  EXPECT_EQ(schedule.factor(8), 0.25);
  EXPECT_EQ(schedule.factor(9), 0.125);
  EXPECT_FALSE((MultistepSchedule{{0.5, 3, 3}}.valid()));
  EXPECT_FALSE((MultistepSchedule{{-0.5, 3}}.valid()));
}

TEST(Schedule, OnlyTheConstantOneIsConstant) {
  EXPECT_TRUE(is_constant(ConstantSchedule{}));
  EXPECT_FALSE(is_constant(CutoffSchedule{{7}}));
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
