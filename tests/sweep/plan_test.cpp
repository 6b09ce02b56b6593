#include "sweep/plan.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "util/error.hpp"

namespace fasweep {
namespace {

Plan make_plan(const KeyValues& overrides = {}) {
  return Plan(
      parse_job("[grid]\np = 8, 16, 32\nlambda = 0, 0.5\nactivation = linear, relu\n"
                "rule = feedback-alignment, backprop\nseed = 0..4\n",
                "test.cfg", overrides));
}

TEST(Plan, RunNumbersAreABijectionOntoTheGrid) {
  const Plan plan = make_plan();
  ASSERT_EQ(plan.size(), 3 * 2 * 2 * 2 * 5);
  std::set<std::tuple<int, double, int, int, std::int64_t>> points;
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const RunSpec spec = plan.at(run);
    EXPECT_EQ(spec.run, run);
    points.insert({spec.width, spec.ridge, spec.activation, spec.rule, spec.seed});
  }
  EXPECT_EQ(static_cast<std::int64_t>(points.size()), plan.size());
}

TEST(Plan, RunsOfAProblemAreConsecutive) {
  const Plan plan = make_plan();
  std::int64_t next = 0;
  for (std::int64_t problem = 0; problem < plan.problems(); ++problem) {
    const RunRange runs = plan.runs_of(problem);
    EXPECT_EQ(runs.first, next);
    next += runs.count;
    for (std::int64_t run = runs.first; run < next; ++run) {
      EXPECT_EQ(plan.problem_of(run), problem);
      EXPECT_EQ(problem_key(plan.at(run)), problem_key(plan.at(runs.first)));
    }
  }
  EXPECT_EQ(next, plan.size());
}

TEST(Plan, IdentityIsTheRunsOwnWhateverElseTheGridHolds) {
  const Plan small = make_plan();
  const Plan large =
      make_plan({{"grid.seed", "0..9"}, {"grid.lambda", "0, 0.25, 0.5"}, {"grid.activation", "relu, linear, tanh"}});
  std::set<std::uint64_t> large_identities;
  for (std::int64_t run = 0; run < large.size(); ++run) {
    large_identities.insert(large.identity(run));
  }
  EXPECT_EQ(static_cast<std::int64_t>(large_identities.size()), large.size());
  for (std::int64_t run = 0; run < small.size(); ++run) {
    EXPECT_TRUE(large_identities.contains(small.identity(run)));
  }
  const Plan other = make_plan({{"training.max-steps", "5"}});
  EXPECT_NE(other.identity(0), small.identity(0));
}

TEST(Plan, ShardsShareOutWholeProblems) {
  const Plan whole = make_plan();
  for (const std::int64_t count : {1, 2, 5, 1000}) {
    std::vector<int> owners(static_cast<std::size_t>(whole.size()));
    std::int64_t total = 0;
    for (std::int64_t index = 0; index < count; ++index) {
      const Plan shard(whole.job(), Solver::automatic, {index, count});
      std::int64_t own = 0;
      for (std::int64_t run = 0; run < shard.size(); ++run) {
        owners[static_cast<std::size_t>(run)] += shard.in_shard(run) ? 1 : 0;
        own += shard.in_shard(run) ? 1 : 0;
        EXPECT_EQ(shard.in_shard(run), shard.in_shard(shard.runs_of(shard.problem_of(run)).first));
      }
      EXPECT_EQ(shard.shard_size(), own);
      EXPECT_EQ(shard.hash(), whole.hash());
      total += own;
    }
    EXPECT_EQ(total, whole.size());
    EXPECT_EQ(std::count(owners.begin(), owners.end(), 1), whole.size());
  }
}

TEST(Plan, CostGrowsWithWidthAndStopsWithTheStopRule) {
  const Plan plan = make_plan({{"training.max-steps", "1000"}});
  const Plan shorter = make_plan({{"training.max-steps", "1000"}, {"training.stop", "time(1e-3)"}});
  const std::int64_t last = plan.size() - 1;  // widest, relu: step size 1e-3, so time(1e-3) is one step
  EXPECT_GT(plan.run_cost(last), plan.run_cost(plan.size() / 2));
  EXPECT_LT(shorter.run_cost(last), plan.run_cost(last) / 100);
}

TEST(Plan, MeasureSumsRunsAndSizes) {
  const Plan plan = make_plan({{"record.metrics", "loss"}, {"record.steps", "every(20000)"}});
  const PlanSize size = measure_plan(plan);
  double flop = 0;
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    flop += plan.run_cost(run) + (plan.runs_of(plan.problem_of(run)).first == run ? plan.setup_cost(run) : 0);
  }
  EXPECT_NEAR(size.flop, flop, 1e-9 * flop);        // order of summation
  EXPECT_GE(size.file_bytes, plan.size() * 3 * 4);  // steps 0, 20000 and the final value in float32
}

TEST(Plan, MetricsOfSeveralNumbersHaveRoomForTheLargestRun) {
  const KeyValues few{{"record.metrics", "loss"}, {"record.steps", "every(20000)"}, {"data.n", "5, 8"}};
  KeyValues more = few;
  more[0].second = "loss, kernel_eigenvalues";
  const Plan without = make_plan(few);
  const Plan plan = make_plan(more);

  EXPECT_EQ(plan.layout().values, 1U + 8U);
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const Point point = plan.point(run);
    EXPECT_EQ(plan.layout(point).values, 1U + static_cast<unsigned>(point.data.samples));
    EXPECT_GT(plan.snapshot_cost(run), 0);
    EXPECT_DOUBLE_EQ(plan.run_cost(run), without.run_cost(run) + plan.snapshot_cost(run));
    EXPECT_EQ(without.snapshot_cost(run), 0);
  }
  EXPECT_EQ(plan.record_bytes() - without.record_bytes(), 3 * 8 * 4);
  const PlanSize size = measure_plan(plan);
  EXPECT_EQ(size.file_bytes - measure_plan(without).file_bytes, plan.size() * 3 * 8 * 4);
  EXPECT_GT(size.snapshot_flop, 0);
  more[2].second = "5, 3000";
  EXPECT_GT(measure_plan(make_plan(more)).worker_bytes, std::int64_t{2 * 8} * 3000 * 3000) << "H H^T and its like";
}

}  // namespace
}  // namespace fasweep
