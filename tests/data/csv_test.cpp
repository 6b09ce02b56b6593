#include "data/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/data_case.hpp"

namespace fasweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal_of(std::string_view text, std::int64_t targets = 1) {
  return testing::refusal([&] { return parse_csv(text, targets, "table.csv"); });
}

TEST(Csv, LastColumnsAreTargets) {
  const Samples<double> samples = parse_csv("1,2,3\n-4, 5e-1 ,6\n", 2, "table.csv");

  EXPECT_EQ(samples.rows, 2);
  EXPECT_EQ(samples.inputs, 1);
  EXPECT_THAT(samples.x, ElementsAre(1, -4));
  EXPECT_THAT(samples.y, ElementsAre(2, 3, 0.5, 6));
}

TEST(Csv, HeaderMarkLineEndsAndLastNewlineDoNotMatter) {
  for (const char* text : {"1,2\n3,4\n", "a,b\n1,2\n3,4",
                           "\xef\xbb\xbf"
                           "a,b\r\n1,2\r\n3,4\r\n",
                           "\xef\xbb\xbf"
                           "1,2\n3,4"}) {
    const Samples<double> samples = parse_csv(text, 1, "table.csv");
    EXPECT_THAT(samples.x, ElementsAre(1, 3)) << text;
    EXPECT_THAT(samples.y, ElementsAre(2, 4)) << text;
  }
}

TEST(Csv, WhatIsNoFiniteNumberIsNamedByLineAndColumn) {
  for (const char* field : {"nan", "inf", "-inf", "1e999", "", "one", "1 2", "0x10", "\"3\""}) {
    const std::string text = "a,b,c\n1,2,3\n4," + std::string(field) + ",6\n";
    EXPECT_THAT(refusal_of(text), AllOf(HasSubstr("table.csv"), HasSubstr("line 3, column 2"))) << field;
  }
}

TEST(Csv, FirstLineWithOneNumberIsNoHeader) {
  EXPECT_THAT(refusal_of("a,2\n3,4\n"), HasSubstr("line 1, column 1 is 'a'"));
  EXPECT_THAT(refusal_of("nan,inf\n3,4\n"), HasSubstr("line 1, column 1 is 'nan'"));
}

TEST(Csv, LinesOfOtherWidthAreRefused) {
  EXPECT_THAT(refusal_of("1,2\n3,4,5\n"), HasSubstr("line 2 has 3 columns, line 1 has 2"));
  EXPECT_THAT(refusal_of("1,2\n\n3,4\n"), HasSubstr("line 2 has 1 columns"));
}

TEST(Csv, TablesWithoutSamplesOrInputsAreRefused) {
  EXPECT_THAT(refusal_of(""), HasSubstr("no samples"));
  EXPECT_THAT(refusal_of("a,b\n"), HasSubstr("no samples"));
  EXPECT_THAT(refusal_of("1,2\n", 2), HasSubstr("needs 1.."));
}

}  // namespace
}  // namespace fasweep
