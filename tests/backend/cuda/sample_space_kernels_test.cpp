// The kernels in emulation against plain loops, at the shapes where tiles, passes and panels begin and end.
#include "backend/cuda/sample_space_kernels.hpp"
#include "backend/cuda/device_rules.hpp"
#include "model/activation/list.hpp"
#include "model/metric/list.hpp"
#include "model/rule/list.hpp"

#include <gtest/gtest.h>

#include "backend/cpu/training_case.hpp"
#include "backend/cuda/kernel_case.hpp"

namespace fasweep {
namespace {

using testing::distance;
using testing::expect_close;
using testing::KernelCase;
using testing::KernelResult;
using testing::train_on_device;
using testing::train_plainly;

/// Sums of up to 256 float32 terms round by about 256 * 6e-8 = 1.5e-5 at worst and far less on average; three steps.
constexpr double tolerance = 1e-5;

std::string name_of_activation(int activation) {
  return std::string(Activations::names[static_cast<std::size_t>(activation)]);
}

/// One run of each rule that the kernels train.
std::vector<BatchRun> every_rule() {
  std::vector<BatchRun> runs;
  for (int rule = 0; rule < Rules::size; ++rule) {
    if (device_takes_rule(rule)) {
      runs.push_back({0, rule, 0.02});
    }
  }
  return runs;
}

void expect_plain(const KernelCase& c) {
  const std::vector<Problem> problems = make_problems(c);
  const std::vector<KernelResult> results = train_on_device(c);
  for (std::size_t run = 0; run < c.runs.size(); ++run) {
    const Problem& problem = problems[static_cast<std::size_t>(c.runs[run].problem)];
    const double off = distance(results[run], train_plainly(c, problem, c.runs[run]), c.samples);
    EXPECT_LE(off, tolerance) << "run " << run << ", n = " << c.samples << ", p = " << c.width << ", "
                              << name_of_activation(c.activation);
  }
}

/// Activation and number of samples.
class EveryShape : public ::testing::TestWithParam<std::tuple<int, int>> {};
INSTANTIATE_TEST_SUITE_P(Kernels, EveryShape,
                         ::testing::Combine(::testing::Range(0, Activations::size),
                                            ::testing::Values(1, 31, 50, 64, 97, 256)),
                         [](const auto& shape) {
                           return name_of_activation(std::get<0>(shape.param)) +
                                  std::to_string(std::get<1>(shape.param));
                         });

TEST_P(EveryShape, EqualsThePlainLoopsForEveryRule) {
#if defined(__SANITIZE_THREAD__)
  if (std::get<1>(GetParam()) > 31) {
    GTEST_SKIP() << "the thread sanitizer checks the small shapes; it takes minutes for the large ones";
  }
#endif
  // 100 units are one whole tile and a part of one.
  KernelCase c{.samples = std::get<1>(GetParam()), .width = 100, .activation = std::get<0>(GetParam())};
  c.runs = every_rule();
  expect_plain(c);
}

TEST(Kernels, EqualThePlainLoopsAtEveryWidth) {
  // One unit; one below, at and above a tile; several tiles a block (beyond 32 tiles).
  for (const int width : {1, 63, 64, 65, 2100}) {
    KernelCase c{.samples = 9, .width = width, .activation = Activations::index_of<Tanh>()};
    expect_plain(c);
  }
}

TEST(Kernels, TestSamplesAreCarriedAlong) {
  for (const int tests : {1, 60, 200}) {
    KernelCase c{.samples = 50, .tests = tests, .width = 70, .activation = Activations::index_of<Relu>()};
    expect_plain(c);
  }
}

TEST(Kernels, BatchesMixSeedsRulesAndStepSizes) {
  KernelCase c{.samples = 33, .width = 130, .activation = Activations::index_of<Tanh>(), .problems = 3};
  c.runs = {{0, 0, 0.02}, {2, 1, 0.01}, {1, 0, 0.03}, {1, 1, 0.02}, {2, 0, 0.05}};
  expect_plain(c);
}

TEST(Kernels, RunsOfABatchHaveTheBitsTheyHaveAlone) {
  KernelCase c{.samples = 20, .width = 150, .activation = Activations::index_of<Sigmoid>(), .problems = 1};
  c.runs = {{0, 0, 0.02}, {0, 1, 0.01}, {0, 0, 0.03}};
  const std::vector<KernelResult> together = train_on_device(c);
  for (std::size_t run = 0; run < c.runs.size(); ++run) {
    KernelCase alone = c;
    alone.runs = {c.runs[run]};
    EXPECT_EQ(train_on_device(alone)[0].state, together[run].state);
  }
}

PlainNetwork train_in_weight_space(const KernelCase& c, const Problem& problem, const BatchRun& run) {
  PlainNetwork plain(problem, {}, Activations::names[static_cast<std::size_t>(c.activation)],
                     Rules::names[static_cast<std::size_t>(run.rule)]);
  for (int step = 0; step < c.steps; ++step) {
    plain.advance(rows_from(0, problem.samples), run.step_size, c.ridge);
  }
  return plain;
}

TEST(Kernels, SampleSpaceIsWeightSpace) {
  // The plain loops over Z that the tests above trust equal the paper's loops over W.
  for (int activation = 0; activation < Activations::size; ++activation) {
    KernelCase c{.samples = 9, .tests = 3, .width = 12, .activation = activation, .steps = 20};
    const Problem problem = make_problems(c)[0];
    for (const BatchRun& run : every_rule()) {
      const PlainNetwork plain = train_in_weight_space(c, problem, run);
      const testing::PlainSampleSpace z = train_plainly(c, problem, run);
      const Eigen::MatrixXd expected = plain.pre_activations(rows_from(0, 12));
      for (int i = 0; i < 12; ++i) {
        for (int r = 0; r < 12; ++r) {
          // Same mathematics, float64 sums in another order.
          EXPECT_NEAR(z.z[static_cast<std::size_t>(i * 12 + r)], expected(i, r), 1e-12);
        }
      }
    }
  }
}

TEST(Kernels, ObservationsEqualThePlainNetworks) {
  for (int activation = 0; activation < Activations::size; ++activation) {
    KernelCase c{.samples = 20, .tests = 7, .width = 80, .activation = activation, .steps = 10};
    c.runs = every_rule();
    const Problem problem = make_problems(c)[0];
    const std::vector<KernelResult> results = train_on_device(c);
    for (std::size_t i = 0; i < c.runs.size(); ++i) {
      const PlainNetwork plain = train_in_weight_space(c, problem, c.runs[i]);
      const Observation& ours = results[i].observation;
      const Observation expected = plain.observe(rows_from(0, problem.samples), false);
      for (int metric = 0; metric < Metrics::size; ++metric) {
        // float32 state, and a change of beta loses two digits against beta itself.
        expect_close(
            evaluate_metrics({metric}, ours)[0], evaluate_metrics({metric}, expected)[0], 2e-4, 1e-6,
            std::string(Metrics::names[static_cast<std::size_t>(metric)]) + " of " + name_of_activation(activation));
      }
    }
  }
}

/// The emulator's order, for a while.
class Order {
 public:
  explicit Order(std::uint64_t seed) { emulation::order_seed() = seed; }
  ~Order() { emulation::order_seed() = 0; }
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;
};

TEST(Kernels, BitsDoNotDependOnTheOrderOfThreadsAndBlocks) {
  for (const int samples : {31, 97}) {
    KernelCase c{.samples = samples, .tests = 5, .width = 200, .activation = Activations::index_of<Relu>()};
    c.runs = every_rule();
    const std::vector<KernelResult> natural = train_on_device(c);
    for (const std::uint64_t seed : {1U, 20U, 300U}) {
      const Order order(seed);
      const std::vector<KernelResult> shuffled = train_on_device(c);
      for (std::size_t run = 0; run < c.runs.size(); ++run) {
        EXPECT_EQ(shuffled[run].state, natural[run].state) << "order " << seed;
        EXPECT_EQ(shuffled[run].losses, natural[run].losses) << "order " << seed;
        EXPECT_EQ(shuffled[run].observation.gradient_dot, natural[run].observation.gradient_dot) << "order " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace fasweep
