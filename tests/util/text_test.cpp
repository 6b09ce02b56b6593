#include "util/text.hpp"

#include <array>

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fasweep {
namespace {

using ::testing::ElementsAre;

TEST(Text, SplitKeepsCommasInsideParentheses) {
  EXPECT_THAT(split(" 1, linspace(0, 1, 3) ,2", ','), ElementsAre("1", "linspace(0, 1, 3)", "2"));
}

TEST(Text, NumbersMustBeTheWholeText) {
  EXPECT_EQ(parse_integer("12"), 12);
  EXPECT_EQ(parse_integer("-3"), -3);
  for (const char* text : {"", " 1", "1 ", "1.5", "0x10", "1e3", "9223372036854775808"}) {
    EXPECT_FALSE(parse_integer(text)) << text;
  }
  EXPECT_EQ(parse_real("1e-4"), 1e-4);
  for (const char* text : {"", "nan", "inf", "1e999", "1,5", "3 4"}) {
    EXPECT_FALSE(parse_real(text)) << text;
  }
}

TEST(Text, RealsRoundTripThroughTheirShortestText) {
  for (const double value : {0.1, 1.0 / 3.0, 1e-300, 12345678901234567.0, -0.0}) {
    EXPECT_EQ(parse_real(format_real(value)), value);
  }
  EXPECT_EQ(format_real(0.3), "0.3");
}

TEST(Text, CallsHaveANameAndArguments) {
  const auto plateau = parse_call("plateau(1e-4, 1000)");
  ASSERT_TRUE(plateau);
  EXPECT_EQ(plateau->name, "plateau");
  EXPECT_THAT(plateau->arguments, ElementsAre("1e-4", "1000"));
  EXPECT_TRUE(parse_call("never")->arguments.empty());
  for (const char* text : {"f(1", "f)1(", "f(1)x", "f((1)", "f(1))", "f(1)(2)"}) {
    EXPECT_FALSE(parse_call(text)) << text;
  }
  EXPECT_THAT(parse_call("cutoff(200 * sqrt(p), g(a, b))")->arguments, ElementsAre("200 * sqrt(p)", "g(a, b)"));
}

TEST(Text, NearestNameIsTheOneThatWasMeant) {
  constexpr std::array<std::string_view, 3> names{"step-size", "schedule", "stop"};
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(nearest_name("stepsize", names), "step-size");
  EXPECT_EQ(nearest_name("stpo", names), "") << "two letters of four differ";
  EXPECT_EQ(suggest("shedule", names), "; did you mean 'schedule'?");
  EXPECT_EQ(suggest("bogus", names), "");
}

TEST(Text, StableHashIsFnv1a) {
  // Published test vectors of FNV-1a, 64 bits.
  EXPECT_EQ(stable_hash(""), 0xcbf29ce484222325U);
  EXPECT_EQ(stable_hash("foobar"), 0x85944171f73967e8U);
  EXPECT_EQ(format_hash(0x85944171f73967e8U), "85944171f73967e8");
}

TEST(Checksum, ReadsBackExactlyWhatIsWritten) {
  for (const std::uint32_t checksum : {0U, 0xabcU, 0xffffffffU}) {
    EXPECT_EQ(parse_checksum(format_checksum(checksum)), checksum);
  }
  for (const char* text : {"", "abc", "00000ABC", "00000abcd", "0000000g", "unread"}) {
    EXPECT_FALSE(parse_checksum(text)) << text;
  }
}

TEST(Text, ControlCharactersAreShownAndNotObeyed) {
  EXPECT_EQ(printable("a b,\xc3\xbc"), "a b,\xc3\xbc");
  EXPECT_EQ(printable(std::string_view("\x1b[2J\0\n\x7f", 7)), "\\x1b[2J\\x00\\x0a\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m\xc2\xa0\xc3\x9b"),
            "\\xc2\\x9b"
            "31m\xc2\xa0\xc3\x9b");
}

TEST(Text, MessagesKeepTheirLinesAndTheirEnds) {
  EXPECT_EQ(presentable(""), "");
  EXPECT_EQ(presentable("one\n  two\x1b\n"), "one\n  two\\x1b\n");
  std::string umlauts;
  while (umlauts.size() < 1'000'000) {
    umlauts += "\xc3\xbc";
  }
  for (const std::string shift : {"", "x"}) {
    const std::string shown = presentable("problem " + shift + umlauts + " what to do");
    EXPECT_LT(shown.size(), 4000U);
    EXPECT_THAT(shown, ::testing::StartsWith("problem " + shift + "\xc3\xbc"));
    EXPECT_THAT(shown, ::testing::EndsWith("\xc3\xbc what to do"));
    EXPECT_THAT(shown, ::testing::HasSubstr("\xc3\xbc [... 9"));
    EXPECT_THAT(shown, ::testing::HasSubstr("bytes left out ...] \xc3\xbc"));
  }
}

}  // namespace
}  // namespace fasweep
