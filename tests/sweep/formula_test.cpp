#include "sweep/formula.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/metric/list.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::string_view> known{"p", "n", "step-size"};

double value_of(std::string_view name) {
  return name == "p" ? 400 : name == "n" ? 50 : 0.5;
}

TEST(Formula, KnowsItsFunctionsAndVariables) {
  EXPECT_EQ(evaluate("200 * sqrt(p)", known, value_of), 4000);
  EXPECT_EQ(evaluate("0.1 / p", known, value_of), 0.00025);
  EXPECT_EQ(evaluate("step-size*2 - 1", known, value_of), 0) << "a hyphen in a known name is no minus";
  EXPECT_EQ(evaluate("p-n", known, value_of), 350);
  EXPECT_EQ(evaluate("min(p, n) + max(2, 3) + round(0.6) + floor(1.9)", known, value_of), 50 + 3 + 1 + 1);
  EXPECT_EQ(evaluate("log(exp(2)) + 2^3", known, value_of), 10) << "log is the natural logarithm";
  EXPECT_THAT(variables_of("step-size / sqrt(p) + step-size", known), ElementsAre("p", "step-size"));
}

TEST(Formula, ResultsHaveFifteenDigits) {
  EXPECT_EQ(evaluate("0.1 + 0.2", known, value_of), 0.3);
  EXPECT_EQ(round_value(1.0 / 3), 0.333333333333333);
  EXPECT_EQ(round_value(-0.0), 0);
}

TEST(Formula, WhatIsWrongIsSaid) {
  for (const char* text : {"p +", "sqrt(", "sin(p)", "p n", "1 = 2"}) {
    EXPECT_THROW(static_cast<void>(evaluate(text, known, value_of)), ConfigError) << text;
  }
  try {
    static_cast<void>(evaluate("1 / (p - 400)", known, value_of));
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("not a finite number"));
  }
}

}  // namespace
}  // namespace fasweep
