// The resident kernel in emulation against the plain loops over float64.
#include "backend/cuda/resident_case.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "backend/cuda/device_case.hpp"
#include "backend/cuda/device_rules.hpp"
#include "model/activation/list.hpp"
#include "model/rule/list.hpp"
#include "support/cuda_emulation.hpp"

namespace fasweep {
namespace {

using testing::KernelCase;
using testing::ResidentResult;
using testing::train_on_chip;

class ResidentKernel : public testing::EmulatedDevice {};

/// Largest difference relative to the largest number.
double relative_distance(const float* ours, const std::vector<double>& expected) {
  double difference = 0;
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double d = std::abs(static_cast<double>(ours[i]) - expected[i]);
    difference = d <= difference ? difference : d;
    largest = std::max(largest, std::abs(expected[i]));
  }
  return difference / largest;
}

/// Rounding of float32 over some steps, factors of 22 bits among them: 1e-6 is 16 units in the last place.
constexpr double tolerance = 3e-6;

void expect_plain(const KernelCase& c, const std::vector<ResidentResult>& results) {
  const std::vector<Problem> problems = make_problems(c);
  for (std::size_t run = 0; run < c.runs.size(); ++run) {
    const testing::PlainSampleSpace plain =
        train_plainly(c, problems[static_cast<std::size_t>(c.runs[run].problem)], c.runs[run]);
    const ResidentResult& ours = results[run];
    EXPECT_EQ(ours.progress.step, c.steps);
    EXPECT_EQ(ours.progress.reason, StopReason::max_steps);
    ASSERT_EQ(ours.observations.size(), static_cast<std::size_t>(c.steps) + 1);
    EXPECT_LE(relative_distance(ours.state.data(), plain.z), tolerance);
    EXPECT_LE(relative_distance(ours.state.data() + plain.z.size(), plain.beta), tolerance);
    for (std::size_t step = 0; step < plain.losses.size(); ++step) {
      EXPECT_NEAR(ours.observations[step].squared_error, plain.losses[step], 2 * tolerance * plain.losses[0]);
    }
  }
}

std::vector<BatchRun> all_rules(double step_size, int problems = 1) {
  std::vector<BatchRun> runs;
  for (int problem = 0; problem < problems; ++problem) {
    for (int rule = 0; rule < Rules::size; ++rule) {
      if (device_takes_rule(rule)) {
        runs.push_back({problem, rule, step_size});
      }
    }
  }
  return runs;
}

TEST_F(ResidentKernel, FollowsThePlainLoops) {
  for (int activation = 0; activation < Activations::size; ++activation) {
    for (const auto& [samples, tests, width] : {std::array{1, 0, 1}, {5, 3, 17}, {50, 0, 70}, {60, 40, 33}}) {
      SCOPED_TRACE(std::string(Activations::names[static_cast<std::size_t>(activation)]) + ", n = " +
                   std::to_string(samples) + " + " + std::to_string(tests) + ", p = " + std::to_string(width));
      const KernelCase c{.samples = samples,
                         .tests = tests,
                         .width = width,
                         .activation = activation,
                         .problems = 2,
                         .steps = 3,
                         .runs = all_rules(0.02, 2)};
      expect_plain(c, train_on_chip(c));
    }
  }
}

TEST_F(ResidentKernel, TakesAsManySamplesAsThereMayBe) {
  const KernelCase c{.samples = 250, .tests = 6, .width = 20, .activation = Activations::index_of<Tanh>(), .steps = 2};
  expect_plain(c, train_on_chip(c, 227 * 1024));
}

TEST_F(ResidentKernel, CutsARunIntoAClusterWhereABlockHasNoRoom) {
  KernelCase c{.samples = 50, .width = 130, .activation = Activations::index_of<Relu>(), .steps = 4};
  c.runs = all_rules(0.02);
  const std::vector<ResidentResult> whole = train_on_chip(c, 100 * 1024);
  EXPECT_EQ(whole[0].blocks, 1);
  // On chip in two blocks and in three, then with more and more of it in global memory.
  for (const int shared : {52 * 1024, 44 * 1024, 24 * 1024, 12 * 1024}) {
    SCOPED_TRACE(shared);
    const std::vector<ResidentResult> results = train_on_chip(c, shared);
    EXPECT_TRUE(results[0].blocks > 1 || shared < 24 * 1024) << results[0].blocks;
    expect_plain(c, results);
  }
  expect_plain(c, whole);
}

TEST_F(ResidentKernel, GivesTheSameBitsHoweverItsStepsAreLaunched) {
  KernelCase c{.samples = 20, .width = 40, .activation = Activations::index_of<Tanh>(), .problems = 2, .steps = 7};
  c.runs = all_rules(0.02, 2);
  const std::vector<ResidentResult> whole = train_on_chip(c);
  for (const std::int64_t steps : {1, 2, 5}) {
    const std::vector<ResidentResult> parts = train_on_chip(c, 100 * 1024, steps);
    const std::vector<ResidentResult> alone = train_on_chip(c, 100 * 1024, steps, 1);
    for (std::size_t run = 0; run < whole.size(); ++run) {
      EXPECT_EQ(parts[run].state, whole[run].state);
      EXPECT_EQ(alone[run].state, whole[run].state);
    }
  }
}

TEST_F(ResidentKernel, GivesTheSameBitsInAnyOrderOfThreads) {
  KernelCase c{.samples = 20, .width = 40, .activation = Activations::index_of<Relu>(), .steps = 3};
  c.runs = all_rules(0.02);
  constexpr int for_two_blocks = 27 * 1024;
  const std::vector<ResidentResult> natural = train_on_chip(c, for_two_blocks);
  EXPECT_EQ(natural[0].blocks, 2);
  for (const std::uint64_t seed : {1U, 20U, 300U}) {
    emulation::order_seed() = seed;
    const std::vector<ResidentResult> shuffled = train_on_chip(c, for_two_blocks);
    for (std::size_t run = 0; run < natural.size(); ++run) {
      EXPECT_EQ(shuffled[run].state, natural[run].state);
    }
  }
  emulation::order_seed() = 0;
}

}  // namespace
}  // namespace fasweep
