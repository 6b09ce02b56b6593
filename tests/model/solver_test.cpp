#include "model/solver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.hpp"

namespace fasweep {
namespace {

TEST(Solver, WeightSpaceTakesEveryRun) {
  for (int activation = 0; activation < Activations::size; ++activation) {
    for (int rule = 0; rule < Rules::size; ++rule) {
      EXPECT_TRUE(accepts(Solver::weight_space, {}, {}, {0, 200, 0, activation, rule, 0}));
      EXPECT_EQ(choose_solver(Solver::weight_space, {}, {}, {0, 200, 0, activation, rule, 0}), Solver::weight_space);
    }
  }
}

TEST(Solver, AutomaticChoiceIsASolverThatAcceptsTheRun) {
  for (int activation = 0; activation < Activations::size; ++activation) {
    const RunSpec run{0, 200, 0, activation, 0, 0};
    const Solver solver = choose_solver(Solver::automatic, {}, {}, run);
    EXPECT_NE(solver, Solver::automatic);
    EXPECT_TRUE(accepts(solver, {}, {}, run));
  }
}

TEST(Solver, RefusalNamesTheSolversThatCan) {
  const int tanh = Activations::index_of<Tanh>();
  try {
    static_cast<void>(choose_solver(Solver::reduced_linear, {}, {}, {0, 200, 0, tanh, 0, 0}));
    FAIL() << "reduced-linear took tanh";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("weight-space"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("tanh"));
  }
}

}  // namespace
}  // namespace fasweep
