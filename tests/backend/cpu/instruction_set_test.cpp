// Every instruction set of the build that this processor has trains by every solver as the first one does, but for
// rounding.
#include "backend/cpu/instruction_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/training_case.hpp"
#include "model/activation/list.hpp"
#include "model/rule/list.hpp"

namespace fasweep {
namespace {

using testing::are_same_bits;
using testing::expect_close;
using testing::TrainingCase;

struct Kind {
  Solver solver;
  int activation;
  Precision precision;
};

std::ostream& operator<<(std::ostream& out, const Kind& kind) {
  return out << name_of(kind.solver) << " " << Activations::names[static_cast<std::size_t>(kind.activation)] << " "
             << (kind.precision == Precision::float32 ? "float32" : "float64");
}

RunRecord train(const InstructionSet& set, const Kind& kind) {
  TrainingCase c(30, 20, 100, kind.activation, Rules::index_of<FeedbackAlignment>(), 50);
  c.training.precision = kind.precision;
  c.solver = kind.solver;
  const Problem problem = c.problem();
  return std::move(set.make_trainer()->train(c.request(problem)).at(0));
}

class InstructionSets : public ::testing::TestWithParam<Kind> {};

TEST_P(InstructionSets, TrainAlikeButForRounding) {
  const RunRecord first = train(instruction_sets().front(), GetParam());

  ASSERT_EQ(first.error, "");
  EXPECT_EQ(first.solver, GetParam().solver);
  for (const InstructionSet& set : instruction_sets()) {
    if (!set.is_here()) {
      GTEST_SKIP() << "this processor has no " << set.name;
    }
    const RunRecord record = train(set, GetParam());
    ASSERT_EQ(record.trajectory.size(), first.trajectory.size()) << set.name;
    // 50 steps of sums over 100 units: thousands of roundings, of which few add up. After 200 the errors are so small
    // that the direction of their gradient is rounding alone.
    const double relative = GetParam().precision == Precision::float64 ? 1e-11 : 1e-3;
    for (std::size_t i = 0; i < first.trajectory.size(); ++i) {
      expect_close(record.trajectory[i], first.trajectory[i], relative, relative * 0.1,
                   std::string(set.name) + ", number " + std::to_string(i));
    }
  }
}

std::vector<Kind> all_kinds() {
  std::vector<Kind> kinds;
  for (const Precision precision : {Precision::float32, Precision::float64}) {
    for (const Solver solver : {Solver::sample_space, Solver::weight_space, Solver::layered}) {
      for (const int activation : {Activations::index_of<Relu>(), Activations::index_of<Tanh>()}) {
        kinds.push_back({solver, activation, precision});
      }
    }
  }
  kinds.push_back({Solver::reduced_linear, Activations::index_of<Linear>(), Precision::float64});
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(EverySolver, InstructionSets, ::testing::ValuesIn(all_kinds()));

TEST(InstructionSet, TheFirstIsThatOfTheProgram) {
  const Kind kind{Solver::sample_space, Activations::index_of<Tanh>(), Precision::float32};
  const InstructionSet of_program{"", nullptr, make_cpu_trainer};

  EXPECT_TRUE(are_same_bits(train(instruction_sets().front(), kind).trajectory, train(of_program, kind).trajectory));
  EXPECT_TRUE(instruction_sets().front().is_here());
}

}  // namespace
}  // namespace fasweep
