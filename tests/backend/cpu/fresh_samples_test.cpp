// Training on fresh samples and steps of the outputs that differ, against plain loops.
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/training_case.hpp"
#include "model/activation/list.hpp"
#include "model/metric/list.hpp"
#include "model/optimizer/list.hpp"
#include "model/rule/list.hpp"
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

}  // namespace
}  // namespace fasweep
