// What metrics say of all steps of a run: the exact law of alignment, predictions of the errors, and their contraction.
#include "model/run_memory.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/snapshot_case.hpp"
#include "model/activation/list.hpp"
#include "model/metric/list.hpp"
#include "model/rule/list.hpp"
#include "model/schedule/list.hpp"
#include "support/memory_checkpoints.hpp"

namespace fasweep {
namespace {

using testing::Numbers;
using testing::SnapshotCollector;
using testing::SnapshotNumbers;
using testing::TrainingCase;

constexpr int n = 11;
constexpr int p = 37;

/// Under a ridge that falls; all steps of the first ten recorded.
struct MemoryCase : TrainingCase {
  MemoryCase(Solver wanted, int activation, int rule, const std::vector<int>& metrics)
      : TrainingCase(n, 14, p, activation, rule, 60) {
    data.test_samples = 3;
    data.input_law = InputLaw::gaussian_scaled;
    training.schedule = ExponentialSchedule{{0.95}};
    record.steps = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 40, 60};
    record.metrics = metrics;
    run.step_size = 0.05;
    run.ridge = 0.7;
    solver = wanted;
  }

  [[nodiscard]] RunRecord train(const Problem& problem, SnapshotVisitor* visitor = nullptr,
                                Checkpoints* checkpoints = nullptr) const {
    TrainingRequest wanted = request(problem);
    wanted.visitor = visitor;
    wanted.checkpoints = checkpoints;
    RunRecord trained = make_cpu_trainer()->train(wanted).at(0);
    EXPECT_EQ(trained.error, "");
    EXPECT_EQ(trained.solver, solver);
    return trained;
  }
};

/// Number `value` of the recorded numbers at each recorded step.
Numbers trajectory(const RunRecord& record, std::size_t value) {
  const auto first = record.trajectory.begin() + static_cast<std::ptrdiff_t>(value * record.points);
  return {first, first + record.points};
}

template <class Visit>
void for_each_solver(int activation, Visit visit) {
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear}) {
    if (accepts(solver, {}, {}, {0, 1, 0, activation, 0, 0})) {
      SCOPED_TRACE(std::string(name_of(solver)) + ", " +
                   std::string(Activations::names[static_cast<std::size_t>(activation)]));
      visit(solver);
    }
  }
}

const std::vector<int> law{Metrics::index_of<AlignmentMetric>(), Metrics::index_of<AlignmentTermsMetric>()};

TEST(AlignmentTerms, ObeyTheExactLawInEverySolver) {
  for (const int activation : {Activations::index_of<Linear>(), Activations::index_of<Relu>()}) {
    for_each_solver(activation, [&](Solver solver) {
      for (const double ridge : {0.0, 0.7}) {
        MemoryCase c(solver, activation, Rules::index_of<FeedbackAlignment>(), law);
        c.run.ridge = ridge;
        const Problem problem = c.problem();

        const RunRecord record = c.train(problem);

        ASSERT_EQ(record.metrics, 6U);
        for (std::size_t point = 0; point < record.points; ++point) {
          Numbers at;
          for (std::size_t value = 0; value < 6; ++value) {
            at.push_back(trajectory(record, value)[point]);
          }
          const double largest = std::max(std::abs(at[1]), std::abs(at[2]));
          EXPECT_LE(std::abs(at[5]), 1e-12 * largest) << "at point " << point;
          EXPECT_NEAR(at[0], at[1] + at[2] + at[3] + at[4] + at[5], 1e-14);
        }
        EXPECT_GT(trajectory(record, 2).back(), 0.01) << "||W|| grows";
        EXPECT_LT(trajectory(record, 3).back(), -1e-4) << "by steps of some size";
        EXPECT_EQ(trajectory(record, 4).back() < -1e-4, ridge > 0);
      }
    });
  }
}

TEST(AlignmentTerms, HaveADefectUnderAPsiThatIsNotHomogeneous) {
  const int tanh = Activations::index_of<Tanh>();
  for_each_solver(tanh, [&](Solver solver) {
    const MemoryCase c(solver, tanh, Rules::index_of<FeedbackAlignment>(), law);
    const Problem problem = c.problem();
    EXPECT_GT(std::abs(trajectory(c.train(problem), 5).back()), 1e-3);
  });
}

TEST(AlignmentTerms, AreThoseOfFeedbackAlignmentAlone) {
  const MemoryCase c(Solver::sample_space, Activations::index_of<Relu>(), Rules::index_of<Backprop>(), law);
  const Problem problem = c.problem();
  EXPECT_TRUE(std::isnan(trajectory(c.train(problem), 1).back()));
}

/// K e of a snapshot: G, and H with weights v if they are given, by double loops.
Numbers pull(const SnapshotNumbers& s, const Problem& problem, const Numbers& e, const Numbers& v = {}) {
  Numbers result(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double x = 0;
      for (std::size_t k = 0; k < 14; ++k) {
        x += problem.x[i * 14 + k] * problem.x[j * 14 + k];
      }
      double sum = 0;
      for (std::size_t r = 0; r < p; ++r) {
        sum += s.value[r * 14 + i] * s.value[r * 14 + j];
        sum += v.empty() ? 0 : x * v[r] * s.output_weight[r] * s.derivative[r * 14 + i] * s.derivative[r * 14 + j];
      }
      result[i] += sum * e[j] / p;
    }
  }
  return result;
}

double length(const Numbers& numbers) {
  double square = 0;
  for (const double number : numbers) {
    square += number * number;
  }
  return std::sqrt(square);
}

double distance(const Numbers& a, const Numbers& b) {
  Numbers difference;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference.push_back(a[i] - b[i]);
  }
  return length(difference);
}

/// (1 - eta lambda) e - eta K e - eta lambda y.
Numbers predict(const Numbers& e, const Numbers& pulled, const Problem& problem, double eta, double ridge) {
  Numbers next;
  for (std::size_t i = 0; i < n; ++i) {
    next.push_back((1 - eta * ridge) * e[i] - eta * pulled[i] - eta * ridge * problem.y[i]);
  }
  return next;
}

TEST(Predictions, AreThoseOfDoubleLoops) {
  const std::vector<int> metrics{Metrics::index_of<LazyDeviationMetric>(), Metrics::index_of<FirstOrderErrorMetric>(),
                                 Metrics::index_of<SlowestContractionMetric>()};
  for (const int activation : {Activations::index_of<Linear>(), Activations::index_of<Tanh>()}) {
    for (const int rule : {Rules::index_of<FeedbackAlignment>(), Rules::index_of<Backprop>()}) {
      for_each_solver(activation, [&](Solver solver) {
        const MemoryCase c(solver, activation, rule, metrics);
        const Problem problem = c.problem();
        SnapshotCollector collector;
        const RunRecord record = c.train(problem, &collector);
        const auto weights = [&](const SnapshotNumbers& s) {
          return rule == Rules::index_of<Backprop>() ? s.output_weight : s.feedback;
        };
        const std::vector<SnapshotNumbers>& all = collector.snapshots;
        Numbers lazy_error = all[0].errors;
        double slowest = 1e9;
        for (std::size_t t = 0; t < 10; ++t) {
          const SnapshotNumbers& s = all[t];
          const double eta = c.run.step_size;
          EXPECT_NEAR(trajectory(record, 0)[t], distance(s.errors, lazy_error) / length(all[0].errors), 1e-11);
          const Numbers first = predict(s.errors, pull(s, problem, s.errors, weights(s)), problem, eta, s.ridge);
          EXPECT_NEAR(trajectory(record, 1)[t],
                      distance(all[t + 1].errors, first) / distance(all[t + 1].errors, s.errors), 1e-10);
          const double y = length(Numbers(problem.y.begin(), problem.y.begin() + n));
          const double most = (1 - eta * s.ridge) * length(s.errors) + eta * s.ridge * y;
          slowest = std::min(slowest, (most - length(all[t + 1].errors)) / (eta * length(s.errors)));
          EXPECT_NEAR(trajectory(record, 2)[t + 1], slowest, 1e-9);
          const Numbers pulled =
              pull(all[0], problem, lazy_error, rule == Rules::index_of<Backprop>() ? all[0].output_weight : Numbers());
          lazy_error = predict(lazy_error, pulled, problem, eta, s.ridge);
        }
        EXPECT_TRUE(std::isnan(trajectory(record, 2)[0]));
      });
    }
  }
}

TEST(SlowestContraction, IsNotThatOfRounding) {
  const auto trained = [](Precision precision) {
    MemoryCase c(Solver::sample_space, Activations::index_of<Tanh>(), 0,
                 {Metrics::index_of<SlowestContractionMetric>(), Metrics::index_of<ErrorNormMetric>()});
    c.training.precision = precision;
    c.training.max_steps = 4000;
    c.record.steps = {0, 4000};
    c.run.ridge = 0;
    c.run.step_size = 0.2;
    const Problem problem = c.problem();
    const RunRecord record = c.train(problem);
    EXPECT_LT(trajectory(record, 1)[1], 1e-4 * trajectory(record, 1)[0]) << "float32's errors are rounding at the end";
    return trajectory(record, 0)[1];
  };
  // Errors of a root of a rounding have a change that is a hundredth of them within a few parts in a hundred.
  const double exact = trained(Precision::float64);
  EXPECT_NEAR(trained(Precision::float32), exact, 0.1 * exact);
}

TEST(Predictions, OfFirstOrderMissByAnAmountOfTheStepSize) {
  const auto missed = [](double step_size) {
    MemoryCase c(Solver::sample_space, Activations::index_of<Tanh>(), 0, {Metrics::index_of<FirstOrderErrorMetric>()});
    c.run.step_size = step_size;
    const Problem problem = c.problem();
    return trajectory(c.train(problem), 0)[0];
  };
  EXPECT_NEAR(missed(1e-3) / missed(1e-4), 10, 0.1);
}

TEST(Predictions, OfInfiniteWidthAreMadeWhereWeightsAreGaussian) {
  const std::vector<int> metrics{
      Metrics::index_of<InfiniteWidthDeviationMetric>(), Metrics::index_of<ExpectedKernelMinMetric>(),
      Metrics::index_of<ExpectedKernelDistanceMetric>(), Metrics::index_of<LazyDeviationMetric>()};
  const auto last = [&](const WeightLaw& weights, const WeightLaw& others = {}) {
    MemoryCase c(Solver::sample_space, Activations::index_of<Tanh>(), 0, metrics);
    c.training.initial_weights = weights;
    c.training.initial_output = c.training.initial_feedback = others;
    const Problem problem = c.problem();
    const RunRecord record = c.train(problem);
    Numbers numbers;
    for (std::size_t metric = 0; metric < 4; ++metric) {
      numbers.push_back(trajectory(record, metric).back());
    }
    return numbers;
  };
  const Numbers usual = last({});
  const Numbers same = last(NormalLaw{{}, {1}});
  const Numbers uniform = last(UniformLaw{{}, {std::sqrt(3.0)}});
  const Numbers positive = last({}, PositiveLaw{{}, {1}});

  EXPECT_EQ(same, usual);
  for (std::size_t metric = 0; metric < 3; ++metric) {
    EXPECT_TRUE(std::isfinite(usual[metric]));
    EXPECT_TRUE(std::isnan(uniform[metric]));
  }
  EXPECT_LT(uniform[3], 0.5);
  EXPECT_TRUE(std::isnan(positive[0])) << "<b, beta> does not vanish in wide networks";
  EXPECT_TRUE(std::isfinite(positive[1]));
  EXPECT_LT(positive[3], 0.5);
}

TEST(Predictions, OfWideNetworksAreCloser) {
  const auto deviation = [](int width) {
    MemoryCase c(Solver::sample_space, Activations::index_of<Tanh>(), 0,
                 {Metrics::index_of<LazyDeviationMetric>(), Metrics::index_of<InfiniteWidthDeviationMetric>()});
    c.run.width = width;
    const Problem problem = c.problem();
    const RunRecord record = c.train(problem);
    return Numbers{trajectory(record, 0).back(), trajectory(record, 1).back()};
  };
  const Numbers narrow = deviation(100);
  const Numbers wide = deviation(10000);
  EXPECT_LT(wide[0], narrow[0] / 4);  // by 10 as 1 / sqrt(p)
  EXPECT_LT(wide[1], narrow[1] / 4);
}

TEST(RunMemory, OfAResumedRunHasTheBitsOfTheUninterruptedOne) {
  const std::vector<int> metrics{Metrics::index_of<AlignmentTermsMetric>(), Metrics::index_of<LazyDeviationMetric>(),
                                 Metrics::index_of<InfiniteWidthDeviationMetric>(),
                                 Metrics::index_of<SlowestContractionMetric>()};
  const int linear = Activations::index_of<Linear>();
  for_each_solver(linear, [&](Solver solver) {
    MemoryCase c(solver, linear, Rules::index_of<FeedbackAlignment>(), metrics);
    const Problem problem = c.problem();
    const RunRecord whole = c.train(problem);
    for (const int saves : {1, 8, 30}) {
      testing::MemoryCheckpoints checkpoints(c.cancelled, saves);
      ASSERT_EQ(c.train(problem, nullptr, &checkpoints).status, RunStatus::cancelled);
      c.cancelled = false;
      checkpoints.saves = 1000;

      const RunRecord resumed = c.train(problem, nullptr, &checkpoints);

      EXPECT_TRUE(testing::are_same_bits(resumed.trajectory, whole.trajectory)) << saves;
      c.cancelled = false;
    }
  });
}

TEST(OutputParts, AddUpToBetaWhereNothingButBRemains) {
  MemoryCase c(Solver::reduced_linear, Activations::index_of<Linear>(), Rules::index_of<FeedbackAlignment>(),
               {Metrics::index_of<OutputPartsMetric>(), Metrics::index_of<OutputNormMetric>()});
  c.training.schedule = ConstantSchedule{};
  const Problem problem = c.problem();

  const RunRecord record = c.train(problem);

  double decay = 1;
  for (std::size_t t = 0; t < 11; ++t, decay *= 1 - 0.05 * 0.7) {
    EXPECT_NEAR(trajectory(record, 0)[t], decay * length(problem.output_weight), 1e-12) << "ridge takes beta(0)";
  }
  EXPECT_EQ(trajectory(record, 1)[0], 0);
  EXPECT_EQ(trajectory(record, 2)[0], 0);
  EXPECT_GT(trajectory(record, 2).back(), 0);
  const double sum = trajectory(record, 0).back() + trajectory(record, 1).back() + trajectory(record, 2).back();
  EXPECT_LE(trajectory(record, 3).back(), sum) << "the triangle's inequality";
}

}  // namespace
}  // namespace fasweep
