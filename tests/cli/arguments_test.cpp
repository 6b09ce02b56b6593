#include "cli/arguments.hpp"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/format.hpp"

namespace fasweep::cli {
namespace {

using ::testing::HasSubstr;

ArgumentGrammar test_grammar() {
  ArgumentGrammar grammar("status");
  grammar.options.add_options()("test-only-workers", program_options::value<int>()->default_value(1), "");
  grammar.add_positional("file");
  return grammar;
}

int workers_of(const Arguments& arguments) {
  return read_arguments(test_grammar(), arguments).values["test-only-workers"].as<int>();
}

TEST(Arguments, FlagWinsOverEnvironmentOverDefault) {
  EXPECT_EQ(workers_of({"f.h5"}), 1);
  setenv("FASWEEP_TEST_ONLY_WORKERS", "2", 1);
  EXPECT_EQ(workers_of({"f.h5"}), 2);
  EXPECT_EQ(workers_of({"f.h5", "--test-only-workers", "3"}), 3);
  unsetenv("FASWEEP_TEST_ONLY_WORKERS");
}

TEST(Arguments, UnknownRepeatedMissingAndSurplusOnesAreRefused) {
  for (const Arguments& arguments : std::vector<Arguments>{{"f.h5", "--bogus"},
                                                           {"f.h5", "--test-only-work", "3"},
                                                           {"f.h5", "--test-only-workers", "x"},
                                                           {"f.h5", "--test-only-workers=1", "--test-only-workers=2"},
                                                           {},
                                                           {"f.h5", "g.h5"}}) {
    EXPECT_THROW(static_cast<void>(workers_of(arguments)), ConfigError);
  }
}

TEST(Arguments, OverridesNeedAnEqualsSign) {
  EXPECT_EQ(read_overrides({"grid.p = 3"}), (KeyValues{{"grid.p", "3"}}));
  EXPECT_EQ(read_overrides({"a.b=c=d"}), (KeyValues{{"a.b", "c=d"}}));
  EXPECT_THROW(static_cast<void>(read_overrides({"grid.p"})), ConfigError);
}

TEST(Arguments, DurationsAreWrittenAsPeopleAndSlurmWriteThem) {
  EXPECT_EQ(parse_duration("90"), 90);
  EXPECT_EQ(parse_duration("90s"), 90);
  EXPECT_EQ(parse_duration("1.5h"), 5400);
  EXPECT_EQ(parse_duration("15m"), 900);
  EXPECT_EQ(parse_duration("2d"), 172800);
  EXPECT_EQ(parse_duration("1:30:00"), 5400);
  EXPECT_EQ(parse_duration("10:00"), 600);
  EXPECT_EQ(parse_duration("1-12:00:00"), 129600);
  for (const char* text : {"", "0", "-5", "x", "5x", "1:x", "m", "1--2"}) {
    EXPECT_THROW(static_cast<void>(parse_duration(text)), ConfigError) << text;
  }
}

TEST(Arguments, MissingJobFilesAreNamed) {
  try {
    static_cast<void>(load_job("no-such-job.cfg", {}));
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no-such-job.cfg"));
  }
}

TEST(Format, DurationsAndBytes) {
  EXPECT_EQ(format_duration(0.0123), "12 ms");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(250), "4 min 10 s");
  EXPECT_EQ(format_duration(7500), "2 h 5 min");
  EXPECT_EQ(format_duration(273600), "3 d 4 h");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "unknown");
  EXPECT_EQ(format_bytes(12), "12 B");
  EXPECT_EQ(format_bytes(3.5 * 1024 * 1024), "3.5 MiB");
}

}  // namespace
}  // namespace fasweep::cli
