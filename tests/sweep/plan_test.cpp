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

TEST(Plan, CountsWhatOptimizersKeepAndErrorsThatComeLate) {
  const auto bytes_of = [](const std::string& training) {
    const std::string job = "[grid]\np = 300\n[data]\nn = 40\nd = 200\noutputs = 3\n[training]\n" + training;
    return measure_plan(Plan(parse_job(job, "test.cfg"))).worker_bytes;
  };
  const std::int64_t usual = bytes_of("");
  EXPECT_EQ(bytes_of("optimizer = adam(0.9, 0.999)\n") - usual, 2 * 8 * 300 * 200);
  EXPECT_EQ(bytes_of("error-delay = 0, 500\n") - usual, 8 * 500 * 40 * 3);
}

TEST(Plan, DepthTakesWorkAndMemory) {
  const auto measure = [](const std::string& depth, const std::string& rest) {
    return measure_plan(Plan(parse_job(
        "[grid]\np = 512\ndepth = " + depth + "\n[data]\nn = 60000\nd = 784\n[training]\nbatch-size = 128\n" + rest,
        "test.cfg")));
  };
  const PlanSize one = measure("1", "");
  const PlanSize three = measure("3", "");
  const double inner = 2 * 3 * 128.0 * 512 * 512;  // two layers, three products
  EXPECT_GT(three.flop - one.flop, 20000 * inner);
  EXPECT_LT(three.flop - one.flop, 60000 * inner);
  constexpr std::int64_t matrix = 512 * 512 * 8;
  EXPECT_GT(three.worker_bytes - one.worker_bytes, 4 * matrix) << "W and B of two layers";
  EXPECT_LT(three.worker_bytes - one.worker_bytes, 16 * matrix);
  const PlanSize kept = measure("3", "initial-weights = orthogonal(1)\n");
  EXPECT_EQ(kept.worker_bytes - three.worker_bytes, 2 * matrix + 512 * 784 * 8) << "W(0) of a law that is made whole";
  const PlanSize layers = measure("3", "[record]\nmetrics = loss, layer_weight_alignment\n");
  EXPECT_LT(layers.worker_bytes - three.worker_bytes, 16 * matrix) << "no matrix of all samples";
  EXPECT_GT(layers.snapshot_flop, 0);
  EXPECT_LT(layers.snapshot_flop, three.flop) << "of the step's batch";
}

TEST(Plan, CostsAreTheRunsOwnWhateverElseTheGridHolds) {
  for (const char* rest :
       {"", "[training]\nstop = ridge-time(2)\n", "[training]\nstep-size = 0.1 / (1 + seed)\nstop = time(3)\n",
        "zip = p, lambda\n[data]\nn = 20, 50\n", "sample = sobol(4)\n[training]\nstep-size = uniform(0.1, 0.2)\n",
        "[grid]\np = 8, 64\nlambda = 1\nseed = 0\n[training]\nmax-steps = 10\nbatch-size = 5\n",
        "[training]\nseed = 0..2\n[record]\nmetrics = loss, kernel_eigenvalues\n"}) {
    const Plan plan(
        parse_job("[grid]\np = 8, 16\nlambda = 0, 0.5\nactivation = linear, relu\nseed = 0..4\n" + std::string(rest),
                  "test.cfg"));
    double flop = 0;
    double snapshot_flop = 0;
    for (std::int64_t run = 0; run < plan.size(); ++run) {
      const Point point = plan.point(run);
      const auto text = [&](const char* key) { return write_value(key_called(key), point); };
      const Plan alone(parse_job(
          "[grid]\np = " + text("grid.p") + "\nlambda = " + text("grid.lambda") +
              "\nactivation = " + text("grid.activation") + "\nseed = " + text("grid.seed") +
              "\n[data]\nn = " + text("data.n") + "\n[training]\nmax-steps = " + text("training.max-steps") +
              "\nstep-size = " + text("training.step-size") + "\nbatch-size = " + text("training.batch-size") +
              "\nstop = " + text("training.stop") +
              "\n[record]\nmetrics = " + (plan.layout().values > 20 ? "loss, kernel_eigenvalues" : "default") + "\n",
          "test.cfg"));
      EXPECT_EQ(plan.run_cost(run), alone.run_cost(0)) << rest;
      EXPECT_EQ(plan.setup_cost(run), alone.setup_cost(0)) << rest;
      EXPECT_EQ(plan.snapshot_cost(run), alone.snapshot_cost(0)) << rest;
      EXPECT_EQ(plan.solver(run), alone.solver(0)) << rest;
      flop += plan.run_cost(run);
      snapshot_flop += plan.snapshot_cost(run);
    }
    for (std::int64_t problem = 0; problem < plan.problems(); ++problem) {
      flop += plan.setup_cost(plan.runs_of(problem).first);
    }
    constexpr double rounding = 1e-12;  // of sums in another order
    EXPECT_NEAR(measure_plan(plan).flop, flop, rounding * flop) << rest;
    EXPECT_NEAR(measure_plan(plan).snapshot_flop, snapshot_flop, rounding * flop) << rest;
    std::int64_t runs = 0;
    std::int64_t problems = 0;
    plan.for_each_kind([&](const Plan::Kind& kind) {
      runs += kind.runs;
      problems += kind.problems;
    });
    EXPECT_EQ(runs, plan.size()) << rest;
    EXPECT_EQ(problems, plan.problems()) << rest;
  }
}

TEST(Plan, GridsThatWouldTakeLongToCompareAreRefusedWithTheLimit) {
  const auto parse = [](const std::string& text) { return parse_job(text, "test.cfg"); };
  const std::string grid = "[grid]\np = 1..100\nlambda = linspace(0, 1, 1000)\nseed = 0..199\n";
  EXPECT_EQ(count_points(parse(grid)), 2e7);
  EXPECT_FALSE(may_repeat_runs(parse(grid)));
  try {
    parse(grid + "[grid]\np = 200\n");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("20000001 runs together (more than 2e+07,"), std::string::npos)
        << error.what();
  }
}

TEST(Plan, LargePlanIsMeasuredWithoutLookingAtEveryRun) {
  const Plan plan(parse_job("[grid]\np = 1..100\nlambda = linspace(0, 1, 1000)\nseed = 0..9999\n", "test.cfg"));
  std::int64_t kinds = 0;
  plan.for_each_kind([&](const Plan::Kind&) { ++kinds; });
  EXPECT_EQ(plan.size(), 1'000'000'000);
  EXPECT_EQ(kinds, 100);
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
