// Any key as an axis: lists, zips, formulas, unions, samples.
#include "sweep/grid.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/schedule/list.hpp"
#include "sweep/plan_differences.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Plan plan_of(const std::string& text, const KeyValues& overrides = {}) {
  return Plan(parse_job(text, "test.cfg", overrides));
}

std::string error_of(const std::string& text) {
  try {
    static_cast<void>(plan_of(text));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

std::set<std::uint64_t> identities(const Plan& plan) {
  std::set<std::uint64_t> found;
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    found.insert(plan.identity(run));
  }
  return found;
}

constexpr const char* seven_axes = R"([grid]
p = 4, 8
lambda = 0, 0.1
seed = 0..1
[data]
n = 20, 50
[training]
step-size = 1e-4, 1e-3
schedule = constant, cutoff(5), exponential(0.99)
batch-size = all, 7
max-steps = 100
)";

TEST(Grid, AnySettingIsAnAxis) {
  const Plan plan = plan_of(seven_axes);
  EXPECT_EQ(plan.size(), 2 * 2 * 2 * 2 * 2 * 3 * 2);
  std::set<std::string> points;
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const Point point = plan.point(run);
    points.insert(settings_lines(point, plan.job()) + axes_lines(point));
    EXPECT_EQ(plan.settings(run).data.samples, point.data.samples);
  }
  EXPECT_EQ(static_cast<std::int64_t>(points.size()), plan.size());
  EXPECT_EQ(static_cast<std::int64_t>(identities(plan).size()), plan.size());
  EXPECT_EQ(plan.problems(), 2 * 2 * 2) << "runs that differ in how they train share data and initial state";
}

TEST(Grid, RunsAreCalledWhatTheyWouldBeCalledAlone) {
  const Plan whole = plan_of(seven_axes);
  const Plan alone = plan_of(
      "[grid]\np = 8\nlambda = 0.1\nseed = 1\n[data]\nn = 20\n[training]\nstep-size = 1e-3\n"
      "schedule = cutoff(5)\nmax-steps = 100\n",
      {{"record.metrics", "loss"}});
  const Plan same = plan_of(seven_axes, {{"record.metrics", "loss"}});
  EXPECT_TRUE(identities(same).contains(alone.identity(0)));
  EXPECT_FALSE(identities(whole).contains(alone.identity(0))) << "it has other metrics there";
}

TEST(Grid, ResolvedTextOfEveryFormIsAFixedPoint) {
  for (const std::string& text :
       {std::string(seven_axes),
        std::string("[grid]\np = 4, 8\nzip = p, n\n[data]\nn = 5, 7\n[training]\nstep-size = 0.1 / p\n"),
        std::string("[grid]\np = 4\nlambda = uniform(0, 1)\nsample = sobol(8)\n[training]\nstep-size = "
                    "loguniform(1e-4, 1e-2)\n"),
        std::string("[grid]\np = 4\ntraining.step-size = 0.5\n[grid]\np = 8\n[training]\nstep-size = 0.25\n")}) {
    const Job job = parse_job(text, "test.cfg");
    const std::string resolved = resolved_text(job);
    const Job again = parse_stored_job(resolved, "resolved");
    EXPECT_EQ(resolved_text(again), resolved);
    EXPECT_EQ(identities(Plan(again)), identities(Plan(job))) << resolved;
  }
}

TEST(Grid, ZippedAxesAdvanceTogether) {
  const Plan plan =
      plan_of("[grid]\np = 4, 8\nlambda = 0, 1\nzip = n, d; lambda, p\n[data]\nn = 5, 6, 7\nd = 15, 16, 17\n");
  ASSERT_EQ(plan.size(), 6);
  std::set<std::vector<double>> points;
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const Point point = plan.point(run);
    EXPECT_EQ(point.data.inputs, point.data.samples + 10);
    EXPECT_EQ(point.run.ridge, point.run.width == 4 ? 0 : 1);
    points.insert({point.run.ridge, static_cast<double>(point.data.samples)});
  }
  EXPECT_EQ(points.size(), 6U);
  EXPECT_EQ(plan_of("[grid]\np = 4, 4, 8\nzip = p, n\n[data]\nn = 5, 6, 5\n").size(), 3) << "a list may repeat there";
  EXPECT_EQ(plan_of("[grid]\np = 4, 4, 8\nzip = p, n\n[data]\nn = 5, 5, 5\n").size(), 2) << "a run may not";
  EXPECT_THAT(error_of("[grid]\np = 4\n[training]\nschedule = cutoff(p), cutoff(p)\n"), HasSubstr("given twice"));
  EXPECT_THAT(error_of("[grid]\np = 4, 8\nzip = p, n\n[data]\nn = 5, 6, 7\n"),
              AllOf(HasSubstr("grid.zip"), HasSubstr("3")));
  EXPECT_THAT(error_of("[grid]\np = 4, 8\nzip = p, dd\n[data]\nd = 5, 6\n"), HasSubstr("dd"));
  EXPECT_THAT(error_of("[grid]\np = 4, 8\nzip = p, n\n"), HasSubstr("no list of its own"));
}

TEST(Grid, FormulasFollowTheRunsOtherValues) {
  const Plan plan = plan_of(
      "[grid]\np = 100, 400\n[data]\nn = round(p / 20)\nd = 3 * n\n[training]\nstep-size = 0.1 / p\n"
      "schedule = cutoff(200 * sqrt(p)), constant\nmax-steps = 9 epochs\nbatch-size = 2\n");
  ASSERT_EQ(plan.size(), 4);
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const Point point = plan.point(run);
    EXPECT_EQ(point.data.samples, point.run.width / 20);
    EXPECT_EQ(point.data.inputs, 3 * point.data.samples);
    EXPECT_EQ(point.run.step_size, 0.1 / point.run.width);
    EXPECT_EQ(point.training.max_steps, 9 * ((point.data.samples + 1) / 2));
    if (const Schedule& schedule = point.training.schedule; !is_constant(schedule)) {
      EXPECT_EQ(schedule, Schedule(CutoffSchedule{{200 * std::sqrt(point.run.width)}}));
    }
  }
  EXPECT_THAT(error_of("[grid]\np = 10\n[data]\nn = d\nd = n\n"), HasSubstr("depends on itself"));
  EXPECT_THAT(error_of("[grid]\np = 10\n[data]\nn = p / 3\n"), AllOf(HasSubstr("data.n"), HasSubstr("whole")));
  EXPECT_THAT(error_of("[grid]\np = 10\n[training]\nstep-size = 1 - p\n"), HasSubstr("not a positive number"));
  EXPECT_THAT(error_of("[grid]\np = 10\n[training]\nstep-size = 1 / widht\n"), HasSubstr("widht"));
}

TEST(Grid, LastRunsOfAFormulaAreCheckedToo) {
  EXPECT_THAT(error_of("[grid]\np = 1..50\n[training]\nbatch-size = p\n"), "accepted");
  EXPECT_THAT(error_of("[grid]\np = 1..51\n[training]\nbatch-size = p\n"), HasSubstr("batch-size"));
}

TEST(Grid, UnitedGridsHoldEveryRunOnceInOrder) {
  const Plan first = plan_of("[grid]\np = 4, 8\nlambda = 0, 1\n");
  const Plan both = plan_of("[grid]\np = 4, 8\nlambda = 0, 1\n[grid]\np = 8, 16\nlambda = 1, 2\n");
  ASSERT_EQ(both.size(), 4 + 3);
  EXPECT_EQ(static_cast<std::int64_t>(identities(both).size()), both.size());
  for (std::int64_t run = 0; run < first.size(); ++run) {
    EXPECT_EQ(both.identity(run), first.identity(run));
  }
  std::int64_t runs = 0;
  for (std::int64_t problem = 0; problem < both.problems(); ++problem) {
    const RunRange range = both.runs_of(problem);
    EXPECT_EQ(range.first, runs);
    for (std::int64_t run = range.first; run < range.first + range.count; ++run) {
      EXPECT_EQ(both.problem_of(run), problem);
      EXPECT_EQ(problem_key(both.at(run)), problem_key(both.at(range.first)));
    }
    runs += range.count;
  }
  EXPECT_EQ(runs, both.size());
  EXPECT_THAT(plan_differences(first, both), IsEmpty());
  EXPECT_THAT(plan_differences(both, first),
              ElementsAre(AllOf(HasSubstr("grid.p"), HasSubstr("4, 8 | 8, 16")), HasSubstr("grid.lambda")));
}

TEST(Grid, AGridMayHaveSettingsOfItsOwn) {
  const Plan plan = plan_of("[grid]\np = 4\n[grid]\np = 8\ntraining.step-size = 0.5\n[training]\nstep-size = 0.25\n");
  ASSERT_EQ(plan.size(), 2);
  EXPECT_EQ(plan.at(0).step_size, 0.25);
  EXPECT_EQ(plan.at(1).step_size, 0.5);
}

TEST(Grid, SampledPointsLieInTheirRanges) {
  const std::string text =
      "[grid]\np = uniform(10, 1000)\nlambda = uniform(0, 1)\nseed = 0..1\nsample = sobol(50)\n"
      "[training]\nstep-size = loguniform(1e-4, 1e-2)\n";
  const Plan plan = plan_of(text);
  EXPECT_EQ(plan.size(), 100);
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const RunSpec spec = plan.at(run);
    EXPECT_GE(spec.width, 10);
    EXPECT_LE(spec.width, 1000);
    EXPECT_GT(spec.step_size, 1e-4);
    EXPECT_LT(spec.step_size, 1e-2);
  }
  EXPECT_THAT(plan_differences(plan, plan_of(text, {{"grid.sample", "sobol(60)"}})), IsEmpty());
  EXPECT_THAT(error_of("[grid]\np = 3\nlambda = uniform(0, 1)\n"), HasSubstr("needs grid.sample"));
  EXPECT_THAT(error_of("[grid]\np = 3\nsample = random(3)\n"), HasSubstr("no key has a range"));
  EXPECT_THAT(error_of("[grid]\np = 3\nlambda = uniform(1, 0)\nsample = random(3)\n"), HasSubstr("a < b"));
}

TEST(Grid, SampledWidthsThatMeetAreOneRun) {
  const Plan plan = plan_of("[grid]\np = uniform(1, 3)\nsample = random(100)\n");
  EXPECT_EQ(plan.size(), 3);
}

TEST(Grid, RunsRecordTheStepsOfTheirOwnLength) {
  const Plan plan = plan_of("[grid]\np = 3\n[training]\nmax-steps = 10, 100\n[record]\nsteps = every(4)\n");
  ASSERT_EQ(plan.size(), 2);
  EXPECT_THAT(plan.settings(0).record.steps, ElementsAre(0, 4, 8, 10));
  EXPECT_EQ(plan.settings(1).record.steps.size(), 26U);
  EXPECT_EQ(plan.recorded_steps().size(), 27U) << "10 too";
}

TEST(Grid, SeedsCanBeSplit) {
  const Plan plan = plan_of("[grid]\np = 3\nseed = 0..1\n[data]\nseed = 7\n[training]\nseed = seed + 100\n");
  ASSERT_EQ(plan.size(), 2);
  EXPECT_EQ(seed_of_data(plan.at(1)), 7);
  EXPECT_EQ(seed_of_training(plan.at(1)), 101);
  const Plan plain = plan_of("[grid]\np = 3\n");
  EXPECT_EQ(plain.identity(0), plan_of("[grid]\np = 3\n[data]\nseed = seed\n").identity(0));
}

TEST(Grid, AMillionPointsOverSevenAxes) {
  const Plan plan = plan_of(
      "[grid]\np = 1..10\nlambda = linspace(0, 1, 10)\nseed = 0..99\n[data]\nn = 10, 20\n"
      "label-noise = 0, 0.1, 0.2, 0.3, 0.4\n[training]\nstep-size = logspace(1e-4, 1e-2, 5)\n"
      "schedule = constant, cutoff(10 * p)\n");
  EXPECT_EQ(plan.size(), 1'000'000);
  EXPECT_NE(plan.identity(0), plan.identity(999'999));
  EXPECT_EQ(plan.problem_of(999'999), plan.problems() - 1);
}

TEST(Continuing, AdoptsMetricsThatAreLeftOpenAndValuesThatDifferByRounding) {
  const Job stored =
      parse_stored_job("[grid]\np = 3\nlambda = 0.010000000000000002\n[record]\nmetrics = loss, alignment\n", "stored");
  const Job wanted = parse_job("[grid]\np = 3, 4\nlambda = 0.01, 0.5\n", "test.cfg");
  const Plan continued(continue_job(stored, wanted));
  EXPECT_THAT(plan_differences(Plan(stored), continued), IsEmpty());
  EXPECT_EQ(continued.metrics().size(), 2U);
  EXPECT_EQ(continued.size(), 4);
  const Job explicit_job = parse_job("[grid]\np = 3\nlambda = 0.01\n[record]\nmetrics = loss\n", "test.cfg");
  EXPECT_THAT(plan_differences(Plan(stored), Plan(continue_job(stored, explicit_job))),
              ElementsAre("record.metrics: file has loss, alignment, job wants loss"));
}

TEST(Errors, NameTheNearestKnownKeyOrValue) {
  EXPECT_THAT(error_of("[grid]\np = 3\n[training]\nstepsize = 1\n"), HasSubstr("did you mean 'training.step-size'?"));
  EXPECT_THAT(error_of("[grid]\np = 3\n[training]\nlambda = 1\n"), HasSubstr("did you mean 'grid.lambda'?"));
  EXPECT_THAT(error_of("[grid]\np = 3\nmax-steps = 10\n"), HasSubstr("did you mean 'training.max-steps'?"));
  EXPECT_THAT(error_of("[grid]\np = 3\nactivation = rellu\n"), HasSubstr("did you mean 'relu'?"));
  EXPECT_THAT(error_of("[grid]\np = 3\n[training]\nschedule = cutof(3)\n"), HasSubstr("did you mean 'cutoff'?"));
  EXPECT_THAT(error_of("[grid]\np = 3\n[record]\nmetrics = alignement\n"), HasSubstr("did you mean 'alignment'?"));
}

}  // namespace
}  // namespace fasweep
