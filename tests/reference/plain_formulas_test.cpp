#include "reference/plain_formulas.hpp"

#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/activation/list.hpp"
#include "model/loss/list.hpp"
#include "model/optimizer/list.hpp"
#include "model/rule/list.hpp"
#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"

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
  expect_all_known(Losses::names, plain_losses);
  expect_all_known(Optimizers::names, plain_optimizers);
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
  Schedules::for_each([](auto type) {
    for (const double first : {0.5, 0.9, 3.0, 7.0}) {
      typename decltype(type)::type schedule;
      std::vector<double> values(schedule.parameters.size());
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = first + 5 * static_cast<double>(i);
      }
      if (!take_values(schedule, values) || !schedule.valid()) {
        continue;
      }
      for (const std::int64_t t : {0, 1, 2, 3, 5, 6, 7, 8, 9, 1000}) {
        EXPECT_NEAR(plain_factor(schedule, t), schedule.factor(t), 1e-15) << schedule.name << " at " << t;
      }
    }
  });
}

}  // namespace
}  // namespace fasweep
