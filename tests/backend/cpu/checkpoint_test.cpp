// A run that is saved, dropped and continued, at any step and as often as one likes, gives the record of the run that
// was left alone, bit for bit.
#include <cstring>
#include <limits>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/training_case.hpp"
#include "model/activation/list.hpp"
#include "model/optimizer/list.hpp"
#include "model/rule/list.hpp"
#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"
#include "reference/first_step.hpp"
#include "support/forged_checkpoints.hpp"
#include "support/memory_checkpoints.hpp"
#include "train/train_loop.hpp"

namespace fasweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MemoryCheckpoints;
using testing::step_at;
using testing::TrainingCase;

struct Case {
  Solver solver;
  int activation;
  int rule;
  Precision precision;
  Optimizer optimizer = {};
  int error_delay = 0;

  [[nodiscard]] std::string name() const {
    std::string name =
        std::string(name_of(solver)) + std::string(Activations::names[static_cast<std::size_t>(activation)]) +
        std::string(Rules::names[static_cast<std::size_t>(rule)]) +
        (precision == Precision::float32 ? "Float32" : "Float64") +
        (is_sgd(optimizer) ? "" : std::string(Optimizers::names[static_cast<std::size_t>(optimizer.position())])) +
        (error_delay == 0 ? "" : "Delay" + std::to_string(error_delay));
    std::erase(name, '-');
    return name;
  }
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name(); }
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear, Solver::layered}) {
    for (int activation = 0; activation < Activations::size; ++activation) {
      for (int rule = 0; rule < Rules::size; ++rule) {
        for (const Precision precision : {Precision::float32, Precision::float64}) {
          // Rules after the first four are distinct in what they send back and keep, which no activation changes.
          const bool is_chosen =
              rule < 4 || activation == Activations::index_of<Linear>() || activation == Activations::index_of<Tanh>();
          if (is_chosen && accepts(solver, {}, {}, {0, 1, 0, activation, rule, 0})) {
            cases.push_back({solver, activation, rule, precision});
          }
        }
      }
    }
  }
  for (const Optimizer& optimizer : testing::all_optimizers()) {
    cases.push_back({Solver::weight_space, Activations::index_of<Tanh>(), Rules::index_of<KolenPollack>(),
                     Precision::float32, optimizer});
  }
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::layered}) {
    for (const int delay : {1, 7}) {
      cases.push_back({solver, Activations::index_of<Relu>(), Rules::index_of<KolenPollack>(), Precision::float32,
                       Optimizer(), delay});
    }
  }
  return cases;
}

RunRecord train(const TrainingCase& c, Checkpoints* checkpoints = nullptr) {
  const Problem problem = c.problem();
  TrainingRequest request = c.request(problem);
  request.checkpoints = checkpoints;
  return std::move(make_cpu_trainer()->train(request).at(0));
}

/// All of a record but its times.
Bytes outcome(RunRecord record) {
  record.wall_s = 0;
  record.finished_at = 0;
  ByteWriter out;
  encode(record, out);
  return out.take();
}

class ResumedRun : public ::testing::TestWithParam<Case> {
 protected:
  /// Odd sizes, so that vectors, tiles and parts are not full; test samples; few of the steps recorded.
  ResumedRun() : case_(61, 14, 37, GetParam().activation, GetParam().rule, 90) {
    case_.data.test_samples = 3;
    case_.data.input_law = InputLaw::gaussian_scaled;
    case_.training.precision = GetParam().precision;
    case_.training.optimizer = GetParam().optimizer;
    case_.training.error_delay = GetParam().error_delay;
    case_.training.schedule = ExponentialSchedule{{0.99}};
    case_.record.steps = {0, 1, 5, 6, 7, 30, 31, 70, 90};
    case_.solver = GetParam().solver;
  }

  TrainingCase case_;
  MemoryCheckpoints checkpoints_{case_.cancelled};
};

TEST_P(ResumedRun, IsTheUninterruptedOneBitForBit) {
  const RunRecord whole = train(case_);
  ASSERT_EQ(whole.error, "");
  ASSERT_EQ(whole.steps, 90);
  for (const int saves : {1, 2, 6, 7, 8, 45, 89}) {
    checkpoints_.states.clear();
    checkpoints_.saves = saves;
    case_.cancelled = false;
    const RunRecord first = train(case_, &checkpoints_);
    ASSERT_EQ(first.status, RunStatus::cancelled) << saves;
    case_.cancelled = false;
    checkpoints_.saves = std::numeric_limits<int>::max();

    const RunRecord resumed = train(case_, &checkpoints_);

    EXPECT_EQ(outcome(resumed), outcome(whole)) << "interrupted at step " << first.steps;
    EXPECT_THAT(checkpoints_.told.back(), HasSubstr("continues at step " + std::to_string(first.steps)));
  }
}

TEST_P(ResumedRun, IsTheUninterruptedOneHoweverOftenItIsInterrupted) {
  const RunRecord whole = train(case_);
  RunRecord record;
  int starts = 0;
  do {
    case_.cancelled = false;
    checkpoints_.saves = 1 + starts++ % 3;
    record = train(case_, &checkpoints_);
  } while (record.status == RunStatus::cancelled);
  EXPECT_GT(starts, 20);
  EXPECT_EQ(outcome(record), outcome(whole));
}

INSTANTIATE_TEST_SUITE_P(All, ResumedRun, ::testing::ValuesIn(all_cases()),
                         [](const auto& instance) { return instance.param.name(); });

TEST(Checkpoint, HoldsWhatTheStopRuleRemembers) {
  TrainingCase c(9, 6, 21, Activations::index_of<Tanh>(), 0, 2000);
  c.record.steps = {0, 2000};
  c.training.stop = PlateauStop{{0.05, 50}};
  const RunRecord whole = train(c);
  ASSERT_EQ(whole.reason, StopReason::plateau);
  MemoryCheckpoints checkpoints(c.cancelled);
  checkpoints.saves = static_cast<int>(whole.steps) - 5;
  static_cast<void>(train(c, &checkpoints));
  c.cancelled = false;
  checkpoints.saves = std::numeric_limits<int>::max();

  EXPECT_EQ(outcome(train(c, &checkpoints)), outcome(whole));
}

TEST(Checkpoint, InMidEpochGoesOnWithTheSameBatchAndMasks) {
  for (const Precision precision : {Precision::float32, Precision::float64}) {
    TrainingCase c(61, 14, 37, Activations::index_of<Tanh>(), 0, 60);
    c.data.outputs = 4;
    c.data.test_samples = 3;
    c.training.batch_size = 7;  // nine steps an epoch, the last of them with five samples
    c.training.dropout = 0.25;
    c.training.biases = true;
    c.training.decay = Decay::all;
    c.training.precision = precision;
    const RunRecord whole = train(c);
    ASSERT_EQ(whole.status, RunStatus::done);
    for (const int saves : {1, 4, 9, 10, 31}) {
      MemoryCheckpoints checkpoints(c.cancelled);
      checkpoints.saves = saves;
      ASSERT_EQ(train(c, &checkpoints).status, RunStatus::cancelled);
      c.cancelled = false;
      checkpoints.saves = std::numeric_limits<int>::max();

      EXPECT_EQ(outcome(train(c, &checkpoints)), outcome(whole)) << "after " << saves << " saves";
    }
  }
}

TEST(Checkpoint, KeepsTheDeviationOfTheFirstStep) {
  TrainingCase c(9, 6, 21, Activations::index_of<Tanh>(), 0, 20);
  c.training.precision = Precision::float32;  // which deviates by more than nothing
  const Problem problem = c.problem();
  const PlainFirstStep check;
  std::atomic<bool> cancelled = false;
  MemoryCheckpoints checkpoints(cancelled);
  TrainingRequest request{problem, c.data, c.training, c.record, {&c.run, 1}, c.solver, cancelled};
  request.first_step = &check;
  const RunRecord whole = make_cpu_trainer()->train(request).at(0);
  request.checkpoints = &checkpoints;
  for (const int saves : {1, 2, 9}) {  // the first is made before the first step
    checkpoints.states.clear();
    checkpoints.saves = saves;
    cancelled = false;
    ASSERT_EQ(make_cpu_trainer()->train(request).at(0).status, RunStatus::cancelled);
    cancelled = false;
    checkpoints.saves = std::numeric_limits<int>::max();

    const RunRecord resumed = make_cpu_trainer()->train(request).at(0);

    EXPECT_GT(resumed.first_step_deviation, 0);
    EXPECT_EQ(outcome(resumed), outcome(whole)) << saves;
  }
}

TEST(Checkpoint, OfAnotherVectorLengthIsNotRead) {
  TrainingCase c(9, 6, 21, Activations::index_of<Tanh>(), 0, 20);
  c.solver = Solver::sample_space;
  const RunRecord whole = train(c);
  MemoryCheckpoints checkpoints(c.cancelled);
  checkpoints.saves = 3;
  static_cast<void>(train(c, &checkpoints));
  c.cancelled = false;
  checkpoints.saves = std::numeric_limits<int>::max();
  constexpr std::size_t head = 44;  // what the loop saves before its observations, of steps 0 to 3
  checkpoints.states.begin()->second[head + 4 * sizeof(Observation)] ^= std::byte{1};

  const RunRecord anew = train(c, &checkpoints);

  EXPECT_EQ(outcome(anew), outcome(whole));
  EXPECT_THAT(checkpoints.told, ElementsAre(HasSubstr("starts over: its checkpoint is for another processor")));
}

TEST(Checkpoint, ThatIsForgedStartsTheRunOver) {
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear, Solver::layered}) {
    for (const int activation : {Activations::index_of<Linear>(), Activations::index_of<Relu>()}) {
      TrainingCase c(9, 6, 21, activation, 0, 40);
      if (!accepts(solver, {}, {}, c.run)) {
        continue;
      }
      c.solver = solver;
      c.data.test_samples = 3;
      c.record.steps = {0, 1, 5, 20, 40};
      constexpr std::size_t evaluation_bytes = 3 * 6 * sizeof(double);  // made at steps 0, 1 and 5, three sums each
      const RunRecord whole = train(c);
      MemoryCheckpoints first(c.cancelled);
      first.saves = 12;
      ASSERT_EQ(train(c, &first).status, RunStatus::cancelled);
      const Bytes saved = first.states.begin()->second;
      std::vector<Bytes> forgeries = testing::forgeries_of(saved, 39, 21);
      for (const std::size_t at : {step_at + 8, step_at + 16, step_at + 24}) {  // of the stop rule, and the time
        forgeries.push_back(testing::with_number(saved, at, std::numeric_limits<double>::quiet_NaN()));
        forgeries.push_back(testing::with_number(saved, at, -std::numeric_limits<double>::infinity()));
      }
      constexpr double nan = std::numeric_limits<double>::quiet_NaN();
      const bool has_evaluations = solver == Solver::weight_space || solver == Solver::layered;
      const std::size_t last_weight = has_evaluations ? evaluation_bytes + 8 : 8;
      forgeries.push_back(testing::with_number(saved, saved.size() - last_weight, nan));
      for (const Bytes& forged : forgeries) {
        c.cancelled = false;
        MemoryCheckpoints checkpoints(c.cancelled);
        checkpoints.states[first.states.begin()->first] = forged;

        const RunRecord record = train(c, &checkpoints);

        EXPECT_EQ(outcome(record), outcome(whole)) << name_of(solver);
        ASSERT_THAT(checkpoints.told, ElementsAre(HasSubstr("starts over: "))) << name_of(solver);
      }
    }
  }
}

TEST(Checkpoint, IsNotMadeBeforeTheIntervalIsOver) {
  class Rare final : public Checkpoints {
   public:
    [[nodiscard]] double interval_s() const override { return 3600; }
    [[nodiscard]] std::optional<Bytes> load(std::int64_t, Solver) override { return std::nullopt; }
    void save(std::int64_t, Solver, std::span<const std::byte>) override { ++saves; }
    void tell(const std::string& text) override { told.push_back(text); }
    int saves = 0;
    std::vector<std::string> told;
  };
  TrainingCase c(9, 6, 21, Activations::index_of<Tanh>(), 0, 500);
  Rare checkpoints;

  const RunRecord record = train(c, &checkpoints);
  EXPECT_EQ(record.status, RunStatus::done);
  c.cancelled = true;
  static_cast<void>(train(c, &checkpoints));

  EXPECT_EQ(checkpoints.saves, 0);
  EXPECT_THAT(checkpoints.told, IsEmpty());
}

}  // namespace
}  // namespace fasweep
