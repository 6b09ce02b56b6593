#include "data/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/data_case.hpp"

namespace fasweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Samples<double> parse(std::string_view text, const CsvReading& reading = {}) {
  return parse_csv(text, reading, "table.csv");
}

std::string refusal_of(std::string_view text, const CsvReading& reading = {}) {
  return testing::refusal([&] { return parse(text, reading); });
}

CsvReading with_target(std::string target) {
  CsvReading reading;
  reading.target = std::move(target);
  return reading;
}

CsvReading with_header(Header header) {
  CsvReading reading;
  reading.header = header;
  return reading;
}

TEST(Csv, LastColumnsAreTargets) {
  const Samples<double> samples = parse("1,2,3\n-4, 5e-1 ,6\n", {.targets = 2});

  EXPECT_EQ(samples.rows, 2);
  EXPECT_EQ(samples.inputs, 1);
  EXPECT_THAT(samples.x, ElementsAre(1, -4));
  EXPECT_THAT(samples.y, ElementsAre(2, 3, 0.5, 6));
  EXPECT_EQ(samples.reading, "targets column 2, column 3, no header");
}

TEST(Csv, DialectsAreOneTable) {
  for (const char* text :
       {"1,2\n3,4\n", "a,b\n1,2\n3,4",
        "\xef\xbb\xbf"
        "a,b\r\n1,2\r\n3,4\r\n",
        "\xef\xbb\xbf"
        "1,2\n3,4",
        "a;b\n1;2\n3;4\n", "1;2\n3;4", "a\tb\n1\t2\n3\t4\n", "\"a\",\"b\"\n\"1\",\"2\"\n\"3\", \"4\" \r\n",
        "\"a, b\",\"c \"\"d\"\"\"\n1,2\n3,4\n", "\"a;b\";c\n1;2\n3;4\n", "a (x; y),b\n1,2\n3,4\n", "1,\t2\n3,\t4\n"}) {
    const Samples<double> samples = parse(text);
    EXPECT_THAT(samples.x, ElementsAre(1, 3)) << text;
    EXPECT_THAT(samples.y, ElementsAre(2, 4)) << text;
  }
}

TEST(Csv, EmptyFieldsBetweenTabsAreFields) {
  EXPECT_THAT(refusal_of("a\tb\tc\n1\t\t2\n"), HasSubstr("line 2, column 2 is '', a missing value"));
  EXPECT_THAT(refusal_of("a\tb\tc\n1\t\"2\"\t\n"), HasSubstr("line 2, column 3 is ''"));
}

TEST(Csv, WhatIsNoFiniteNumberIsNamedByLineAndColumn) {
  for (const char* field : {"nan", "inf", "-inf", "1e999", "", "one", "1 2", "0x10", "\"\""}) {
    const std::string text = "a,b,c\n1,2,3\n4," + std::string(field) + ",6\n";
    EXPECT_THAT(refusal_of(text), AllOf(HasSubstr("table.csv"), HasSubstr("line 3, column 2"))) << field;
  }
}

TEST(Csv, FieldsAreShownAndNotObeyed) {
  const std::string message = refusal_of("a,b\n1,\x1b[2J\n");
  EXPECT_THAT(message, HasSubstr("'\\x1b[2J'"));
  EXPECT_THAT(message, Not(HasSubstr("\x1b")));
}

TEST(Csv, FirstLineThatCouldBeNamesOrASampleIsRefused) {
  EXPECT_THAT(refusal_of("a,2\n3,4\n"),
              AllOf(HasSubstr("column 1 is 'a' and column 2 is '2'"), HasSubstr("data.header")));
  EXPECT_THAT(refusal_of("0,1,2\n4.5,1.5,0\n"), AllOf(HasSubstr("counts from 0"), HasSubstr("data.header")));
  EXPECT_THAT(refusal_of(",0,1\n0,1.5,0\n"), AllOf(HasSubstr("counts from 0"), HasSubstr("data.header")));
  EXPECT_THAT(refusal_of("NA,NA,NA\n4.5,1.5,0\n"), AllOf(HasSubstr("missing values"), HasSubstr("data.header")));
  EXPECT_THAT(refusal_of("4.5,NA,1\n4.5,1.5,0\n"), AllOf(HasSubstr("column 2 is 'NA'"), HasSubstr("data.header")));
  EXPECT_THAT(refusal_of("nan,inf\n3,4\n"), HasSubstr("line 1, column 1 is 'nan'"));
}

TEST(Csv, HeaderIsWhatTheJobSays) {
  EXPECT_EQ(parse("0,1,2\n4.5,1.5,0\n", with_header(Header::yes)).rows, 1);
  EXPECT_EQ(parse("0,1,2\n4.5,1.5,0\n", with_header(Header::no)).rows, 2);
  EXPECT_EQ(parse("0,1,label\n4.5,1.5,0\n", with_header(Header::yes)).rows, 1);
  EXPECT_THAT(refusal_of("NA,NA\n1,2\n", with_header(Header::no)),
              HasSubstr("line 1, column 1 is 'NA', a missing value"));
}

TEST(Csv, KnownTablesAreReadAsInTheFirstVersion) {
  CsvReading known;
  known.is_known = true;
  EXPECT_EQ(parse("0,1,2\n4.5,1.5,0\n", known).rows, 2);
  EXPECT_EQ(parse("NA,NA,NA\n4.5,1.5,0\n", known).rows, 1);
  EXPECT_THAT(parse("label,a,b\n1,2,3\n", known).y, ElementsAre(3));
}

TEST(Csv, TargetIsFoundByNameOrNumber) {
  const char* text = "label,a,\"b, c\"\n1,2,3\n4,5,6\n";
  for (const char* target : {"label", "1", "\"label\""}) {
    const Samples<double> samples = parse(text, with_target(target));
    EXPECT_THAT(samples.y, ElementsAre(1, 4)) << target;
    EXPECT_THAT(samples.x, ElementsAre(2, 3, 5, 6)) << target;
    EXPECT_THAT(samples.input_names, ElementsAre("a", "b, c")) << target;
    EXPECT_EQ(samples.reading, "target 'label' (column 1)") << target;
  }
  EXPECT_THAT(parse(text, with_target("last")).y, ElementsAre(3, 6));
  const Samples<double> two = parse(text, with_target("3, label"));
  EXPECT_THAT(two.y, ElementsAre(3, 1, 6, 4));
  EXPECT_THAT(two.x, ElementsAre(2, 5));
}

TEST(Csv, TargetThatIsNotThereIsRefused) {
  const char* text = "label,a,b\n1,2,3\n";
  EXPECT_THAT(refusal_of(text, with_target("labels")),
              AllOf(HasSubstr("data.target"), HasSubstr("did you mean 'label'")));
  EXPECT_THAT(refusal_of(text, with_target("4")), HasSubstr("columns 1..3"));
  EXPECT_THAT(refusal_of(text, with_target("0")), HasSubstr("columns 1..3"));
  EXPECT_THAT(refusal_of(text, with_target("a, 2")), HasSubstr("column 2 is given twice"));
  EXPECT_THAT(refusal_of("1,2\n", with_target("label")), AllOf(HasSubstr("no names"), HasSubstr("data.header")));
  EXPECT_THAT(refusal_of("a,a,b\n1,2,3\n", with_target("a")), HasSubstr("several columns"));
  EXPECT_THAT(refusal_of("a,b\n1,2\n", with_target("a, b")), HasSubstr("needs 1.."));
}

TEST(Csv, NumberThatIsAlsoANameIsRefused) {
  CsvReading reading = with_target("2");
  reading.header = Header::yes;
  const char* text = "0,1,2\n4,5,6\n";
  EXPECT_THAT(refusal_of(text, reading), HasSubstr("quotation marks, \"2\" or \"1\""));
  reading.target = "\"2\"";
  EXPECT_THAT(parse(text, reading).y, ElementsAre(6));
}

TEST(Csv, NameOfATargetThatIsNotTheLastColumnIsRefused) {
  for (const char* name : {"label", "Class", "TARGET", "y"}) {
    const std::string text = std::string(name) + ",a,b\n1,2,3\n";
    EXPECT_THAT(refusal_of(text),
                AllOf(HasSubstr("column 1 is called '" + std::string(name)),
                      HasSubstr("set data.target = " + std::string(name) + ", or data.target = last")));
  }
  EXPECT_THAT(parse("y,a,label\n1,2,3\n").y, ElementsAre(3));
}

TEST(Csv, ColumnWithoutANameIsDoubtful) {
  EXPECT_THAT(parse(",a,b\n0,2,3\n").doubts, ElementsAre(HasSubstr("column 1 has no name")));
  EXPECT_TRUE(parse("a,b\n2,3\n").doubts.empty());
}

TEST(Csv, OtherSeparatorsAndDecimalCommasAreNamedWithTheCommandThatConverts) {
  EXPECT_THAT(refusal_of("a;b\n4,5;1\n"),
              AllOf(HasSubstr("'4,5', a number with a decimal comma"), HasSubstr("tr , . <")));
  EXPECT_THAT(refusal_of("4,5;1,5;0\n5,5;2,5;1\n"), HasSubstr("decimal comma"));
  EXPECT_THAT(refusal_of("\"4,5\",\"1,5\"\n\"5,5\",\"2,5\"\n", with_header(Header::no)),
              AllOf(HasSubstr("decimal comma"), HasSubstr("read_csv('table.csv', decimal=',')")));
  EXPECT_THAT(refusal_of("1.5 2.5\n3 4\n"), AllOf(HasSubstr("spaces"), HasSubstr("tr -s ' ' ,")));
  EXPECT_THAT(refusal_of("1 3:0.5 7:1\n"), HasSubstr("libsvm"));
  EXPECT_THAT(refusal_of("a,b\r1,2\r3,4\r"), HasSubstr("Macintosh"));
  EXPECT_THAT(refusal_of("a,\"b\n1,2\n"), HasSubstr("quotation marks do not close in line 1"));
}

TEST(Csv, LinesOfOtherWidthAreRefused) {
  EXPECT_THAT(refusal_of("1,2\n3,4,5\n"), HasSubstr("line 2 has 3 columns, line 1 has 2"));
  EXPECT_THAT(refusal_of("1,2\n\n3,4\n"), HasSubstr("line 2 has 1 columns"));
}

TEST(Csv, TablesWithoutSamplesOrInputsAreRefused) {
  EXPECT_THAT(refusal_of(""), HasSubstr("no samples"));
  EXPECT_THAT(refusal_of("a,b\n"), HasSubstr("no samples"));
  EXPECT_THAT(refusal_of("1,2\n", {.targets = 2}), HasSubstr("needs 1.."));
  EXPECT_THAT(refusal_of("1\n"), HasSubstr("it has 1 column, "));
}

}  // namespace
}  // namespace fasweep
