#include "sweep/find_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.hpp"

namespace fasweep {
namespace {

using ::testing::HasSubstr;

Plan make_plan() {
  return Plan(
      parse_job("[grid]\np = 8, 16, 32\nlambda = linspace(0, 0.3, 4)\nactivation = linear, relu\nseed = 0..4\n"
                "[training]\nschedule = constant, multistep(0.5, 10)\n",
                "test"));
}

std::string refusal_of(const Plan& plan, std::string_view where) {
  try {
    static_cast<void>(find_run(plan, where));
    return "accepted";
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST(FindRun, EveryRunIsFoundByItsColumns) {
  const Plan plan = make_plan();
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    std::string where;
    for (const Key* key : plan.columns()) {
      where += (where.empty() ? "" : ",") + std::string(key->column) + "=" + write_value(*key, plan.point(run));
    }
    EXPECT_EQ(find_run(plan, where), run) << where;
  }
}

TEST(FindRun, KeysAreCalledAsInTheFileOrInTheJob) {
  const Plan plan = make_plan();
  const std::int64_t run = find_run(plan, "p=16, lambda=0.1, activation=relu, seed=3, schedule=multistep(0.5, 10)");
  const Point point = plan.point(run);
  EXPECT_EQ(point.run.width, 16);
  EXPECT_EQ(point.run.seed, 3);
  EXPECT_EQ(
      find_run(plan, "grid.p=16,grid.lambda=1e-1,step-size=0.001,grid.seed=3,training.schedule=multistep(0.5, 10)"),
      run);
}

TEST(FindRun, NumbersWithinRoundingAreOne) {
  const Plan plan = make_plan();
  EXPECT_EQ(find_run(plan, "p=8,lambda=0.30000000000000004,activation=relu,seed=0,schedule=constant"),
            find_run(plan, "p=8,lambda=0.3,activation=relu,seed=0,schedule=constant"));
}

TEST(FindRun, NoneIsAnsweredWithTheNearest) {
  const Plan plan = make_plan();
  const std::string message = refusal_of(plan, "p=17,lambda=0.12,activation=relu");
  EXPECT_THAT(message, HasSubstr("0 of 240 runs have p = 17, lambda = 0.12, activation = relu (nearest: p = 16, "
                                 "lambda = 0.1, activation = relu; "));
  EXPECT_THAT(refusal_of(plan, "p=16,seed=9"), HasSubstr("(nearest: p = 16, seed = 4; "));
}

TEST(FindRun, SeveralAreAnsweredWithWhatTellsThemApart) {
  const std::string message = refusal_of(make_plan(), "p=16,activation=relu,lambda=0");
  EXPECT_THAT(message, HasSubstr("10 of 240 runs have p = 16"));
  EXPECT_THAT(message, HasSubstr("(they differ in seed: 0, 1, 2, 3, 4; schedule: constant, multistep(0.5, 10))"));
}

TEST(FindRun, UnknownKeysAndValuesAreNamed) {
  const Plan plan = make_plan();
  EXPECT_THAT(refusal_of(plan, "lamda=0"), HasSubstr("lambda"));
  EXPECT_THAT(refusal_of(plan, "p"), HasSubstr("'p' has no '='"));
  EXPECT_THAT(refusal_of(plan, "activation=rely"), HasSubstr("relu"));
  EXPECT_THAT(refusal_of(plan, "p=0"), HasSubstr("key 'grid.p'"));
}

}  // namespace
}  // namespace fasweep
