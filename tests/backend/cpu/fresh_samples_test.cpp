// Training on fresh samples, order parameters, and steps of the outputs that differ, against plain loops.
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/training_case.hpp"
#include "model/activation/list.hpp"
#include "model/metric/list.hpp"
#include "model/optimizer/list.hpp"
#include "model/rule/list.hpp"
#include "reference/plain_network.hpp"
#include "reference/train_reference.hpp"
#include "support/memory_checkpoints.hpp"

namespace fasweep {
namespace {

using testing::expect_close;
using testing::MemoryCheckpoints;
using testing::TrainingCase;

/// Batches of 3 of a noisy teacher of 4 units, inputs and outputs in odd numbers.
struct FreshCase : TrainingCase {
  explicit FreshCase(int rule = Rules::index_of<FeedbackAlignment>(), Solver by = Solver::weight_space,
                     std::int64_t steps = 200)
      : TrainingCase(11, 7, 9, Activations::index_of<Tanh>(), rule, steps) {
    solver = by;
    data.sampling = Sampling::fresh;
    data.outputs = 3;
    data.test_samples = 5;
    data.teacher_width = 4;
    data.label_noise = 0.1;
    data.input_law = InputLaw::gaussian_scaled;
    training.batch_size = 3;
    record.steps = {0, 1, 2, 50, steps};
  }

  [[nodiscard]] RunRecord train(const Problem& problem, Checkpoints* checkpoints = nullptr) const {
    TrainingRequest made = request(problem);
    made.checkpoints = checkpoints;
    return std::move(make_cpu_trainer()->train(made).at(0));
  }
};

void expect_plain_loops(const FreshCase& c, const std::string& what) {
  const Problem problem = c.problem();
  const RunRecord record = c.train(problem);
  ASSERT_EQ(record.status, RunStatus::done) << what << record.error;
  const ReferenceRun plain = train_reference(problem, {c.data, c.training, c.record}, c.run, c.training.max_steps);
  ASSERT_EQ(record.trajectory.size(), plain.trajectory.size());
  for (std::size_t i = 0; i < plain.trajectory.size(); ++i) {
    // Rounding of 1e-16 a step in a training that neither grows nor forgets it.
    expect_close(
        record.trajectory[i], plain.trajectory[i], 1e-10, 1e-10,
        what + " " + std::string(Metrics::names[i / record.points]) + " at point " + std::to_string(i % record.points));
  }
}

TEST(FreshSamples, TrainAsInPlainLoopsUnderEveryRuleAndSolver) {
  for (const Solver solver : {Solver::weight_space, Solver::layered}) {
    for (const int rule : testing::rules_of(solver)) {
      FreshCase c(rule, solver);
      c.training.biases = true;
      expect_plain_loops(
          c, std::string(name_of(solver)) + " " + std::string(Rules::names[static_cast<std::size_t>(rule)]));
    }
  }
}

TEST(FreshSamples, TrainAsInPlainLoopsOfEveryTeacherAndSize) {
  for (const TeacherLaw& law :
       {TeacherLaw(NetworkTeacher{}), TeacherLaw(CommitteeTeacher{{0.5}}), TeacherLaw(LinearTeacher{{1}})}) {
    for (const int batch : {1, 16}) {  // more than the samples of the metrics too
      for (const DataDraw draw : {DataDraw::shared, DataDraw::per_width}) {
        FreshCase c;
        c.data.teacher = law;
        c.data.teacher_width = law == TeacherLaw(LinearTeacher{{1}}) ? 0 : 4;
        c.data.draw = draw;
        c.data.input_law = InputLaw::gaussian;
        c.training.batch_size = batch;
        c.training.reduction = Reduction::mean;
        expect_plain_loops(c, "teacher " + std::to_string(law.position()) + " batch " + std::to_string(batch));
      }
    }
  }
}

TEST(FreshSamples, TrainAsInPlainLoopsInDepthWithDropout) {
  FreshCase c(Rules::index_of<FeedbackAlignment>(), Solver::layered);
  c.training.depth = 3;
  c.training.dropout = 0.2;
  expect_plain_loops(c, "depth 3");
}

TEST(OutputStepFactor, IsThatOfThePlainLoops) {
  for (const Solver solver : {Solver::weight_space, Solver::layered}) {
    for (const int rule : {Rules::index_of<FeedbackAlignment>(), Rules::index_of<KolenPollack>()}) {
      for (const Optimizer& optimizer : {Optimizer(), Optimizer(MomentumOptimizer{{0.9}})}) {
        FreshCase c(rule, solver);
        c.data.sampling = Sampling::fixed;
        c.training.output_step_factor = 0.3;
        c.training.optimizer = optimizer;
        c.training.biases = true;
        expect_plain_loops(c, std::string(name_of(solver)) + " rule " + std::to_string(rule));
      }
    }
  }
}

TEST(FreshSamples, OfAResumedRunAreThoseOfTheUninterruptedOneBitForBit) {
  for (const Solver solver : {Solver::weight_space, Solver::layered}) {
    FreshCase c(Rules::index_of<KolenPollack>(), solver, 1200);  // several chunks of samples
    c.training.precision = Precision::float32;
    const Problem problem = c.problem();
    const RunRecord whole = c.train(problem);
    for (const int saves : {1, 40, 600, 1199}) {
      MemoryCheckpoints checkpoints(c.cancelled, saves);
      ASSERT_EQ(c.train(problem, &checkpoints).status, RunStatus::cancelled) << saves;
      c.cancelled = false;
      checkpoints.saves = 10'000;

      const RunRecord resumed = c.train(problem, &checkpoints);

      EXPECT_TRUE(testing::are_same_bits(resumed.trajectory, whole.trajectory)) << saves;
      EXPECT_TRUE(testing::are_same_bits(resumed.final_values, whole.final_values)) << saves;
      c.cancelled = false;
    }
  }
}

/// Of plain matrices, after as many steps.
TEST(Overlaps, AreThoseOfThePlainNetwork) {
  for (const bool is_fresh : {true, false}) {
    for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::layered}) {
      if (is_fresh && solver == Solver::sample_space) {
        continue;
      }
      FreshCase c(Rules::index_of<FeedbackAlignment>(), solver);
      c.data.outputs = 1;
      c.data.label_noise = 0;
      c.data.sampling = is_fresh ? Sampling::fresh : Sampling::fixed;
      c.training.batch_size = is_fresh ? 3 : 0;
      c.record.steps = {0, 200};
      c.record.metrics = {
          Metrics::index_of<StudentTeacherOverlapsMetric>(), Metrics::index_of<StudentOverlapsMetric>(),
          Metrics::index_of<TeacherOverlapsMetric>(),        Metrics::index_of<StudentOutputWeightsMetric>(),
          Metrics::index_of<StudentFeedbackWeightsMetric>(), Metrics::index_of<TeacherOutputWeightsMetric>()};
      const Problem problem = c.problem();
      const RunRecord record = c.train(problem);
      PlainNetwork plain(problem, c.training, "tanh", "feedback-alignment");
      const std::vector<std::int32_t> rows = rows_from(is_fresh ? 16 : 0, is_fresh ? 3 : 11);
      for (std::int64_t step = 0; step < 200; ++step) {
        plain.fresh = is_fresh ? plain_fresh_samples(c.data, c.training, c.run, step) : PlainSamples{};
        static_cast<void>(plain.advance(rows, c.run.step_size, c.run.ridge));
      }
      Eigen::MatrixXd w0(4, 7);
      for (Eigen::Index m = 0; m < 4; ++m) {
        for (Eigen::Index j = 0; j < 7; ++j) {
          w0(m, j) = problem.teacher_hidden_weight[static_cast<std::size_t>(7 * m + j)];
        }
      }
      std::vector<double> expected;
      for (const auto& [a, b] : {std::pair(plain.w, w0), std::pair(plain.w, plain.w), std::pair(w0, w0)}) {
        for (Eigen::Index i = 0; i < a.rows(); ++i) {
          for (Eigen::Index j = 0; j < b.rows(); ++j) {
            expected.push_back(a.row(i).dot(b.row(j)) / 7);  // inputs are N(0, 1/7)
          }
        }
      }
      for (const Eigen::MatrixXd& weights : {plain.beta, plain.b}) {
        for (Eigen::Index r = 0; r < 9; ++r) {
          expected.push_back(weights(r, 0) / 3);  // 1 / sqrt(9)
        }
      }
      expected.insert(expected.end(), problem.teacher_output_weight.begin(), problem.teacher_output_weight.end());
      ASSERT_EQ(record.final_values.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        expect_close(record.final_values[i], expected[i], 1e-10, 1e-10, "number " + std::to_string(i));
      }
    }
  }
}

/// Runs of other widths in one sweep have numbers, wider ones none.
TEST(Overlaps, OfManyUnitsAreNotANumber) {
  FreshCase c;
  c.data.outputs = 1;
  c.run.width = max_overlapping_units + 1;
  c.record.metrics = {Metrics::index_of<StudentOverlapsMetric>(), Metrics::index_of<TeacherOverlapsMetric>()};
  const RunRecord record = c.train(c.problem());
  ASSERT_EQ(record.final_values.size(), 2U);
  EXPECT_TRUE(std::isnan(record.final_values[0]));
  EXPECT_TRUE(std::isnan(record.final_values[1]));
}

}  // namespace
}  // namespace fasweep
