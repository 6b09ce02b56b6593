#include "sweep/value_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<double> wholes(std::string_view text) {
  return parse_values(text, NumberKind::whole).numbers;
}
std::vector<double> reals(std::string_view text) {
  return parse_values(text, NumberKind::real).numbers;
}

TEST(ValueList, EveryFormOfTheGrammar) {
  EXPECT_THAT(wholes("100*2^1..3"), ElementsAre(200, 400, 800));
  EXPECT_THAT(wholes("0..3"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(wholes("1, 5..6 ,10^2, 3*4"), ElementsAre(1, 5, 6, 100, 12));
  EXPECT_THAT(wholes("logspace(10, 1000, 3)"), ElementsAre(10, 100, 1000));
  EXPECT_THAT(wholes("2^50..53"), ElementsAre(0x1p50, 0x1p51, 0x1p52, 0x1p53)) << "whole numbers are not rounded";
  EXPECT_THAT(reals("0, 0.1, 1e-3"), ElementsAre(0, 0.1, 1e-3));
  EXPECT_THAT(reals("linspace(0, 1, 3)"), ElementsAre(0, 0.5, 1));
  EXPECT_THAT(reals("linspace(4, 9, 1)"), ElementsAre(4));
}

TEST(ValueList, ValuesAreWhatAPersonWouldWrite) {
  EXPECT_THAT(reals("logspace(0.001, 1, 4)"), ElementsAre(0.001, 0.01, 0.1, 1));
  EXPECT_THAT(reals("10^-2..0"), ElementsAre(0.01, 0.1, 1));
  EXPECT_THAT(reals("1 - 0.9"), ElementsAre(0.1));
  const std::vector<double> values = reals("logspace(0.1, 0.7, 13)");
  EXPECT_EQ(values.front(), 0.1);
  EXPECT_EQ(values.back(), 0.7);
}

TEST(ValueList, ValuesThatDifferByRoundingAreOne) {
  EXPECT_THROW(reject_repeats(reals("0.1, 0.1000000000000001")), ConfigError);
  EXPECT_THROW(reject_repeats(reals("0.01, logspace(0.001, 1, 4)")), ConfigError);
  EXPECT_NO_THROW(reject_repeats(reals("0.1, 0.10000000001")));
}

TEST(ValueList, FormulasKeepTheirPlace) {
  const ValueList list = parse_values("1, 2 * p, 3", NumberKind::real);
  EXPECT_EQ(list.numbers.size(), 3U);
  EXPECT_THAT(list.formulas, ElementsAre(Pair(1, "2 * p")));
  EXPECT_THAT(parse_values("all, 3", NumberKind::whole,
                           [](std::string_view word) { return word == "all" ? std::optional(-1.0) : std::nullopt; })
                  .formulas,
              IsEmpty());
}

TEST(ValueList, BadItemsAreNamed) {
  for (const char* text : {"", " ", "1,,2", "3..1", "1..x", "linspace(0,1)", "linspace(0,1,0)", "logspace(0,1,3)", "2^",
                           "10^1..400", "1e999", "0..999999999999", "linspace(0,1,2", "1 +"}) {
    EXPECT_THROW(static_cast<void>(reals(text)), ConfigError) << text;
  }
  EXPECT_THROW(static_cast<void>(wholes("1.5")), ConfigError);
  EXPECT_THROW(static_cast<void>(wholes("2^-1")), ConfigError);
  try {
    static_cast<void>(reals("1, 2 bogus"));
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("2 bogus"));
  }
}

TEST(ValueList, FormattedValuesParseBack) {
  const auto whole = [](double value) { return std::to_string(static_cast<std::int64_t>(value)); };
  const std::vector<double> seeds{0, 1, 2, 3, 7, 9, 10};
  EXPECT_EQ(format_values(seeds, whole), "0..3, 7, 9, 10");
  EXPECT_EQ(wholes(format_values(seeds, whole)), seeds);
  const std::vector<double> ridges{0, 0.1, 1.0 / 3, 1, 2, 3, 4.5};
  EXPECT_EQ(reals(format_values(ridges, format_real)), ridges);
}

}  // namespace
}  // namespace fasweep
