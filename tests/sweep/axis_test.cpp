#include "sweep/axis.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.hpp"

namespace fasweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Axis, EveryFormOfTheGrammar) {
  EXPECT_THAT(parse_integer_axis("100*2^1..3"), ElementsAre(200, 400, 800));
  EXPECT_THAT(parse_integer_axis("0..3"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(parse_integer_axis("1, 5..6 ,10^2"), ElementsAre(1, 5, 6, 100));
  EXPECT_THAT(parse_real_axis("0, 0.1, 1e-3"), ElementsAre(0, 0.1, 1e-3));
  EXPECT_THAT(parse_real_axis("linspace(0, 1, 3)"), ElementsAre(0, 0.5, 1));
  EXPECT_THAT(parse_real_axis("10^-2..0"), ElementsAre(std::pow(10.0, -2.0), std::pow(10.0, -1.0), 1));
  EXPECT_THAT(parse_integer_axis("logspace(10, 1000, 3)"), ElementsAre(10, 100, 1000));
  EXPECT_THAT(parse_real_axis("linspace(4, 9, 1)"), ElementsAre(4));
}

TEST(Axis, EndsOfSpacedAxesAreExact) {
  const std::vector<double> values = parse_real_axis("logspace(0.1, 0.7, 13)");
  EXPECT_EQ(values.front(), 0.1);
  EXPECT_EQ(values.back(), 0.7);
}

TEST(Axis, BadItemsAreNamed) {
  for (const char* text : {"", " ", "1,,2", "x", "3..1", "1..x", "linspace(0,1)", "linspace(0,1,0)", "logspace(0,1,3)",
                           "2^", "3*4", "10^1..400", "1e999", "0..999999999999", "linspace(0,1,2", "nan"}) {
    EXPECT_THROW(static_cast<void>(parse_real_axis(text)), ConfigError) << text;
  }
  EXPECT_THROW(static_cast<void>(parse_integer_axis("1.5")), ConfigError);
  EXPECT_THROW(static_cast<void>(parse_integer_axis("2^-1")), ConfigError);
  try {
    static_cast<void>(parse_real_axis("1, bogus"));
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("bogus"));
  }
}

TEST(Axis, FormattedAxesParseBack) {
  const std::vector<std::int64_t> seeds{0, 1, 2, 3, 7, 9, 10};
  EXPECT_EQ(format_axis(seeds), "0..3, 7, 9, 10");
  EXPECT_EQ(parse_integer_axis(format_axis(seeds)), seeds);
  const std::vector<double> ridges{0, 0.1, 1.0 / 3, 1, 2, 3, 4.5};
  EXPECT_EQ(parse_real_axis(format_axis(ridges)), ridges);
}

}  // namespace
}  // namespace fasweep
