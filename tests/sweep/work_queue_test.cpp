#include "sweep/work_queue.hpp"

#include <set>

#include <gtest/gtest.h>

namespace fasweep {
namespace {

Plan make_plan() {
  return Plan(
      parse_job("[grid]\np = 8, 512, 64\nlambda = 0, 0.5, 1\nseed = 0..3\n[training]\nmax-steps = 100\n", "test.cfg"));
}

bool nothing_done(std::int64_t /*run*/) {
  return false;
}

std::set<std::int64_t> runs_of(const Batch& batch) {
  std::set<std::int64_t> runs;
  for (const RunRange& range : batch.ranges) {
    for (std::int64_t i = 0; i < range.count; ++i) {
      EXPECT_TRUE(runs.insert(range.first + i).second);
    }
  }
  return runs;
}

TEST(WorkQueue, HandsOutEveryRunOnceWhateverTheTarget) {
  const Plan plan = make_plan();
  for (const double target : {0.0, 1e5, 1e7, 1e9, 1e30}) {
    WorkQueue queue(plan, nothing_done);
    std::set<std::int64_t> seen;
    while (const auto batch = queue.take(target)) {
      for (const std::int64_t run : runs_of(*batch)) {
        EXPECT_TRUE(seen.insert(run).second);
      }
    }
    EXPECT_EQ(static_cast<std::int64_t>(seen.size()), plan.size());
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.runs_left(), 0);
    EXPECT_NEAR(queue.cost_left(), 0, 1e-6 * measure_plan(plan).flop);  // rounding of repeated subtraction
  }
}

TEST(WorkQueue, LongestRunsComeFirst) {
  const Plan plan = make_plan();
  WorkQueue queue(plan, nothing_done);
  int previous = 1 << 20;
  while (const auto batch = queue.take(0)) {
    const int width = plan.at(batch->ranges.front().first).width;
    EXPECT_LE(width, previous);
    previous = width;
  }
  EXPECT_EQ(previous, 8);
}

TEST(WorkQueue, DoneRunsAreLeftOut) {
  const Plan plan = make_plan();
  WorkQueue queue(plan, [](std::int64_t run) { return run % 2 == 0; });
  EXPECT_EQ(queue.runs_left(), plan.size() / 2);
  while (const auto batch = queue.take(1e9)) {
    for (const std::int64_t run : runs_of(*batch)) {
      EXPECT_EQ(run % 2, 1);
    }
  }
}

TEST(WorkQueue, ReturnedRunsComeNextAndOnlyOnce) {
  const Plan plan = make_plan();
  WorkQueue queue(plan, nothing_done);
  const double all = queue.cost_left();
  const auto batch = queue.take(1e8);
  ASSERT_TRUE(batch);

  queue.put_back(batch->ranges);

  EXPECT_EQ(queue.runs_left(), plan.size());
  // What was split off one problem counts that problem's set-up once more.
  EXPECT_NEAR(queue.cost_left(), all, plan.setup_cost(batch->ranges.front().first) * 1.000001);
  const auto again = queue.take(batch->cost);
  ASSERT_TRUE(again);
  EXPECT_EQ(runs_of(*again), runs_of(*batch));
}

TEST(WorkQueue, RunsThatCostTooMuchStayUntilTheyAreAllowed) {
  const Plan plan = make_plan();
  WorkQueue queue(plan, nothing_done);
  const auto whole_cost = [&](std::int64_t run) { return plan.run_cost(run) + plan.setup_cost(run); };
  const double dearest = whole_cost(queue.take(0)->ranges.front().first);
  WorkQueue limited(plan, nothing_done);
  std::int64_t taken = 0;
  while (const auto batch = limited.take(1e8, plan.size(), dearest * 0.99)) {
    for (const std::int64_t run : runs_of(*batch)) {
      EXPECT_LT(whole_cost(run), dearest);
      ++taken;
    }
  }
  EXPECT_GT(taken, 0);
  EXPECT_EQ(limited.runs_left(), plan.size() - taken);
  EXPECT_FALSE(limited.take(1e8, plan.size(), dearest * 0.99));
  while (const auto batch = limited.take(1e8)) {
    for (const std::int64_t run : runs_of(*batch)) {
      EXPECT_EQ(whole_cost(run), dearest);
    }
  }
  EXPECT_TRUE(limited.empty());
}

TEST(WorkQueue, RunsReturnedAloneShareNoBatch) {
  const Plan plan = make_plan();
  WorkQueue queue(plan, nothing_done);
  const auto batch = queue.take(1e12, 3);
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->runs(), 3);
  queue.put_back(batch->ranges);
  ASSERT_EQ(queue.take(1e12, 3)->runs(), 3);
  const std::int64_t first = batch->ranges.front().first;
  queue.put_back({{first + 1, 1}});
  queue.put_back({{first, 1}}, true);

  EXPECT_EQ(runs_of(*queue.take(1e12)), std::set<std::int64_t>{first});
  EXPECT_GT(queue.take(1e12)->runs(), 1);
}

TEST(WorkQueue, TargetsBoundTheBatch) {
  const Plan plan = make_plan();
  WorkQueue queue(plan, nothing_done);
  const std::int64_t widest = plan.runs_of(4).first;  // p = 512 comes second, after four seeds of p = 8
  const double longest_run = plan.run_cost(widest) + plan.setup_cost(widest);
  while (const auto batch = queue.take(5e7)) {
    EXPECT_GE(batch->runs(), 1);
    EXPECT_LE(batch->cost, 5e7 + longest_run);
  }
}

}  // namespace
}  // namespace fasweep
