#include "reference/plain_formulas.hpp"

#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fasweep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <class Names, class Table>
void expect_all_known(const Names& names, const Table& table) {
  EXPECT_EQ(names.size(), table.size());
  for (const std::string_view name : names) {
    EXPECT_EQ(find_plain(table, name).name, name);
  }
}

TEST(PlainFormulas, KnowWhateverTheProgramKnows) {
  expect_all_known(Activations::names, plain_activations);
  expect_all_known(Rules::names, plain_rules);
  expect_all_known(Schedules::names, plain_schedules);
  expect_all_known(StopRules::names, plain_stop_rules);
}

TEST(PlainFormulas, RefuseWhatTheyDoNotKnow) {
  try {
    static_cast<void>(find_plain(plain_schedules, "warm-up"));
    FAIL() << "an unknown schedule was taken";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("schedule 'warm-up'"), HasSubstr("plain_formulas.cpp")));
  }
}

TEST(PlainFormulas, EqualTheProgramsElementForElement) {
  Activations::for_each([](auto type) {
    using Activation = typename decltype(type)::type;
    const PlainActivation& plain = find_plain(plain_activations, Activation::name);
    for (double z = -6.05; z < 6; z += 0.1) {
      EXPECT_NEAR(plain.psi(z), Activation::value(z), 1e-14) << Activation::name << " at " << z;
      EXPECT_NEAR(plain.psi_prime(z), Activation::derivative(z, Activation::value(z)), 1e-14) << Activation::name;
    }
  });
  for (const Schedule& schedule :
       {Schedule(ConstantSchedule{}), Schedule(CutoffSchedule{{7}}), Schedule(ExponentialSchedule{{0.9}}),
        Schedule(InverseSquareSchedule{{5}}), Schedule(MultistepSchedule{{0.5, 3, 8}})}) {
    for (const std::int64_t t : {0, 1, 2, 3, 6, 7, 8, 9, 1000}) {
      EXPECT_NEAR(plain_factor(schedule, t), schedule_factor(schedule, t), 1e-15) << t;
    }
  }
}

}  // namespace
}  // namespace fasweep
